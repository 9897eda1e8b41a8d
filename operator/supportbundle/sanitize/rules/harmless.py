"""Values that stand under a secret's name and are no secret: absent, masked, a reference, a count.

Redacting them would cost the reader of a bundle information and protect nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from supportbundle.sanitize.markers import is_marker

from .keys import SecretKey

_NOTHING: Final = re.compile(
    rb"""[^A-Za-z0-9\x80-\xff]*                                     # punctuation, mask characters
      |(?i:null|nil|none|undefined|unset|n/a|x{3,}|[x*]{3,})
      |(?i:[\[(<*]*(?:redacted|hidden|masked|filtered|removed)[\])>*]*)
      |\$\{[^}]*\}|\$\{\{.*\}\}|\$\d{1,2}|\$\([^)]*\)|\{\{.*\}\}|%[svqdx]                  # references and format verbs
      |<(?i:nil|none|unset|empty|hidden|masked|redacted|secret|password|token)>
      |<secret\ [a-z0-9.-]+/[-._A-Za-z0-9]+>                        # our own word for what is not shown
      |(?:os\.(?:[gG]etenv|environ(?:\.get)?)|process\.env|System\.getenv)(?:[.\[(]\W{0,3}\w{0,64}\W{0,8})?
      |req(?:uest)?(?:\??\.[A-Za-z_]{1,40}){1,4}(?:[?.]{0,2}[\[(]\W{0,3}[\w-]{0,64}\W{0,8}.{0,8})?
      |getpass\.getpass(?:\(\W{0,3}[\w ]{0,64}\W{0,8})?             # source code, without a value to fall back on
      |[~^]\d{1,3}(?:\.\d{1,4}){1,2}(?:-(?:alpha|beta|rc|next|canary)[.\d]{0,8})?  # a package's version
      |<redacted:url-userinfo>@[\w.\[\]:-]+(?:[/?].*)?              # `token` as the user of a URL
      |\w+\([^\w<]*<redacted:[a-z0-9-]+>\W*                        # a call whose argument was taken out
      |<set\ to\ the\ key\ '[^']*'\ (?:in|of)\ .*                   # kubectl describe
    """,
    re.VERBOSE | re.DOTALL,
)
_ABSENT: Final = frozenset({b"", b"null", b"~"})
_OBJECT: Final = re.compile(
    rb"[a-z0-9][a-z0-9.\-]*/(?:[a-z0-9.]+-)*(?:auth|ca|certs?|config|credentials?|creds|docker|dockercfg|env|keys?|passwords?"
    rb"|pull|registry|secrets?|tls|tokens?|values|webhook)(?:-[a-z0-9.]+)*"
)
"""How logs of Kubernetes name a Secret: `namespace/name`, where the name has a word as such names have, for passphrases
have slashes and hyphens too."""
_TYPE: Final = re.compile(rb"(?:str|string|bytes|int|bool)[,|)=]?")
_ARCHITECTURES: Final = frozenset({b"all", b"amd64", b"arm64", b"i386", b"noarch"})
"""What follows a package's name and a colon in the logs of package managers (`passwd:amd64`)."""
_OF_RULE: Final[Mapping[str, frozenset[bytes]]] = {
    "token": frozenset({b"simple", b"jwt"}),
    "private-key": frozenset({b"password", b"username", b"token", b"secret", b"key", b"value"}),
}
"""By rule, words that are no values: kinds of tokens in etcd's configuration; entries of a Secret, by their names."""
_FLAG: Final = re.compile(rb"true|false|True|False|TRUE|FALSE")
_BOOLEAN: Final = re.compile(rb"(?i:true|false|yes|no|on|off)")
_SMALL: Final = re.compile(rb"\d{1,6}")
_NUMBER: Final = re.compile(rb"[\d.,]+(?:[smhd]|ms|us)?")
_PROSE: Final = frozenset(
    b"""a an and are as at auth be because been bearer but by can cannot could created credentials deleted denied did
    disabled does empty enabled eof error exists expected expiration expired expires failed failing failure flag for
    found from generated given got had has have if illegal in incorrect invalid is issued it its may mismatch
    missing must need needed no not nothing of ok on option or parameter password provided received refresh refreshed
    refused rejected renewed required revoked rotated rotating secret secrets set should signature skipped specified
    success successful succeeded that the then this timeout to token tokens too unable unauthorized unexpected unknown
    unsupported updated use used user using valid validated validating was were when which while will with without
    wrong you your""".split()
)


def is_harmless(value: bytes, key: SecretKey, *, document: bool) -> bool:
    """Whether `value` under `key` may stay.

    In a document (JSON, YAML) a number under a secret's name is taken as the secret; in a log it is more often a count.
    `true` is a flag everywhere (`"secret": true` in the description of a setting), `on` and `yes` in logs only. Under a
    name that somebody asked for, all is secret but nothing at all.
    """
    if key.rule.asked:
        return is_marker(value) or value in _ABSENT
    if is_marker(value) or _NOTHING.fullmatch(value) or value in _OF_RULE.get(key.rule.name, ()):
        return True
    if (key.plural or (key.bare and not document)) and _NUMBER.fullmatch(value):
        return True
    if key.working_directory and value.startswith(b"/"):
        return True
    return _FLAG.fullmatch(value) is not None if document else _is_harmless_in_a_log(value, key)


def _is_harmless_in_a_log(value: bytes, key: SecretKey) -> bool:
    if len(value) == 1 or value in _ARCHITECTURES or _BOOLEAN.fullmatch(value):
        return True
    if key.rule.name == "secret":
        return _OBJECT.fullmatch(value) is not None
    return key.rule.name == "token" and _SMALL.fullmatch(value) is not None


def is_type(value: bytes) -> bool:
    """Whether `value`, after a colon in running text, is the type of a parameter in source code."""
    return _TYPE.fullmatch(value) is not None


def is_prose(value: bytes) -> bool:
    """Whether `value`, after a colon in running text, is an ordinary word (`password: not set`)."""
    return value.strip(b".,;:!?\"'()[]").lower() in _PROSE
