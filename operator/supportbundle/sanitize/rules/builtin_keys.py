"""The built-in key rules: names under which people keep secrets, and names that only look like it."""

from __future__ import annotations

from typing import Final

from .builtin_hints import HINTS
from .records import AllowList, Hit, KeyRule

KEYS: Final = (
    KeyRule(
        name="password",
        reason="A password, whatever its case and separators.",
        words=("password", "pass-wd", "pass-phrase", "pass-code", "pwd", "require-pass", "authentication-string"),
        last=("pass", "pw", "dbpw", "rootpw", "passkey"),
        hits=(
            Hit("dbPassword=hunter2", "hunter2"),
            Hit("DB_PASSWORD: hunter2", "hunter2"),
            Hit('{"db-password": "hunter2"}', "hunter2"),
            Hit("connect host=db password='correct horse' user=app", "correct horse"),
            Hit("Server=db;User Id=sa;Password=Pa55w;Encrypt=true", "Pa55w"),
            Hit("export PGPASSWORD=hunter2", "hunter2"),
            Hit("DB_PASS=hunter2", "hunter2"),
            Hit("{User:bob Password:hunter2 Host:db}", "hunter2"),
            Hit('msg="{\\"password\\":\\"hunter2\\"}"', "hunter2"),
            Hit("mysqldump --password=hunter2 shop", "hunter2"),
            Hit("mysqldump --password hunter2 shop", "hunter2"),
            Hit("{'password': 'hunter2'}", "hunter2"),
        ),
        lookalikes=(
            "passwordPolicy: strict",
            "PWD=/usr/src/app",
            "OLDPWD=/root",
            "--- PASS: TestLogin (0.02s)",
            "pass: 12 fail: 0",
            "password: not set",
            "error: invalid password: user has been locked",
            "password_file=/run/secrets/db",
            "use --password to give one",
            "docker login --password-stdin registry",
            "password=${DB_PASSWORD}",
            "DB_PASSWORD:  <set to the key 'password' in secret 'db'>",
            'password=""',
            "passed=4",
        ),
    ),
    KeyRule(
        name="api-key",
        reason="Keys of services.",
        words=(
            "api-key",
            "app-key",
            "application-key",
            "subscription-key",
            "instrumentation-key",
            "developer-key",
            "sdk-key",
        ),
        hits=(Hit("X-Api-Key: abc123def", "abc123def"), Hit('"apiKey":"abc123def"', "abc123def")),
        lookalikes=("apiKeyName: prod", "api_key_id=7"),
    ),
    KeyRule(
        name="private-key",
        reason="Key material of encryption, signing and storage accounts.",
        words=(
            "private-key",
            "client-key",
            "access-key",
            "secret-key",
            "account-key",
            "shared-key",
            "signing-key",
            "encryption-key",
            "encrypt-key",
            "decryption-key",
            "crypt-key",
            "master-key",
            "storage-key",
            "license-key",
            "session-key",
            "auth-key",
            "deploy-key",
            "ssh-key",
            "hmac-key",
            "unseal-key",
            "recovery-key",
            "tls-key",
            "server-key",
            "root-key",
            "webhook-key",
            "validation-key",
            "preshared-key",
            "split-key",
            "mesh-key",
            "daemon-key",
            "key-material",
            "key-secret",
            "secret-access",
            "aibridge-openai-key",
            "aibridge-anthropic-key",
        ),
        hits=(
            Hit("AccountName=store;AccountKey=Zm9vYmFy==;EndpointSuffix=x", "Zm9vYmFy=="),
            Hit("client-key-data: LS0tLS1CRUdJTg==", "LS0tLS1CRUdJTg=="),
            Hit('"AtRestEncryptKey": "q9x8w7"', "q9x8w7"),
            Hit('"SplitKey": "q9x8w7"', "q9x8w7"),
            Hit("aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCY", "wJalrXUtnFEMIK7MDENGbPxRfiCY"),
        ),
        lookalikes=(
            "publicKey: abc",
            '<a accesskey="n" rel="next">',
            "accessKeyId: 7",
            "partition_key=user",
            "cacheKey=abc",
            "private_key_path=/x/y",
        ),
    ),
    KeyRule(
        name="token",
        reason="Session, bearer and service tokens.",
        words=("token", "jwt", "bearer"),
        hits=(
            Hit("token=abc123", "abc123"),
            Hit("GET /login?access_token=abc123&next=/ HTTP/1.1", "abc123"),
            Hit("refreshToken: abc123", "abc123"),
            Hit("vault --token s.abc123 login", "s.abc123"),
            Hit('args: ["--token", "abc123"]', "abc123"),
        ),
        lookalikes=(
            "tokenExpiry: 30m",
            "tokens=4096",
            "max_tokens: 512",
            "token=1024",
            "prompt_tokens=12 completion_tokens=9",
            "token_count=12",
            "token_type: bearer",
            "tokenizer: bpe",
            "Unexpected token: }",
            "serviceAccountToken:",
            "token: expired",
            "the --token flag is required",
            "token := lexer.Next()",
            'if token == "" {',
            "automountServiceAccountToken: true",
        ),
    ),
    KeyRule(
        name="secret",
        reason="Anything that its owner calls a secret.",
        words=("secret",),
        hits=(Hit("clientSecret=abc123", "abc123"), Hit("OAUTH_CLIENT_SECRET: abc123", "abc123")),
        lookalikes=(
            "secretName: db",
            "secretKeyRef:",
            "imagePullSecrets:",
            "secrets: 12",
            'error getting secret: secrets "db" not found',
            "existingSecret: db",
            "secret_version=3",
        ),
    ),
    KeyRule(
        name="credential",
        reason="Anything that its owner calls credentials.",
        words=("credential", "dockerconfigjson", "docker-cfg", "secure-json-data"),
        last=("creds",),
        hits=(Hit("credentials=abc123", "abc123"), Hit("smtp_creds: bob/hunter2", "hunter2")),
        lookalikes=("credentialsFile: /x/y", "credential_type=iam"),
    ),
    KeyRule(
        name="authorization",
        reason="The value of an HTTP authorization field, also in configuration.",
        last=("authorization", "authheader"),
        value=r"(?i)(?:\[?(?:bearer|basic|token|digest|negotiate|apikey)\s+\S+.*|[\w+/=.~\-]{16,})",
        hits=(Hit('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),),
        lookalikes=("authorization: RBAC", "authorization:", "authorization-mode=Node,RBAC"),
    ),
    KeyRule(
        name="shared-secret",
        reason="Keys that two sides share, and seeds of one-time passwords.",
        words=(
            "psk",
            "pre-shared-key",
            "image-proxy-options",
            "erlang-cookie",
            "remote-image-proxy-options",
        ),
        last=("psk",),
        hits=(
            Hit("CODER_PROVISIONER_DAEMON_PSK=abc123", "abc123"),
            Hit('"RemoteImageProxyOptions": "abc123"', "abc123"),
            Hit("RABBITMQ_ERLANG_COOKIE=ABCDEF", "ABCDEF"),
        ),
        lookalikes=("psk_enabled=true", "psk: none"),
    ),
    KeyRule(
        name="cookie",
        reason="Session cookies.",
        last=("cookie",),
        value=r"[^\s=]+=.+|[\w+/=.~\-]{16,}",
        hits=(Hit('{"Cookie": "sid=abc123"}', "abc123"),),
        lookalikes=("cookie: enabled", "cookiePath=/"),
    ),
    KeyRule(
        name="registry-auth",
        reason="Docker's config.json keeps base64 of user:password under auth; others keep a key there.",
        last=("auth",),
        value=r"[\w+/=.~:\-]{4,}",
        check="credential",
        hits=(
            Hit('{"auths":{"r.example":{"auth":"dXNlcjpwYXNzd29yZA=="}}}', "dXNlcjpwYXNzd29yZA=="),
            Hit("auth=a1B2c3D4e5F6g7H8i9J0", "a1B2c3D4e5F6g7H8i9J0"),
        ),
        lookalikes=("auth: ldap", "auth=none", "auth=kubernetes", "auth: {enabled: true}"),
    ),
    KeyRule(
        name="salt",
        reason="Salts and peppers that protect stored passwords and links.",
        words=("link-salt",),
        last=("salt", "pepper"),
        hits=(Hit('"PublicLinkSalt": "abc123"', "abc123"),),
        lookalikes=("salted=true",),
    ),
    KeyRule(
        name="connection-string",
        reason="Connection strings carry the password inside.",
        words=("connection-string",),
        last=("dsn",),
        value=r"\S+",
        check="no-login",
        hits=(
            Hit('{"connectionString": "Server=db;Uid=sa;Pwd=x1y2"}', "x1y2"),
            Hit("SENTRY_DSN=https://abc123@sentry.example/1", "abc123"),
        ),
        lookalikes=("dsnFormat: url",),
    ),
    *HINTS,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWED: Final = AllowList(
    exact=_words(
        """
        automountserviceaccounttoken serviceaccounttoken imagepullsecret imagepullsecrets existingsecret secretref
        secretkeyref secretname secretobjects secretproviderclass tokenreview tokenrequests tokenrequest
        googleapplicationcredentials imagepullsecretref boundserviceaccounttoken csinodepublishsecretref
        nodepublishsecretref secretkeyselector adminpasswordkey userpasswordkey rootpasswordkey replicationpasswordkey
        existingsecretpasswordkey
        """
    ),
    last=_words(
        """
        name names ref refs reference references file files filename path paths dir directory url uri urls endpoint host
        port id ids uid type types kind kinds length len count counts counter size limit max min number num enabled
        enable disabled disable required optional allowed supported present exists expired valid invalid set policy
        policies expiry expires expiration expirations ttl duration timeout interval seconds minutes hours days millis
        age date time at on version versions rotation state status reason message error errors format algorithm alg
        method methods mode class hint prompt label labels annotation annotations field fields header headers param
        namespace namespaces provider providers store stores manager driver backend engine total rate bucket buckets
        usage used attempts retries strength complexity created updated modified changed audience audiences issuer
        issuers scope scopes index template selector source sources budget window capacity stdin env mount volume
        controller operator plugin api service server client resource resources mapping schema info metadata position
        line column kid fingerprint thumbprint public per second latency ms bytes sum cache requests request review
        reviews generation generator validator verifier lookup group groups role roles user users username email owner
        description title documentation doc docs help usages update updates link links encryption lifetime settings
        """
    ),
    first=_words(
        """
        has is was use uses using enable enabled disable disabled require requires required allow allows show hide no
        skip max min num total existing prompt completion input output missing invalid unexpected
        """
    ),
    anywhere=_words(
        """
        tokenizer tokenizers tokenization tokenize tokenized secretary passed passes passing passive passthrough bearers
        compass bypass
        """
    ),
)
