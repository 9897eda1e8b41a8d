"""Credentials in URLs, in the data sources of database drivers, and in SQL."""

from __future__ import annotations

from typing import Final

from .records import Hit, PatternRule

# Escaped slashes: JSON allows them, once or in JSON inside JSON.
_SLASHES: Final = r":(?://|\\/\\/|\\\\/\\\\/|\\\\\\/\\\\\\/)"
_USER: Final = r"[^\s\"'<>/?#:@]{0,128}"
_AUTHORITY: Final = _SLASHES + r"[^\s\"'<>/?#:@\[=]{0,128}:"
_ORACLE: Final = r"[\w$#.\-]{1,64}/(?P<secret>\\?\"[^\"\r\n]{1,128}\"|[^\s@\"'<>/]{1,128})@"
_ORACLE_TOOLS: Final = r"(?:sqlplus|sqlldr|impdp|expdp|rman|sqlcl)(?:[ \t]+-\w{1,8}){0,4}[ \t]+[\"']?"

DATABASES: Final = (
    PatternRule(
        name="url-userinfo",
        reason="A token in the place of a URL's user, with or without a password.",
        trigger=_SLASHES + r"[\w.~%\-]{20,128}(?::[^\s\"'<>/?#@]{0,200})?@",
        pattern=_SLASHES + r"(?P<secret>[\w.~%\-]{20,128}(?::[^\s\"'<>/?#@]{0,200})?)@",
        check="opaque",
        boundary=False,
        hits=(Hit("https://0123456789abcdef01234567@sentry.example/1", "0123456789abcdef01234567"),),
        lookalikes=("ssh://deployment-automation@host/x",),
    ),
    PatternRule(
        name="url-userinfo",
        reason="Credentials in a URL, of any scheme: databases, brokers, proxies, Git.",
        trigger=_SLASHES + _USER + r":[^\s\"'<>/?#]{1,256}@",
        pattern=_SLASHES + _USER + r":(?P<secret>[^\s\"'<>/?#]{1,256})@",
        shaped=True,
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
        shaped=True,
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
        name="mysql-dsn",
        reason="The Go driver's form of a MySQL data source; network and address may be left out.",
        seen=r"@(?:(?:tcp|udp|unix)\d?\(|\([\w.\-]|/[a-z_])",
        trigger=r":[^\s\"'<>(]{1,128}@(?:(?:tcp|udp|unix)\d?\(|\([\w.\-]{1,64}:|/[a-z_]\w{0,40}\b)",
        pattern=r":(?P<secret>[^\s\"'<>(/][^\s\"'<>(]{0,127})@(?:(?:tcp|udp|unix)\d?\(|\([\w.\-]{1,64}:|/[a-z_]\w{0,40}\b)"
        r"",
        shaped=True,
        boundary=False,
        hits=(
            Hit("app:hunter2@tcp(db:3306)/shop", "hunter2"),
            Hit('"DataSource":"mm:pa@ss@tcp(db:3306)/mm"', "pa@ss"),
            Hit("open app:hunter2@/shop?parseTime=true", "hunter2"),
        ),
        lookalikes=("user@tcp(db:3306)/shop", "10:20 listening @ tcp(3306)", "path: @/components/x"),
    ),
    PatternRule(
        name="oracle-login",
        reason="Oracle's drivers and tools take user/password@database.",
        trigger=r"jdbc:oracle:[a-z0-9]{2,6}:[\w$#.\-]{1,64}/[^\s@<>]",
        pattern=r"jdbc:oracle:[a-z0-9]{2,6}:" + _ORACLE,
        boundary=False,
        hits=(Hit("jdbc:oracle:thin:app/hunter2@db:1521:orcl", "hunter2"),),
        lookalikes=("jdbc:oracle:thin:@//db:1521/shop", "jdbc:oracle:thin:/@tns"),
    ),
    PatternRule(
        name="oracle-login",
        reason="The same on the command line.",
        seen=r"(?:sqlplus|sqlldr|impdp|expdp|rman|sqlcl)[ \t]",
        trigger=_ORACLE_TOOLS + r"[\w$#.\-]{1,64}/[^\s@<>]",
        pattern=_ORACLE_TOOLS + _ORACLE,
        hits=(Hit("sqlplus -s app/hunter2@//db:1521/shop @run.sql", "hunter2"),),
        lookalikes=("sqlplus / as sysdba", "sqlplus app@db @sql/run.sql"),
    ),
    PatternRule(
        name="pgpass",
        reason="PostgreSQL's password file: host, port, database, user, password.",
        trigger=r":(?:5432|5433|6432|26257):[^\s:<]{1,64}:[^\s:<]{1,64}:[^\s<]{3}",
        pattern=r":(?:5432|5433|6432|26257):[^\s:<]{1,64}:[^\s:<]{1,64}:(?P<secret>[^\s<]{3,})",
        boundary=False,
        hits=(Hit("db:5432:shop:app:hunter2", "hunter2"),),
        lookalikes=("127.0.0.1:5432:5432:", "db:5432:shop:app:"),
    ),
    PatternRule(
        name="pgpass",
        reason="The same with wildcards.",
        trigger=r"\*:\*:[^\s:<]{1,64}:[^\s:<]{1,64}:[^\s<]{3}",
        pattern=r"\*:\*:[^\s:<]{1,64}:[^\s:<]{1,64}:(?P<secret>[^\s<]{3,})",
        boundary=False,
        hits=(Hit("*:*:*:app:hunter2", "hunter2"),),
        lookalikes=("arn:aws:s3:*:*:b", "*:*"),
    ),
    PatternRule(
        name="redis-auth",
        reason="Passwords in Redis's configuration and commands.",
        trigger=r"(?:requirepass|masterauth)[ \t]{1,4}[\"']?[^\s\"'<$]",
        pattern=r"(?:requirepass|masterauth)[ \t]{1,4}[\"']?(?P<secret>[^\s\"'<$][^\s\"'<]*)",
        hits=(Hit("requirepass hunter2", "hunter2"),),
        lookalikes=("requirepass ''", "the masterauth"),
    ),
    PatternRule(
        name="redis-auth",
        reason="The command that logs in, in a trace of commands.",
        trigger=r"\b(?:AUTH|auth)\\{0,8}\"?[ \t]{1,4}\\{0,8}[\"']?[^\s\"'<$\\]{6}",
        pattern=r"(?:AUTH|auth)\\{0,8}\"?[ \t]{1,4}\\{0,8}[\"']?(?P<secret>[^\s\"'<$\\]{6,})",
        check="no-mechanism",
        hits=(Hit('[0 10.0.0.1:5] "AUTH" "hunter2x9"', "hunter2x9"), Hit("AUTH S3cr3tW0rd", "S3cr3tW0rd")),
        lookalikes=("250-AUTH PLAIN LOGIN CRAM-MD5", "AUTH LOGIN", "auth method sha256_password", "AUTH SCRAM-SHA-256"),
    ),
    PatternRule(
        name="redis-auth",
        reason="A user of Redis's access lists.",
        seen=r"\bon [+~&#%@*>]",
        trigger=r"\bon (?:[+~&#%@*]\S{0,40} ){0,8}>[^\s<>]{4}",
        pattern=r"on (?:[+~&#%@*]\S{0,40} ){0,8}>(?P<secret>[^\s<>]{4,})",
        check="opaque",
        hits=(Hit("user app on >hunter2x ~* +@all", "hunter2x"),),
        lookalikes=("based on >1000 samples", "fails on >= v2"),
    ),
    PatternRule(
        name="sql-password",
        reason="Statements that set a user's password.",
        trigger=r"(?i:identified[ \t]{1,8}(?:with[ \t]{1,8}\S{1,64}[ \t]{1,8})?(?:by|as)|password)"
        r"[ \t]{1,8}(?i:(?:password|values)[ \t]{1,8})?N?\\{0,8}'[^'\r\n<]",
        pattern=r"(?i:identified[ \t]{1,8}(?:with[ \t]{1,8}\S{1,64}[ \t]{1,8})?(?:by|as)|password)"
        r"[ \t]{1,8}(?i:(?:password|values)[ \t]{1,8})?N?\\{0,8}'(?P<secret>[^'\r\n<][^'\r\n]*)",
        hits=(
            Hit("CREATE USER app IDENTIFIED BY 'hunter2';", "hunter2"),
            Hit("ALTER ROLE app WITH ENCRYPTED PASSWORD 'hunter2'", "hunter2"),
            Hit("IDENTIFIED BY VALUES 'S:0A1B'", "S:0A1B"),
        ),
        lookalikes=("IDENTIFIED BY RANDOM PASSWORD",),
    ),
    PatternRule(
        name="sql-password",
        reason="The same in double quotes, or as a bare word.",
        trigger=r"(?i:identified[ \t]{1,8}by)[ \t]{1,8}\\{0,8}\"?[^\"\s\\<';]",
        pattern=r"(?i:identified[ \t]{1,8}by)[ \t]{1,8}\\{0,8}\"?(?P<secret>[^\"\s\\<';][^\"\s\\<';]*)",
        check="opaque",
        hits=(
            Hit('CREATE USER app IDENTIFIED BY "hunter2";', "hunter2"),
            Hit("CREATE USER app IDENTIFIED BY hunter2 DEFAULT TABLESPACE x", "hunter2"),
        ),
        lookalikes=("is identified by its name", "IDENTIFIED BY RANDOM PASSWORD"),
    ),
    PatternRule(
        name="sql-password",
        reason="SET PASSWORD for somebody, plain or through a function.",
        seen=r"(?i:set[ \t]{1,8}password)",
        trigger=r"(?i:set[ \t]{1,8}password)[^\r\n;=']{0,40}(?:'[^'\r\n]{0,64}'@'[^'\r\n]{0,64}')?[ \t]{0,8}="
        r"[ \t]{0,8}(?i:password[ \t]{0,4}\([ \t]{0,4})?\\{0,8}'[^'\r\n<]",
        pattern=r"(?i:set[ \t]{1,8}password)[^\r\n;=']{0,40}(?:'[^'\r\n]{0,64}'@'[^'\r\n]{0,64}')?[ \t]{0,8}="
        r"[ \t]{0,8}(?i:password[ \t]{0,4}\([ \t]{0,4})?\\{0,8}'(?P<secret>[^'\r\n<][^'\r\n]*)",
        hits=(Hit("SET PASSWORD FOR 'app'@'%' = 'hunter2';", "hunter2"),),
        lookalikes=("SET PASSWORD FOR 'app'@'%' TO RANDOM",),
    ),
    PatternRule(
        name="sql-password",
        reason="Functions that take a password or a key.",
        trigger=r"(?i:password|crypt)\(\\{0,8}[\"'][^\"'\r\n<]",
        pattern=r"(?i:password|crypt)\(\\{0,8}[\"'](?P<secret>[^\"'\r\n<\\][^\"'\r\n\\]*)",
        hits=(
            Hit("SELECT crypt('hunter2', gen_salt('bf'))", "hunter2"),
            Hit("SET x = PASSWORD('hunter2')", "hunter2"),
        ),
        lookalikes=("validatePassword(user)", "crypt()"),
    ),
    PatternRule(
        name="sql-password",
        reason="The same where the key is the second argument.",
        trigger=r"(?i:pgp_sym_(?:en|de)crypt(?:_bytea)?|aes_(?:en|de)crypt)\([^,\r\n]{1,80},[ \t]{0,4}"
        r"\\{0,8}'[^'\r\n<]",
        pattern=r"(?i:pgp_sym_(?:en|de)crypt(?:_bytea)?|aes_(?:en|de)crypt)\([^,\r\n]{1,80},[ \t]{0,4}\\{0,8}'"
        r"(?P<secret>[^'\r\n<][^'\r\n]*)",
        hits=(Hit("SELECT pgp_sym_decrypt(data, 'hunter2') FROM t", "hunter2"),),
        lookalikes=("pgp_sym_decrypt(data, $1)",),
    ),
    PatternRule(
        name="mongo-login",
        reason="Calls of MongoDB's shell that log in or change a password.",
        trigger=r"\.(?:auth|changeUserPassword)\(\\{0,8}[\"'][^\"'\r\n]{1,64}[\"'],[ \t]{0,4}\\{0,8}[\"'][^\"'\r\n<]",
        pattern=r"\.(?:auth|changeUserPassword)\(\\{0,8}[\"'][^\"'\r\n]{1,64}[\"'],[ \t]{0,4}\\{0,8}[\"']"
        r"(?P<secret>[^\"'\r\n<\\][^\"'\r\n\\]*)",
        boundary=False,
        hits=(Hit('db.auth("app", "hunter2")', "hunter2"),),
        lookalikes=("db.auth(user, pass)",),
    ),
)
