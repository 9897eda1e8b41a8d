"""Key material by its own form: armoured blocks, their bodies without armour, signed tokens, hashes of passwords."""

from __future__ import annotations

from typing import Final

from .issued import ALNUM, BASE64, of_class
from .records import BlockRule, Hit, PatternRule

_LINE: Final = of_class(BASE64, 64)

BLOCKS: Final = (
    BlockRule(
        name="pem",
        reason="Keys, certificates and signatures in PEM armour, over any number of lines.",
        begin=r"-----BEGIN [A-Z0-9 ]{1,60}-----",
        end=r"-----END [A-Z0-9 ]{1,60}-----",
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
    BlockRule(
        name="ssh-key",
        reason="Private keys in the form of SSH2.",
        begin=r"---- BEGIN SSH2 [A-Z0-9 ]{1,40} ----",
        end=r"---- END SSH2 [A-Z0-9 ]{1,40} ----",
        hits=(
            Hit(
                f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n{_LINE}\n"
                "---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
                _LINE,
            ),
        ),
        lookalikes=("---- BEGIN of the section ----",),
    ),
    BlockRule(
        name="ssh-key",
        reason="The private part of a key in the form of PuTTY.",
        begin=r"Private-Lines: \d{1,3}",
        end=r"Private-MAC: [0-9a-f]{16,128}",
        hits=(Hit(f"Private-Lines: 1\n{_LINE}\nPrivate-MAC: {'0a' * 20}\n", _LINE),),
        lookalikes=("Private-Lines: none",),
    ),
)

ARMOUR: Final = (
    PatternRule(
        name="pem",
        reason="DER in base64 begins so: the first line of a key or certificate that has lost its armour.",
        trigger=r"MII[A-Za-z0-9+/]{37}",
        pattern=r"MII[A-Za-z0-9+/]{37,}={0,2}",
        hits=(Hit("x\nMII" + of_class(BASE64, 61) + "\ny", "MII" + of_class(BASE64, 61)),),
        lookalikes=("MIIEpAIBAAKC", "xMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Z3VS5JJcds3"),
    ),
    PatternRule(
        name="pem",
        reason="The same armour once more in base64, as Kubernetes keeps it; certificates alone are public.",
        trigger=r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{20}",
        pattern=r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}",
        check="no-certificate",
        hits=(
            Hit("tls: LS0tLS1" + "CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURBTkJna3Fo", "k1JSUV2UUlCQURBTkJna3Fo"),
        ),
        lookalikes=("caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURCakNDQWU2Z0F3",),
    ),
    PatternRule(
        name="ssh-key",
        reason="OpenSSH's private keys begin so in base64: a line that has lost its armour.",
        trigger=r"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{8}",
        pattern=r"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{8,}={0,2}",
        hits=(Hit("b3BlbnNzaC1rZXktdjEA" + _LINE, _LINE),),
        lookalikes=("openssh-key-v1",),
    ),
    PatternRule(
        name="jwt",
        reason="Signed and encrypted JSON web tokens.",
        trigger=r"eyJ[\w\-]{6,200}\.",
        pattern=r"eyJ[\w\-]{6,}(?:\.[\w\-]*){2,4}",
        hits=(Hit("id eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF-123 ok", "eyJzdWIiOiIxIn0"),),
        lookalikes=("eyJhbGciOi", "file eyJabcdefgh.txt"),
    ),
    PatternRule(
        name="jwt",
        reason="A JSON web token once more in base64.",
        trigger=r"ZXlK[A-Za-z0-9+/]{36}",
        pattern=r"ZXlK[A-Za-z0-9+/]{36,}={0,2}",
        hits=(
            Hit("data ZXlK" + "aGJHY2lPaUpJVXpJMU5pSjkuZXlKemRXSWlPaUl4SW4wLmFiY0RFRg==", "aGJHY2lPaUpJVXpJMU5pSjku"),
        ),
        lookalikes=("ZXlK",),
    ),
    PatternRule(
        name="password-hash",
        reason="Hashes of crypt, bcrypt and Argon2 can be attacked offline.",
        trigger=r"\$(?:2[abxy]|apr1|[156y]|7|argon2i?d?|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[\w./$=,+\-]{2}",
        pattern=r"\$(?:2[abxy]|apr1|[156y]|7|argon2i?d?|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[\w./$=,+\-]{20,}",
        boundary=False,
        hits=(Hit("bob:$2y$" + "10$" + of_class(ALNUM, 53), of_class(ALNUM, 53)),),
        lookalikes=("cost $5$ each",),
    ),
    PatternRule(
        name="password-hash",
        reason="Hashes that begin with the name of their method.",
        trigger=r"(?:pbkdf2_sha\d{1,3}\$\d|SCRAM-SHA-\d{1,3}\$\d|\{S?(?:SHA|MD5|CRYPT)\d{0,3}\}[A-Za-z0-9+/$])",
        pattern=r"(?:pbkdf2_sha\d{1,3}\$\d|SCRAM-SHA-\d{1,3}\$\d|\{S?(?:SHA|MD5|CRYPT)\d{0,3}\}[A-Za-z0-9+/$])"
        r"[\w./$=,+:\-]{19,}",
        boundary=False,
        hits=(
            Hit("x pbkdf2" + "_sha256$600000$" + of_class(ALNUM, 22) + "$" + of_class(ALNUM, 43), of_class(ALNUM, 43)),
            Hit("userPassword: {SS" + "HA}" + of_class(BASE64, 32), of_class(BASE64, 32)),
        ),
        lookalikes=("mechanism SCRAM-SHA-256 offered", "{SHA}"),
    ),
    PatternRule(
        name="password-hash",
        reason="PostgreSQL's older form: the method and the hash in one word.",
        trigger=r"\bmd5[0-9a-f]{32}\b",
        pattern=r"md5[0-9a-f]{32}\b",
        hits=(Hit("app | md5" + "0a1b" * 8, "0a1b" * 8),),
        lookalikes=("md5:0a1b", "md5 = " + "0a1b" * 8),
    ),
    PatternRule(
        name="tailnet-key",
        reason="Private node and machine keys of WireGuard's and Tailscale's protocol, as Coder's agents write them.",
        trigger=r"privkey:[0-9a-f]{32}",
        pattern=r"privkey:(?P<secret>[0-9a-f]{32,})",
        hits=(Hit("node privkey:" + "0a1b" * 16, "0a1b" * 16),),
        lookalikes=("nodekey:" + "0a1b" * 16, "discokey:" + "0a1b" * 16),
    ),
    PatternRule(
        name="coder-token",
        reason="A session token of Coder: ten characters, a hyphen, twenty-two.",
        trigger=r"(?i:coder|session)[\w\-]{0,20} (?:token |id |key ){0,2}[A-Za-z0-9]{10}-[A-Za-z0-9]{22}",
        pattern=r"(?i:coder|session)[\w\-]{0,20} (?:token |id |key ){0,2}(?P<secret>[A-Za-z0-9]{10}-[A-Za-z0-9]{22})\b",
        check="opaque",
        boundary=False,
        hits=(Hit("session token a1B2c3D4e5-" + of_class(ALNUM, 22) + " expired", of_class(ALNUM, 22)),),
        lookalikes=("coder workspace-agent-authentications-x",),
    ),
    PatternRule(
        name="mattermost-token",
        reason="Twenty-six characters after a word for what they open: sessions, incoming hooks.",
        trigger=r"/hooks/[a-z0-9]{26}",
        pattern=r"/hooks/(?P<secret>[a-z0-9]{26})\b",
        check="opaque",
        boundary=False,
        hits=(Hit("POST https://chat.example/hooks/a1b2c3d4e5f6g7h8i9j0k1l2m3", "a1b2c3d4e5f6g7h8i9j0k1l2m3"),),
        lookalikes=("/hooks/incoming", "/hooks/organizationwidewebhookabcd"),
    ),
)
