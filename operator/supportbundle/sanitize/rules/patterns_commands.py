"""Secrets on command lines: options that take a password, for the programs whose options have such names."""

from __future__ import annotations

from typing import Final

from .records import Hit, PatternRule

_PROGRAMS: Final = (
    r"(?:mysql(?:dump|admin|import|show|check|sh|slap|binlog)?|mariadb(?:-\w{1,20})?|mongo(?:sh|dump|restore)?"
    r"|sshpass|cqlsh|(?:docker|podman|registry|crictl|nerdctl|az|twine)[ \t]+(?:login|upload))(?:\.exe)?"
)
_CLIENT_SEEN: Final = _PROGRAMS + r"[ \t,\"'\\]"
_CLIENT: Final = (
    _PROGRAMS +
    # Other arguments: none that a rule of its own may claim, because the trigger covers them.
    r"(?:[ \t,\"'\\]{1,8}(?:--(?:[a-oq-z][\w\-]{0,40}|port|protocol)?(?:=[^\s\"'\\|;&,]{0,80})?"
    r"|-[A-Za-oq-z][^\s\"'\\|;&=]{0,80}|[^\s\-\"'\\|;&=:,][^\s\"'\\|;&=:,]{0,80})){0,12}?[ \t,\"'\\]{1,8}-p"
)
_NEXT_WORD: Final = r"(?:[ \t]{1,8}\\{0,8}[\"']?|\\{0,8}[\"'],[ \t]{0,8}\\{0,8}[\"'])"
_ECHO: Final = r"(?:echo|printf)[ \t]+(?:-n[ \t]+)?[\"']?"
_PIPED: Final = (
    r"[\"']?[ \t]*\|[ \t]*(?:sudo -k?S|chpasswd|passwd|kinit|cryptsetup"
    r"|(?:docker|podman|helm|crane|oras|skopeo)[ \t][^\r\n|]{0,80}stdin)"
)
_HTPASSWD: Final = (
    r"htpasswd[ \t]+(?:-[A-Za-mo-z]{0,4}n[A-Za-z]{0,4}[ \t]+[^\s\-<]\S{0,80}"
    r"|(?:-[A-Za-mo-z]{1,6}[ \t]+){1,4}[^\s\-<]\S{0,80}[ \t]+[^\s\-<]\S{0,80})"
)
"""With -n it writes nowhere, so no file's name stands before the user's."""
_WORDS: Final = r"(?:[ \t]+[^\s|;&]{1,60}){0,8}?[ \t]+"
_VALUE: Final = r"\\{0,8}[\"']?(?P<secret>[^\s\"'\\<>|;&$=\-][^\s\"'\\<]*)"
_BEGINS: Final = r"\\{0,8}[\"']?[^\s\"'\\<>|;&$=\-]"


def _option(reason: str, programs: str, options: str, example: str, *lookalikes: str) -> PatternRule:
    """An option of some programs whose argument, a word of its own, is a password; the example holds `hunter2`."""
    start = f"(?:{programs})(?:\\.exe)?{_WORDS}(?:{options})(?:[ \\t]{{1,8}}|=)"
    return PatternRule(
        name="password-option",
        reason=reason,
        seen=f"(?:{programs})(?:\\.exe)?[ \\t]",
        trigger=start + _BEGINS,
        pattern=start + _VALUE,
        check="no-port",
        hits=(Hit(example, "hunter2"),),
        lookalikes=lookalikes,
    )


COMMANDS: Final = (
    PatternRule(
        name="curl-user",
        reason="User and password on curl's command line.",
        seen=r"curl[ \t]",
        trigger=r"curl[ \t](?:[^\r\n|]{0,300}[ \t])?(?:-\w{0,6}[uU][ \t=]{0,4}|--(?:proxy-)?user[ \t=]{1,4})"
        r"[\"']?[^\s:\"'/]{1,128}:[^\s\"'<$]",
        pattern=r"curl[ \t](?:[^\r\n|]{0,300}?[ \t])?(?:-\w{0,6}[uU][ \t=]{0,4}|--(?:proxy-)?user[ \t=]{1,4})"
        r"[\"']?[^\s:\"'/]{1,128}:(?P<secret>[^\s\"'<$][^\s\"']*)",
        hits=(Hit("curl -s -u bob:hunter2 https://x", "hunter2"), Hit("curl -ubob:hunter2 https://x", "hunter2")),
        lookalikes=("curl -u bob https://x", "curl --user-agent bob https://x", "curl -u $USER:$PASS https://x"),
    ),
    PatternRule(
        name="password-option",
        reason="The password in one word with the option -p of database clients.",
        seen=_CLIENT_SEEN,
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
        seen=_CLIENT_SEEN,
        trigger=_CLIENT + r"\\*[\"'][^\"'\s,<$\]]",
        pattern=_CLIENT + r"\\*[\"'](?P<secret>[^\"'\s,<$\]][^\"'\\\r\n<]*)",
        hits=(Hit("mysql -u root -p'hun ter2' shop", "hun ter2"),),
        lookalikes=("mysql -u root -p'$PASS' shop", '["mysql", "-p"]'),
    ),
    PatternRule(
        name="password-option",
        reason="The password as a word of its own after -p: so for logins, and by mistake for MySQL.",
        seen=_CLIENT_SEEN,
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
    _option(
        "Redis's client.",
        "redis-cli|redis-benchmark",
        "-a|--pass",
        "redis-cli -h c -a hunter2 ping",
        "redis-cli -h c ping",
    ),
    _option("Clients of SQL Server.", "sqlcmd|bcp|isql|osql", "-P", "sqlcmd -S db -U sa -P hunter2 -Q x", "sqlcmd -P"),
    _option("Clients of LDAP.", "ldap[a-z]{3,10}", "-w", "ldapsearch -x -D cn=a -w hunter2 -b x", "ldapsearch -W -x"),
    _option("Archives with a password.", "zip|unzip", "-P", "unzip -P hunter2 a.zip", "unzip -p a.zip x"),
    _option(
        "OpenSSL's key from a passphrase.", "openssl enc", "-k|-K", "openssl enc -aes256 -k hunter2", "openssl enc -d"
    ),
    _option("Accounts of the system.", "useradd|usermod", "-p", "useradd -p hunter2 bob", "useradd -m bob"),
    _option(
        "Kerberos and key stores.", "kadmin(?:\\.local)?|ktutil", "-w|-pw", "kadmin -w hunter2 -p x", "kadmin -p x"
    ),
    _option("Cassandra's tool.", "nodetool", "-pw|--password", "nodetool -u x -pw hunter2 status", "nodetool status"),
    _option("IPMI and SNMP.", "ipmitool|snmp[a-z]{3,8}", "-P|-A|-X", "ipmitool -U x -P hunter2 sdr", "ipmitool sdr"),
    PatternRule(
        name="password-option",
        reason="Java's key stores and whoever follows their names.",
        trigger=r"-(?:dest|src)?(?:store|key)pass(?:word)?[ \t]{1,8}" + _BEGINS,
        pattern=r"-(?:dest|src)?(?:store|key)pass(?:word)?[ \t]{1,8}" + _VALUE,
        boundary=False,
        hits=(Hit("keytool -list -storepass hunter2", "hunter2"),),
        lookalikes=("keytool -storepass:env PASS", "needs -storepass"),
    ),
    PatternRule(
        name="password-option",
        reason="OpenSSL's pass phrase arguments.",
        trigger=r"\bpass:[^\s\"'<$]{4}",
        pattern=r"pass:(?P<secret>[^\s\"'<$]{4,})",
        check="no-digits",
        hits=(Hit("openssl rsa -passin pass:hunter2 -in k", "hunter2"), Hit("cmdkey /user:x /pass:hunter2", "hunter2")),
        lookalikes=("pass:12345 fail:2", "pass: 12"),
    ),
    PatternRule(
        name="password-option",
        reason="An archiver's option with the password in one word.",
        seen=r"\b7z[ar]?(?:\.exe)?[ \t]",
        trigger=r"\b7z[ar]?(?:\.exe)?[ \t]+[a-z]{1,2}[ \t]+(?:[^\s|;&]{1,60}[ \t]+){0,6}?-p[^\s\"'<$]{3}",
        pattern=r"7z[ar]?(?:\.exe)?[ \t]+[a-z]{1,2}[ \t]+(?:[^\s|;&]{1,60}[ \t]+){0,6}?-p(?P<secret>[^\s\"'<$]{3,})",
        hits=(Hit("7z x -phunter2 a.7z", "hunter2"),),
        lookalikes=("7z x a.7z -p",),
    ),
    PatternRule(
        name="password-option",
        reason="A password that is piped into a program that asks for one.",
        trigger=_ECHO + r"[^\s\"'|$<]{5,200}" + _PIPED,
        pattern=_ECHO + r"(?P<secret>[^\s\"'|$<]{5,200})" + _PIPED,
        seen=r"(?:echo|printf)[ \t]",
        hits=(Hit("echo hunter2 | sudo -S reboot", "hunter2"), Hit("echo 'bob:hunter2' | chpasswd", "hunter2")),
        lookalikes=("echo hello | sudo tee /etc/motd", "echo $PASS | docker login --password-stdin"),
    ),
    PatternRule(
        name="password-option",
        reason="Apache's tool for password files.",
        trigger=_HTPASSWD + r"[ \t]+[^\s\"'<$\-]{3}",
        pattern=_HTPASSWD + r"[ \t]+(?P<secret>[^\s\"'<$\-]{3,})",
        hits=(Hit("htpasswd -nb bob hunter2", "hunter2"), Hit("htpasswd -b -c /f bob hunter2", "hunter2")),
        lookalikes=("htpasswd -c f", "htpasswd --help"),
    ),
    PatternRule(
        name="password-option",
        reason="Samba's form: user%password.",
        trigger=r"-U[ \t]{0,4}[\"']?[\w.\\@\-]{1,64}%[^\s\"'<$]{3}",
        pattern=r"-U[ \t]{0,4}[\"']?[\w.\\@\-]{1,64}%(?P<secret>[^\s\"'<$]{3,})",
        hits=(Hit("smbclient //h/s -U bob%hunter2", "hunter2"),),
        lookalikes=("grep -U 50%",),
    ),
    PatternRule(
        name="password-option",
        reason="Windows' programs: the password follows the user.",
        trigger=r"/user:\S{1,64}[ \t]+[^\s/*<$\"'][^\s<]{3}",
        pattern=r"/user:\S{1,64}[ \t]+(?P<secret>[^\s/*<$\"'][^\s<]{3,})",
        boundary=False,
        check="opaque",
        hits=(Hit("net use Z: //h/s /user:bob hunter2", "hunter2"),),
        lookalikes=("runas /user:bob notepad.exe", "net use Z: /user:bob *"),
    ),
    PatternRule(
        name="password-option",
        reason="PowerShell's plain text for a secure string.",
        trigger=r"ConvertTo-SecureString[ \t]+(?:-String[ \t]+)?\\{0,8}[\"'][^\"'\r\n<$]",
        pattern=r"ConvertTo-SecureString[ \t]+(?:-String[ \t]+)?\\{0,8}[\"'](?P<secret>[^\"'\r\n<$\\][^\"'\r\n\\]*)",
        hits=(Hit('ConvertTo-SecureString "hunter2" -AsPlainText -Force', "hunter2"),),
        lookalikes=("ConvertTo-SecureString $plain -AsPlainText",),
    ),
    PatternRule(
        name="password-option",
        reason="RabbitMQ's control program.",
        seen=r"rabbitmqctl[ \t]",
        trigger=r"rabbitmqctl(?:[ \t]+-\S{1,40}){0,4}[ \t]+(?:add_user|change_password|authenticate_user)"
        r"[ \t]+\S{1,64}[ \t]+[^\s<$]",
        pattern=r"rabbitmqctl(?:[ \t]+-\S{1,40}){0,4}[ \t]+(?:add_user|change_password|authenticate_user)[ \t]+\S{1,64}"
        r"[ \t]+[\"']?(?P<secret>[^\s\"'<$]+)",
        hits=(Hit("rabbitmqctl add_user bob hunter2", "hunter2"),),
        lookalikes=("rabbitmqctl add_user bob", "rabbitmqctl set_permissions bob '.*'"),
    ),
    PatternRule(
        name="password-option",
        reason="kubectl's literals for a Secret.",
        trigger=r"--from-literal[= ][\"']?[\w.\-]{1,128}=[^\s\"'<$]",
        pattern=r"--from-literal[= ][\"']?[\w.\-]{1,128}=(?P<secret>[^\s\"'<$][^\s\"'<]*)",
        boundary=False,
        hits=(Hit("kubectl create secret generic x --from-literal=a=hunter2", "hunter2"),),
        lookalikes=("kubectl create secret generic x --from-file=a",),
    ),
    PatternRule(
        name="password-option",
        reason="MinIO's client: the last word of an alias is its secret key.",
        trigger=r"\bmc[ \t]+(?:alias set|config host add)[ \t]+\S{1,64}[ \t]+http\S{1,200}[ \t]+\S{1,64}"
        r"[ \t]+[^\s<$]{4}",
        pattern=r"mc[ \t]+(?:alias set|config host add)[ \t]+\S{1,64}[ \t]+http\S{1,200}[ \t]+\S{1,64}[ \t]+"
        r"(?P<secret>[^\s<$]{4,})",
        hits=(Hit("mc alias set m https://x.example key hunter2", "hunter2"),),
        lookalikes=("mc alias set m https://x.example",),
    ),
    PatternRule(
        name="setting",
        reason="Commands that set a value by its name: the name says secret, the value follows after a blank.",
        trigger=r"(?:aws_secret_access_key|aws_session_token|:_authToken|:_auth|:_password)[ \t]+[^\s=:<$-][^\s<]{7}",
        pattern=r"(?:aws_secret_access_key|aws_session_token|:_authToken|:_auth|:_password)"
        r"[ \t]+(?P<secret>[^\s=:<$-][^\s<]{7,})",
        check="opaque",
        boundary=False,
        hits=(Hit("aws configure set aws_secret_access_key hunter2x9y8", "hunter2x9y8"),),
        lookalikes=("aws_secret_access_key required",),
    ),
    PatternRule(
        name="setting",
        reason="The C shell's variables.",
        seen=r"setenv[ \t]",
        trigger=r"setenv[ \t]+\w{0,64}(?i:passw(?:or)?d|secret|token|api_?key|credential)\w{0,16}[ \t]+[^\s<$]",
        pattern=r"setenv[ \t]+\w{0,64}(?i:passw(?:or)?d|secret|token|api_?key|credential)\w{0,16}[ \t]+"
        r"[\"']?(?P<secret>[^\s\"'<$][^\s\"'<]*)",
        hits=(Hit("setenv DB_PASSWORD hunter2", "hunter2"),),
        lookalikes=("setenv PATH /bin", "setenv DB_PASSWORD $X"),
    ),
    PatternRule(
        name="setting",
        reason="Source code that sets a value by its quoted name.",
        trigger=r"(?i:passw(?:or)?d|secret|token|api_?key|passphrase)\w{0,24}\\{0,8}[\"'](?:\][ \t]*=|[ \t]*,)"
        r"[ \t]*\\{0,8}[\"'][^\"'\\\r\n<$]{4}",
        pattern=r"(?i:passw(?:or)?d|secret|token|api_?key|passphrase)\w{0,24}\\{0,8}[\"'](?:\][ \t]*=|[ \t]*,)"
        r"[ \t]*\\{0,8}[\"'](?P<secret>[^\"'\\\r\n<$]{4,})",
        check="opaque",
        boundary=False,
        hits=(Hit("os.environ['API_TOKEN'] = 'hunter2'", "hunter2"), Hit('c.set("secretKey", "hunter2")', "hunter2")),
        lookalikes=('required: ["password", "email"]', 'm["token"] = "bearer"'),
    ),
    PatternRule(
        name="setting",
        reason="A list of arguments without quotes.",
        trigger=r"--[\w\-]{0,40}(?i:password|passwd|token|secret|api-?key),[ \t]{1,4}[^\s,\]\"'<$\-][^\s,\]\"'<]{3}",
        pattern=r"--[\w\-]{0,40}(?i:password|passwd|token|secret|api-?key),[ \t]{1,4}"
        r"(?P<secret>[^\s,\]\"'<$\-][^\s,\]\"'<]{3,})",
        check="opaque",
        boundary=False,
        hits=(Hit("args: [--user, app, --password, hunter2]", "hunter2"),),
        lookalikes=("give --password, otherwise it asks", "--token, --user"),
    ),
    PatternRule(
        name="setting",
        reason="Consul's values under a path that names a secret.",
        trigger=r"\bkv put[ \t]+\S{0,128}(?i:passw(?:or)?d|secret|token|key)[ \t]+[^\s<$=@\-][^\s<=]{3}",
        pattern=r"kv put[ \t]+\S{0,128}(?i:passw(?:or)?d|secret|token|key)[ \t]+(?P<secret>[^\s<$=@\-][^\s<=]{3,})",
        hits=(Hit("consul kv put app/password hunter2", "hunter2"),),
        lookalikes=("consul kv put app/mode fast",),
    ),
    PatternRule(
        name="netrc",
        reason="Credentials of a .netrc, on one line.",
        trigger=r"\blogin[ \t]+\S{1,128}[ \t]+password[ \t]+[^\s<]",
        pattern=r"login[ \t]+\S{1,128}[ \t]+password[ \t]+(?P<secret>[^\s<]+)",
        hits=(Hit("machine git.example login bob password hunter2", "hunter2"),),
        lookalikes=("the login has no password set",),
    ),
    PatternRule(
        name="netrc",
        reason="The same on lines of its own.",
        trigger=r"\n[ \t]{1,8}password[ \t]{1,4}[^\s<:=]",
        pattern=r"\n[ \t]{1,8}password[ \t]{1,4}(?P<secret>[^\s<:=]{1,400})[ \t]{0,8}\r?(?:\n|$)",
        boundary=False,
        hits=(Hit("machine git.example\n  login bob\n  password hunter2\n", "hunter2"),),
        lookalikes=("x\n  password is wrong\n",),
    ),
)
