"""The built-in pattern and block rules: secrets that give themselves away by their form.

Prefixes and lengths are those that the issuers publish in their documentation; where an issuer leaves the length open,
the lower bound is one that ordinary words do not reach.
"""

from __future__ import annotations

from typing import Final

from .rules import BlockRule, Hit, PatternRule

_A36: Final = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
_QUOTE: Final = r"""\\*["']?"""

_AUTHORITY: Final = r":\\*/\\*/[^\s\"'<>/?#:@\[=]*:"
_CLIENT: Final = (
    r"(?:mysql(?:dump|admin|import|show|check|sh|slap|binlog)?|mariadb(?:-\w+)?|mongo(?:sh|dump|restore)?"
    r"|sshpass|(?:docker|podman|registry|crictl|nerdctl)[ \t]+login)(?:\.exe)?"
    # Other arguments: none that a rule of its own may claim, because the trigger covers them.
    r"(?:[ \t,\"'\\]+(?:--(?:[a-oq-z][\w\-]*|port|protocol)?(?:=[^\s\"'\\|;&,]*)?|-[A-Za-oq-z][^\s\"'\\|;&=]*"
    r"|[^\s\-\"'\\|;&=:,][^\s\"'\\|;&=:,]*))*?[ \t,\"'\\]+-p"
)

_NEXT_WORD: Final = r"(?:[ \t]+\\*[\"']?|\\*[\"'],[ \t]*\\*[\"'])"


def _prefixed(name: str, issuer: str, prefix: str, sample: str, body: str) -> PatternRule:
    """A token that consists of a published prefix and an opaque body."""
    return PatternRule(
        name=name,
        reason=f"A token of {issuer}.",
        trigger=prefix,
        pattern=f"(?:{prefix}){body}",
        hits=(Hit(f"using {sample} now", sample), Hit(f'"x":"{sample}"', sample)),
        lookalikes=(f"the prefix {sample[:5]} alone",),
    )


BLOCKS: Final = (
    BlockRule(
        name="pem",
        reason="Keys, certificates and signatures in PEM armour, over any number of lines.",
        begin=r"-----BEGIN [A-Z0-9 ]+-----",
        end=r"-----END [A-Z0-9 ]+-----",
        hits=(
            Hit(
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJ\nq7==\n-----END RSA PRIVATE KEY-----\n",
                "MIIEowIBAAKC",
            ),
            Hit(
                "x -----BEGIN EC PRIVATE KEY-----\\nMHcCAQEE1234abcd\\n-----END EC PRIVATE KEY-----\\n y",
                "MHcCAQEE1234abcd",
            ),
            Hit("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJ\nnever ended\n", "MIIEowIBAAKC"),
            Hit("-----BEGIN PRIVATE KEY-----\nother words\nMIIEowIBAAKCAQEA0Z3VS5JJ\nq7==\n", "MIIEowIBAAKC"),
        ),
        lookalikes=("----- BEGIN OF LOG -----", "-----BEGIN-----"),
    ),
)

PATTERNS: Final = (
    PatternRule(
        name="pem",
        reason="DER in base64 begins so: the first line of a key or certificate that has lost its armour.",
        trigger=r"MII[A-Za-z0-9+/]{37}",
        pattern=r"MII[A-Za-z0-9+/]{37,}={0,2}",
        hits=(
            Hit(
                "x\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Z3VS5JJcds3xfn/ygWyFabcdef\ny",
                "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Z3VS5JJcds3xfn/ygWyFabcdef",
            ),
        ),
        lookalikes=("MIIEpAIBAAKC", "xMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Z3VS5JJcds3"),
    ),
    PatternRule(
        name="authorization",
        reason="HTTP authorization fields in dumps, traces and command lines.",
        trigger=r"(?i:(?:proxy-)?authorization)" + _QUOTE + r"\s{0,4}[:=]",
        pattern=r"(?i)(?:proxy-)?authorization" + _QUOTE + r"\s{0,4}[:=]\s{0,4}\\*[\"'\[]{0,2}"
        r"(?P<secret>(?:digest|aws4-hmac-sha256|hawk|oauth)\s+[^\r\n]+"
        r"|(?:bearer|basic|token|negotiate|ntlm|apikey|sso-key)\s+[^\s\"'\\,\]\}<]+|[\w+/=.~\-]{16,})",
        hits=(
            Hit("> Authorization: Bearer abc.def", "abc.def"),
            Hit("curl -H 'Authorization: Basic dXNlcjpwYXNz' https://x", "dXNlcjpwYXNz"),
            Hit("Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
            Hit("headers=map[Authorization:[Bearer abcdef]]", "abcdef"),
            Hit('Authorization: Digest username="bob", response="6629fae49393"', "6629fae49393"),
        ),
        lookalikes=("authorization: RBAC", "authorization: none", "Authorization: required"),
    ),
    PatternRule(
        name="cookie",
        reason="Cookies open sessions.",
        trigger=r"(?i:(?:set-)?cookie)" + _QUOTE + r"\s{0,4}[:=]",
        pattern=r"(?i)(?:set-)?cookie"
        + _QUOTE
        + r"\s{0,4}[:=]\s{0,4}\\*[\"'\[]{0,2}(?P<secret>[\w!#$%&*+.^|~\-]+=[^\r\n\"'\\<][^\r\n\"'\\]*)",
        hits=(
            Hit("Cookie: sid=abc123; theme=dark", "abc123"),
            Hit("< Set-Cookie: JSESSIONID=ABC123; Path=/; HttpOnly", "ABC123"),
        ),
        lookalikes=("cookie: enabled", "cookies are set"),
    ),
    PatternRule(
        name="bearer",
        reason="A bearer token outside of a header field.",
        trigger=r"(?i:bearer)[ \t]+[\w.~+/\-]{8}",
        pattern=r"(?i)bearer[ \t]+(?P<secret>[\w.~+/\-]{8,}=*)",
        check="opaque",
        hits=(Hit("sent Bearer abc123def456", "abc123def456"),),
        lookalikes=("bearer authentication failed", "Bearer token missing"),
    ),
    PatternRule(
        name="basic-auth",
        reason="Basic credentials outside of a header field.",
        trigger=r"(?i:basic)[ \t]+[A-Za-z0-9+/]{8}",
        pattern=r"(?i)basic[ \t]+(?P<secret>[A-Za-z0-9+/]{8,}={0,2})",
        check="mixed",
        hits=(Hit("sent Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),),
        lookalikes=("basic authentication failed", "Basic programming", "a basic username/password pair"),
    ),
    PatternRule(
        name="url-userinfo",
        reason="Credentials in a URL, of any scheme: databases, brokers, proxies, Git.",
        trigger=r":\\*/\\*/[^\s\"'<>/?#:@]*:[^\s\"'<>/?#]+@",
        pattern=r":\\*/\\*/[^\s\"'<>/?#:@]*:(?P<secret>[^\s\"'<>/?#]+)@",
        boundary=False,
        hits=(
            Hit("postgres://app:hunter2@db:5432/shop?sslmode=disable", "hunter2"),
            Hit("redis://:hunter2@cache:6379/0", "hunter2"),
            Hit("mongodb+srv://app:p@ss@cluster0.example/test", "p@ss"),
            Hit("amqp://guest:hunter2@mq/", "hunter2"),
            Hit("jdbc:postgresql://app:hunter2@db/shop", "hunter2"),
        ),
        lookalikes=(
            "http://host:8080/path?mail=a@b.example",
            "ssh://git@github.com/x/y",
            "https://example.org/@user",
            "oci://registry:5000/app@sha256:0a1b",
        ),
    ),
    PatternRule(
        name="url-userinfo",
        reason="A password with unencoded delimiters; what reads as a port ends the authority.",
        # Bounded, because every URL of an endless line asks for what follows it.
        trigger=_AUTHORITY + r"(?:\d{0,5}[^\d\s\"'<>/?#@]|\d{6})",
        pattern=_AUTHORITY + r"(?P<secret>(?:\d{0,5}[^\d\s\"'<>/?#@]|\d{6})[^\s\"'<>]{0,200})@[\w\[$]",
        boundary=False,
        hits=(
            Hit("postgres://app:pa/ss@db:5432/x", "pa/ss"),
            Hit("postgres://app:pa#ss@db:5432/x?sslmode=disable", "pa#ss"),
            Hit("postgres://app:p@s/s@db:5432/x", "p@s/s"),
            Hit("mysql://app:12ab?w@db/x", "12ab?w"),
            Hit("redis://:1234567/8@cache:6379/0 ready", "1234567/8"),
        ),
        lookalikes=(
            "http://host:8080/users/@bob",
            "https://registry:5000/app@sha256:0a1b",
            "http://[::1]:80/x@y",
            "http://host:http/path a@b.example",
            "jdbc:sqlserver://db:1433;databaseName=shop",
        ),
    ),
    PatternRule(
        name="url-userinfo",
        reason="A token in the place of a URL's user.",
        trigger=r":\\*/\\*/[\w.~%\-]{20,}@",
        pattern=r":\\*/\\*/(?P<secret>[\w.~%\-]{20,})@",
        check="opaque",
        boundary=False,
        hits=(Hit("https://0123456789abcdef01234567@sentry.example/1", "0123456789abcdef01234567"),),
        lookalikes=("ssh://deployment-automation@host/x",),
    ),
    PatternRule(
        name="mysql-dsn",
        reason="The Go driver's form of a MySQL data source.",
        trigger=r"[\w.\-]+:[^\s\"'<>(]+@(?:tcp|udp|unix)\(",
        pattern=r"[\w.\-]+:(?P<secret>[^\s\"'<>(]+)@(?:tcp|udp|unix)\(",
        hits=(Hit("app:hunter2@tcp(db:3306)/shop", "hunter2"), Hit('"DataSource":"mm:pa@ss@tcp(db:3306)/mm"', "pa@ss")),
        lookalikes=("user@tcp(db:3306)/shop", "10:20 listening @ tcp(3306)"),
    ),
    _prefixed("aws-access-key", "AWS", "AKIA|ASIA|ABIA|ACCA", "AKIAIOSFODNN7EXAMPLE", r"[A-Z0-9]{16}\b"),
    _prefixed("gcp-api-key", "Google Cloud", "AIza", "AIza" + _A36[:35], r"[\w\-]{35}"),
    _prefixed("gcp-oauth", "Google OAuth", r"ya29\.", "ya29." + _A36, r"[\w\-]{20,}"),
    _prefixed("gcp-client-secret", "Google OAuth clients", "GOCSPX-", "GOCSPX-" + _A36[:28], r"[\w\-]{20,}"),
    PatternRule(
        name="azure-sas",
        reason="The signature of an Azure shared access URL.",
        trigger=r"[?&;]sig=",
        pattern=r"[?&;]sig=(?P<secret>[\w%+/=.\-]{16,})",
        boundary=False,
        hits=(Hit("https://a.blob.example/c?sv=2024&sig=abc123DEF456%2Bxyz%3D&se=1", "abc123DEF456%2Bxyz%3D"),),
        lookalikes=("/x?sig=none",),
    ),
    PatternRule(
        name="presigned-url",
        reason="Signature and session token of a presigned S3 URL.",
        trigger=r"(?i:x-(?:amz|goog)-(?:signature|security-token))=",
        pattern=r"(?i)x-(?:amz|goog)-(?:signature|security-token)=(?P<secret>[\w%+/=.\-]{8,})",
        hits=(Hit("GET /b/k?X-Amz-Date=1&X-Amz-Signature=fe5f80f77d5fa3 HTTP/1.1", "fe5f80f77d5fa3"),),
        lookalikes=("X-Amz-SignedHeaders=host",),
    ),
    _prefixed("github-token", "GitHub", "gh[pousr]_", "ghp_" + _A36, r"[A-Za-z0-9]{36,}"),
    _prefixed("github-pat", "GitHub", "github_pat_", "github_pat_" + _A36, r"\w{22,}"),
    _prefixed(
        "gitlab-token",
        "GitLab",
        "gl(?:pat|dt|rt|cbt|ptt|oas|soat|ft|imt|agent)-",
        "glpat-" + _A36[:20],
        r"[\w\-.]{20,}",
    ),
    _prefixed("slack-token", "Slack", "xox[abceoprs]-|xapp-", "xoxb-123456789012-abcdefABCDEF", r"[\w\-]{10,}"),
    PatternRule(
        name="slack-webhook",
        reason="Whoever knows the path may post.",
        trigger=r"hooks\.slack\.com/(?:services|workflows)/",
        pattern=r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[\w/]{20,})",
        hits=(Hit("https://hooks.slack.com/services/T00000000/B00000000/abc123DEF456", "abc123DEF456"),),
        lookalikes=("https://hooks.slack.com/services/",),
    ),
    _prefixed("stripe-key", "Stripe", "[sr]k_(?:live|test)_|whsec_", "sk_live_" + _A36[:24], r"[A-Za-z0-9]{16,}"),
    _prefixed("npm-token", "npm", "npm_", "npm_" + _A36, r"[A-Za-z0-9]{36}\b"),
    _prefixed("pypi-token", "PyPI", "pypi-AgE", "pypi-AgEIcHlwaS5vcmc" + _A36, r"[\w\-]{16,}"),
    _prefixed("twilio-key", "Twilio", "SK[0-9a-f]{8}", "SK0123456789abcdef0123456789abcdef", r"[0-9a-f]{24}\b"),
    _prefixed(
        "sendgrid-key",
        "SendGrid",
        r"SG\.",
        "SG." + _A36[:22] + "." + _A36[:30] + "abcdefghi1234",
        r"[\w\-]{16,32}\.[\w\-]{16,64}",
    ),
    _prefixed("vault-token", "HashiCorp Vault", r"hv[sbr]\.", "hvs." + _A36, r"[\w\-]{20,}"),
    _prefixed("dockerhub-token", "Docker Hub", "dckr_(?:pat|oat)_", "dckr_pat_" + _A36[:27], r"[\w\-]{20,}"),
    _prefixed("digitalocean-token", "DigitalOcean", "do[opr]_v1_", "dop_v1_" + "0a1b2c3d" * 8, r"[0-9a-f]{40,}"),
    _prefixed("grafana-token", "Grafana", "glsa_|glc_", "glsa_" + _A36, r"[\w+/=\-]{24,}"),
    _prefixed("huggingface-token", "Hugging Face", "hf_", "hf_" + _A36[:34], r"[A-Za-z0-9]{30,}"),
    _prefixed(
        "openai-key",
        "OpenAI and Anthropic",
        "sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9]{4}",
        "sk-proj-" + _A36,
        r"[\w\-]{28,}",
    ),
    _prefixed("age-key", "age", "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1" + "QPZRY9X8" * 7, r"[A-Z0-9]{40,}"),
    _prefixed("shopify-token", "Shopify", "shp(?:at|ca|pa|ss)_", "shpat_" + "0a1b2c3d" * 4, r"[0-9a-fA-F]{32}"),
    _prefixed("newrelic-key", "New Relic", "NRAK-", "NRAK-ABCDEFGHIJKLMNOPQRSTUVWXYZ1", r"[A-Z0-9]{27}"),
    _prefixed("atlassian-token", "Atlassian", "ATATT3|ATCTT3", "ATATT3xFfGF0" + _A36, r"[\w=\-]{24,}"),
    PatternRule(
        name="jwt",
        reason="Signed and encrypted JSON web tokens.",
        trigger=r"eyJ[\w\-]{6,}\.",
        pattern=r"eyJ[\w\-]{6,}(?:\.[\w\-]*){2,4}",
        hits=(Hit("id eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF-123 ok", "eyJzdWIiOiIxIn0"),),
        lookalikes=("eyJhbGciOi", "file eyJabcdefgh.txt"),
    ),
    PatternRule(
        name="password-hash",
        reason="Hashes of crypt, bcrypt and Argon2 can be attacked offline.",
        trigger=r"\$(?:2[abxy]|apr1|[156y]|7|argon2i?d?)\$",
        pattern=r"\$(?:2[abxy]|apr1|[156y]|7|argon2i?d?)\$[\w./$=,+\-]{20,}",
        boundary=False,
        hits=(Hit("bob:$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234", "abcdefghijklmnopqrstuv"),),
        lookalikes=("cost $5$ each",),
    ),
    PatternRule(
        name="sql-password",
        reason="Statements that set a user's password.",
        trigger=r"(?i:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?(?:by|as)|password)[ \t]+(?:password[ \t]+)?\\*'",
        pattern=r"(?i)(?:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?(?:by|as)|password)[ \t]+"
        r"(?:password[ \t]+)?\\*'(?P<secret>[^'\r\n<][^'\r\n]*)",
        hits=(
            Hit("CREATE USER app IDENTIFIED BY 'hunter2';", "hunter2"),
            Hit("ALTER ROLE app WITH ENCRYPTED PASSWORD 'hunter2'", "hunter2"),
        ),
        lookalikes=("IDENTIFIED BY RANDOM PASSWORD",),
    ),
    PatternRule(
        name="curl-user",
        reason="User and password on curl's command line.",
        trigger=r"curl[ \t][^\r\n|]*(?:-u|--user|--proxy-user)[ \t=]+",
        pattern=r"curl[ \t][^\r\n|]*?(?:-u|--user|--proxy-user)[ \t=]+[\"']?[^\s:\"']+:(?P<secret>[^\s\"'<][^\s\"']*)",
        hits=(Hit("curl -s -u bob:hunter2 https://x", "hunter2"),),
        lookalikes=("curl -u bob https://x", "curl --user-agent bob https://x"),
    ),
    PatternRule(
        name="password-option",
        reason="The password in one word with the option -p of database clients.",
        trigger=_CLIENT + r"[^\s\"'$<>|;&=,\\\-]",
        pattern=_CLIENT + r"(?P<secret>[^\s\"'$<>|;&=,\\\-][^\s\"'<]*[^\s\"'<\\]?)",
        check="no-option",
        hits=(
            Hit("mysql -h db -u root -pS3cr3t shop", "S3cr3t"),
            Hit("+ /usr/bin/mysqldump -uroot --host=db -phunter2 --all-databases", "hunter2"),
            Hit("/bin/sh -c \"mysql -u root -phunter2 -e 'select 1'\"", "hunter2"),
            Hit("exec mysql -- mysql -u root -p12345", "12345"),
        ),
        lookalikes=(
            "mysql -u root -p",
            "mysql -p$MYSQL_PASSWORD shop",
            "mysql -u root -port 3306",
            "mysql -P 3306 -h db",
        ),
    ),
    PatternRule(
        name="password-option",
        reason="The same in quotes.",
        trigger=_CLIENT + r"\\*[\"'][^\"'\s,<$\]]",
        pattern=_CLIENT + r"\\*[\"'](?P<secret>[^\"'\s,<$\]][^\"'\\\r\n<]*)",
        hits=(Hit("mysql -u root -p'hun ter2' shop", "hun ter2"),),
        lookalikes=("mysql -u root -p'$PASS' shop", '["mysql", "-p"]'),
    ),
    PatternRule(
        name="password-option",
        reason="The password as a word of its own after -p: so for logins, and by mistake for MySQL.",
        trigger=_CLIENT + _NEXT_WORD + r"[^\s\"'\\<>|;&$=\-]",
        pattern=_CLIENT + _NEXT_WORD + r"(?P<secret>[^\s\"'\\<>|;&$=\-][^\s\"'\\<]*)",
        check="no-port",
        hits=(
            Hit("mysql -u root -p hunter2 shop", "hunter2"),
            Hit("sshpass -p 'hunter2' ssh bob@host", "hunter2"),
            Hit("docker login -u bob -p hunter2 r.example", "hunter2"),
        ),
        lookalikes=(
            "docker run --name mysql -p 3306:3306 mysql",
            "mysql mkdir -p /var/lib/mysql",
            "mysql -p -h db",
            "psql -p 5432 -h db",
        ),
    ),
    PatternRule(
        name="xml-element",
        reason="A secret as the text of an XML element.",
        trigger=r"(?i:<[\w.:\-]*(?:password|passwd|secret|token|api-?key|private-?key)>)",
        pattern=r"(?i)<[\w.:\-]*(?:password|passwd|secret|token|api-?key|private-?key)>(?P<secret>[^<>\r\n]+)</",
        boundary=False,
        hits=(Hit("<dbPassword>hunter2</dbPassword>", "hunter2"),),
        lookalikes=("<password></password>", "<password>"),
    ),
)
