"""Secrets in notations of their own: source code, settings of servers, tables, announcements, encoded text."""

from __future__ import annotations

from typing import Final

from .records import Hit, PatternRule

_NAME: Final = r"(?i:passw(?:or)?d|passphrase|secret|token|api[_\-]?key)"
_CALLED: Final = r"(?i:password|passwd|passphrase|client_secret|secret|(?:access|refresh|id|auth|api)?_?token|api_?key)"
_HEADER: Final = (
    r"(?:proxy_set_header|grpc_set_header|add_header|fastcgi_param|uwsgi_param|RequestHeader set|set)[ \t]+"
)
_SETTING: Final = _HEADER + r"\$?[\w\-]{0,64}" + _NAME + r"[\w\-]{0,24}[ \t]+\\{0,8}[\"']?"
_TABLE: Final = r"(?:password|secret|token|secret_key|secret_id|secret_access_key|access_key|api_key|private_key)"
_PASSES: Final = r"(?i:password|passphrase|api key|access token)"
_TOLD: Final = (
    r"(?i:(?:initial|generated|temporary|default|new|root|admin)[ \t]+password"
    r"|(?:password|passphrase|api key)[ \t]+(?:is[ \t]+)?(?:generated[ \t]+)?for(?:[ \t]+user)?[ \t]+[\w.@\"'\-]{1,64}:"
    r"|(?:password|passphrase|api key)[ \t]+(?:is|was|set to)|(?:password|passphrase)[ \t]*(?:->|==))"
)
_LOGIN: Final = r"(?m:^|[ \t=\"'(\[,;])[A-Za-z_][\w.\-]{0,31}:"
_HOST: Final = (
    r"(?i:localhost|db|database|mysql|maria|percona|postgres|pgbouncer|pgpool|pg-|mongo|redis|rabbit|rmq|amqp|sql|oracle|mssql"
    r"|primary|master|host)"
)
"""How hosts of databases are called, mostly: any name would cost a third of the speed of the first look."""
_CONSTANT: Final = (
    r"define\([ \t]{0,4}[\"']\w{0,40}(?:KEY|SALT|PASSWORD|SECRET|TOKEN)\w{0,24}[\"'][ \t]{0,4},[ \t]{0,16}"
)
_COMMAND: Final = (
    r"(?:(?:AUTH|auth)\\{0,8}\"[ \t]{1,4}\\{0,8}\"[^\"\s\\]{1,64}\\{0,8}\"[ \t]{1,4}\\{0,8}\""
    r"|auth-pass[ \t]+\S{1,64}[ \t]+"
    r"|(?:requirepass|masterauth)\\{0,8}\"[ \t]{1,4}\\{0,8}\")"
)
_CLIENTS: Final = r"(?:mysql|mariadb|mongo|sshpass)\w{0,10}"
_TERM: Final = r"\{[ \t]{0,4}\w{0,24}(?:password|passwd|pass|secret|cookie|token)[ \t]{0,4},[ \t]{0,4}(?:<<)?\\{0,8}\""
_ENTITY: Final = r"&(?:quot|#34|#39|apos);"

NOTATIONS: Final = (
    PatternRule(
        name="setting",
        reason="Source code that falls back on a secret where the environment gives none.",
        trigger=r"(?:[gG]etenv|environ\.get|ENV\.fetch)\(\s{0,4}\\{0,8}[\"'][\w.]{1,64}\\{0,8}[\"'],\s{0,4}\\{0,8}[\"'][^\"'\r\n<]",
        pattern=r"(?:[gG]etenv|environ\.get|ENV\.fetch)\(\s{0,4}[\"'][\w.]{0,64}(?i:passw(?:or)?d|pass|pwd|pw|secret|token|key|db)"
        r"[\w.]{0,64}[\"'],\s{0,4}[\"'](?P<secret>[^\"'\r\n<]+)",
        check="opaque",
        boundary=False,
        hits=(Hit("x = os.environ.get('DB_PASS', 'hunter2')", "hunter2"),),
        lookalikes=("os.getenv('HOME', '/home/app1')", "os.environ.get('DB_PASS', '')"),
    ),
    PatternRule(
        name="setting",
        reason="Declarations with a type between the name and the value.",
        trigger=_NAME + r"\w{0,24}(?:[ \t]*:)?[ \t]{1,4}\w{1,20}[ \t]{0,4}=[ \t]{0,4}\\{0,8}[\"'][^\"'\r\n<$]",
        pattern=_NAME + r"\w{0,24}(?:[ \t]*:)?[ \t]{1,4}\w{1,20}[ \t]{0,4}=[ \t]{0,4}[\"'](?P<secret>[^\"'\r\n<$]+)",
        boundary=False,
        hits=(
            Hit('const API_KEY: string = "hunter2";', "hunter2"),
            Hit('var dbPassword string = "hunter2"', "hunter2"),
        ),
        lookalikes=('password: str = ""', 'token string = "$TOKEN"'),
    ),
    PatternRule(
        name="setting",
        reason="PHP's constants.",
        trigger=_CONSTANT + r"[\"'][^\"'\r\n<]",
        pattern=_CONSTANT + r"(?P<secret>'[^'\r\n<]+'|\"[^\"\r\n<]+\")",
        hits=(Hit("define( 'AUTH_KEY',     'hunter two!' );", "hunter two!"),),
        lookalikes=("define('DB_HOST', 'db')", "define('SORT_KEY', '')"),
    ),
    PatternRule(
        name="setting",
        reason="Terms of Erlang and Elixir.",
        trigger=_TERM + r"[^\"\r\n<]",
        pattern=_TERM + r"(?P<secret>[^\"\r\n<]+)",
        boundary=False,
        hits=(Hit('{default_pass, <<"hunter2">>}', "hunter2"), Hit('{password, "hunter2"}', "hunter2")),
        lookalikes=("{password, undefined}",),
    ),
    PatternRule(
        name="setting",
        reason="Header fields and variables that a web server sets.",
        trigger=_SETTING + r"[^\s\"';<$]{4}",
        pattern=_SETTING + r"(?P<secret>[^\s\"';<$]{4,})",
        check="opaque",
        hits=(Hit('proxy_set_header X-Api-Key "hunter2";', "hunter2"),),
        lookalikes=("proxy_set_header X-Auth-Token $token;", "set token to expire2"),
    ),
    PatternRule(
        name="sql-password",
        reason="PostgreSQL's dollar quotes, and quotes doubled inside of quotes.",
        trigger=r"(?i:password)(?:[ \t]{1,4}\$\w{0,16}\$|[ \t]{0,4}=[ \t]{0,4}'')[^'$\s<,)]",
        pattern=r"(?i:password)(?:[ \t]{1,4}\$\w{0,16}\$|[ \t]{0,4}=[ \t]{0,4}'')(?P<secret>[^'$\s<,)][^'$\r\n<]*)['$]",
        boundary=False,
        hits=(
            Hit("CREATE ROLE app LOGIN PASSWORD $$hunter2$$", "hunter2"),
            Hit("primary_conninfo = 'user=r password=''hunter2'' host=h'", "hunter2"),
        ),
        lookalikes=("password='' or", "PASSWORD $1"),
    ),
    PatternRule(
        name="redis-auth",
        reason="A user and a password, in a trace of Redis's commands or for a sentinel.",
        trigger=_COMMAND + r"[^\s\"\\<]",
        pattern=_COMMAND + r"(?P<secret>[^\s\"\\<]+)",
        hits=(
            Hit('[0 10.0.0.1:5] "AUTH" "default" "hunter2"', "hunter2"),
            Hit("sentinel auth-pass mymaster hunter2", "hunter2"),
            Hit('"CONFIG" "SET" "requirepass" "hunter2"', "hunter2"),
        ),
        lookalikes=("the auth-pass option",),
    ),
    PatternRule(
        name="redis-auth",
        reason="The digest of a password in Redis's access lists.",
        trigger=r"\bon (?:[+~&%@*]\S{0,40} ){0,8}#[0-9a-f]{64}",
        pattern=r"on (?:[+~&%@*]\S{0,40} ){0,8}#(?P<secret>[0-9a-f]{64})",
        hits=(Hit("user app on #" + "0a1b" * 16 + " ~* +@all", "0a1b" * 16),),
        lookalikes=("on #1234",),
    ),
    PatternRule(
        name="table",
        reason="Rows of a table with a name and a value, as Vault prints them.",
        trigger=r"(?:\n|\\n)" + _TABLE + r"[ ]{3,40}[^\s<]{6}",
        pattern=r"\n" + _TABLE + r"[ ]{3,40}(?P<secret>[^\s<]{6,})[ \t]{0,8}\r?(?:\n|$)",
        check="opaque",
        boundary=False,
        hits=(Hit("Key         Value\n---         -----\npassword    hunter2\n", "hunter2"),),
        lookalikes=("x\npassword    expires2d ago\n", "x\ntoken    8 bytes\n"),
    ),
    PatternRule(
        name="announced",
        reason="A password that a program tells whoever installs it.",
        trigger=_TOLD + r"(?:[ \t]*:)?[ \t]{1,4}[\"'`]?[^\s\"'`<]{6}",
        pattern=_TOLD + r"(?:[ \t]*:)?[ \t]{1,4}[\"'`]?(?P<secret>[^\s\"'`<]{6,})",
        check="opaque",
        boundary=False,
        hits=(
            Hit("A temporary password is generated for root@localhost: hunter2!", "hunter2"),
            Hit("The password is hunter2", "hunter2"),
            Hit("Password for user bob: hunter2", "hunter2"),
            Hit("Initial password hunter2 written", "hunter2"),
        ),
        lookalikes=("the password is wrong", "Password for user bob: missing", "new password required"),
    ),
    PatternRule(
        name="announced",
        reason="A cell of a drawn table, a line of dots.",
        trigger=_PASSES + r"(?:[ \t]{1,40}\|[ \t]{1,4}|\.{4,60}[ \t]?)[^\s|<.*][^\s|<]{5}",
        pattern=_PASSES + r"(?:[ \t]{1,40}\|[ \t]{1,4}|\.{4,60}[ \t]?)(?P<secret>[^\s|<.*][^\s|<]{5,})",
        check="opaque",
        boundary=False,
        hits=(
            Hit("| password | hunter2 |", "hunter2"),
            Hit("| password | h.nt*r2 |", "h.nt*r2"),
            Hit("- password................hunter2", "hunter2"),
        ),
        lookalikes=("| password | required |", "password........<masked>"),
    ),
    PatternRule(
        name="encoded",
        reason="Pairs once more encoded for a URL, as in the target of a redirect.",
        trigger=_CALLED + r"(?:%22)?%3[dDaA](?:%20)?(?:%22)?(?:[^\s%&\"'<;]|%[0-9A-Fa-f])",
        pattern=_CALLED + r"(?:%22)?%3[dDaA](?:%20)?(?:%22)?"
        r"(?P<secret>(?:[^\s%&\"'<;]|%(?:[013-9A-F][0-9A-Fa-f]|2[013-57-9A-Fa-f])){3,})",
        boundary=False,
        hits=(
            Hit("/login?next=%2Fx%3Ftoken%3Dhunter2%26a%3D1", "hunter2"),
            Hit("%22password%22%3A%22hunter2%22", "hunter2"),
        ),
        lookalikes=("token_type%3Dbearer", "password%3D%26x"),
    ),
    PatternRule(
        name="encoded",
        reason="JSON with its quotes as entities of HTML.",
        trigger=_CALLED + _ENTITY + r"\s{0,4}[:=]\s{0,4}" + _ENTITY + r"[^&<\r\n]",
        pattern=_CALLED + _ENTITY + r"\s{0,4}[:=]\s{0,4}" + _ENTITY + r"(?P<secret>[^&<\r\n]+)",
        boundary=False,
        hits=(
            Hit("x &quot;password&quot;: &quot;hunter2&quot; y", "hunter2"),
            Hit("x &quot;password&quot;: &quot; hunter2&quot; y", "hunter2"),
        ),
        lookalikes=("&quot;password&quot;: &quot;&quot;",),
    ),
    PatternRule(
        name="connection-string",
        reason="A value in braces, as ODBC quotes it.",
        trigger=r";[ \t]?(?i:pwd|password)[ \t]?=[ \t]?\{[^\r\n<]",
        pattern=r";[ \t]?(?i:pwd|password)[ \t]?=[ \t]?(?P<secret>\{(?:[^}\r\n]|\}\}){1,200}\})",
        boundary=False,
        hits=(Hit("Driver={X};Uid=a;Pwd={hun}}ter2};", "ter2"),),
        lookalikes=(";pwd={}",),
    ),
    PatternRule(
        name="setting",
        reason="What a build of GitHub Actions asks to hide.",
        trigger=r"::add-mask::[ \t]{0,8}[^\s<]",
        pattern=r"::add-mask::[ \t]{0,8}(?P<secret>[^\s<][^\r\n<]*)",
        boundary=False,
        hits=(Hit("::add-mask::hunter2", "hunter2"), Hit("::add-mask:: a hunter2", "a hunter2")),
        lookalikes=("::add-mask::",),
    ),
    PatternRule(
        name="netrc",
        reason="Lines of a .netrc in the first column.",
        trigger=r"login[ \t]{1,8}[^\s\\]{1,128}[ \t]{0,8}(?:\\r)?(?:\r?\n|\\n)[ \t]{0,8}password[ \t]{1,8}[^\s<]",
        pattern=r"login[ \t]{1,8}[^\s\\]{1,128}[ \t]{0,8}\r?\n[ \t]{0,8}password[ \t]{1,8}"
        r"(?P<secret>\"[^\"\r\n<]+\"?|[^\s<]+)",
        boundary=False,
        hits=(
            Hit("machine x\nlogin y\npassword hunter2\n", "hunter2"),
            Hit('login y\n password "a hunter2"\n', "hunter2"),
        ),
        lookalikes=("login y\npassword: none\n",),
    ),
    PatternRule(
        name="pgpass",
        reason="PostgreSQL's password file with any port, for all databases.",
        trigger=r":\d{2,5}:\*:[^\s:<]{1,64}:[^\s<]{3}",
        pattern=r":\d{2,5}:\*:[^\s:<]{1,64}:(?P<secret>[^\s<]{3,})",
        boundary=False,
        hits=(Hit("localhost:5444:*:app:hunter2", "hunter2"),),
        lookalikes=("10:20:*:b",),
    ),
    PatternRule(
        name="dsn",
        reason="User, password and host of a data source without a scheme.",
        seen="@" + _HOST,
        trigger=_LOGIN + r"[^\s:@\"'<>]{1,128}@" + _HOST + r"[\w.\-]{0,100}(?::\d{2,5}\b|/\w)",
        pattern=_LOGIN + r"(?P<secret>[^\s:@\"'<>]{1,128})@" + _HOST + r"[\w.\-]{0,100}(?::\d{2,5}\b|/\w)",
        boundary=False,
        check="dsn-password",
        hits=(Hit("connect app:hunter2@db:5432", "hunter2"), Hit("dial u:12/34@db.example/shop", "12/34")),
        lookalikes=("sip:bob@host:5060", "pkg:npm/foo1@v1/x", "app:v1.2@sha256:0a1b"),
    ),
    PatternRule(
        name="dsn",
        reason="The same with the host alone, where the password has a slash.",
        seen="@" + _HOST,
        trigger=_LOGIN + r"[^\s:@\"'<>/]{0,64}/[^\s:@\"'<>/]{0,64}@" + _HOST,
        pattern=_LOGIN + r"(?P<secret>[^\s:@\"'<>/]{0,64}/[^\s:@\"'<>/]{0,64})@" + _HOST,
        boundary=False,
        check="dsn-password",
        hits=(Hit("DATABASE=u:12/34@db", "12/34"),),
        lookalikes=("pkg:golang/x1@v1", "image:repo/app1@sha256:0a"),
    ),
    PatternRule(
        name="password-option",
        reason="The option -p of database clients in a list of quoted arguments, maybe beside the command.",
        trigger=_CLIENTS + r"\\{0,8}[\"']",
        pattern=_CLIENTS + r"\\{0,8}[\"'](?:[\s,\[\]:\\]{0,12}(?:[\"'][^\"'\r\n]{0,40}[\"']|args)?){1,16}?"
        r"[\s,\[:\\]{0,12}[\"']-p"
        r"(?P<secret>[^\"'\\\r\n<]{2,})",
        check="no-option",
        hits=(Hit('{"command":["mysql"],"args":["-u","root","-phunter2"]}', "hunter2"),),
        lookalikes=('["mysql", "-p"]', '["mysqld", "--port", "3306"]'),
    ),
    PatternRule(
        name="password-option",
        reason="The same in a YAML list.",
        trigger=_CLIENTS + r"[\"']?\]?[ \t]{0,4}(?:\\r)?(?:\r?\n|\\n)[ \t]{0,80}(?:-|args)",
        pattern=_CLIENTS + r"[\"']?\]?[ \t]{0,4}\r?\n(?:[ \t]*(?:-[ \t]|args:)[^\n]{0,80}\n){0,12}?"
        r"[ \t]*-[ \t]{1,4}[\"']?-p(?P<secret>[^\s\"'<]{2,})",
        check="no-option",
        hits=(Hit("command:\n- mysql\n- -uroot\n- -phunter2\n", "hunter2"),),
        lookalikes=("command:\n- mysql\n- -P\n- '3306'\n",),
    ),
)
