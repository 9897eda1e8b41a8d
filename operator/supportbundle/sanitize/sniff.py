"""What a stream is, by its first bytes; a path is never more than a hint, because tenants choose names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

from .documents.hcltext import Hcl
from .documents.initext import SECTION as INI_SECTION
from .documents.propertiestext import joined
from .documents.tomltext import Toml

HEAD: Final = 64 << 10
"""Bytes looked at, or fewer if the stream is shorter."""

_UTF32: Final[Mapping[bytes, str]] = {b"\xff\xfe\0\0": "utf-32-le", b"\0\0\xfe\xff": "utf-32-be"}
_UTF16: Final[Mapping[bytes, str]] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CONTROLS: Final = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_LEADING_NULS: Final = re.compile(rb"\0*")
_JSON_START: Final = re.compile(
    rb"""\s*(?:\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\})
      |\[\s*(?:[\[{\]]|"(?:[^"\\\n]|\\.)*"\s*[,\]]|(?:-?\d[\d.eE+-]*|true|false|null)\s*[,\]]))""",
    re.VERBOSE,
)
_JSON_TOKENS: Final = re.compile(
    rb"""(?>(?:[\s,:{}\[\]]++|"(?>(?:[^"\\\n]++|\\[^\n])*)"|true|false|null|NaN|-?Infinity|-?\d[\d.eE+\-]*+)*)"""
)
_LONGEST_NUMBER: Final = 64
_YAML_LINE: Final = re.compile(
    rb"""\s*(?:-\s+)*["']?[A-Za-z_$/][\w .\-/$]*["']?\s*:(?:\s.*)?|\s*-(?:\s.*)?|[?:]\s.*|---(?:\s.*)?|\.\.\."""
)
_YAML_FIRST: Final = re.compile(rb"""(?:\s*(?:#[^\n]*)?\n)*(?:---\s|%YAML|["']?(?:apiVersion|kind)["']?:\s)""")
_ASSIGNMENT: Final = re.compile(rb"\s*(?:export\s+)?[A-Za-z_][\w.\-]*\s*=.*|\s*\[[^\]]*\]\s*")
_MORE_PAIRS: Final = re.compile(rb"\s[\w.\-]+=\S++.*\s[\w.\-]+=")
_COMMENT: Final = re.compile(rb"\s*[#;!].*")
_PEM_BLOCK: Final = re.compile(
    rb"-----BEGIN [^-\n]{1,80}-----(?:[^-]*-----END [^-\n]{1,80}-----|(?:\s+[A-Za-z0-9+/]{16,}={0,2}(?!\S))*)"
    rb"|<redacted:(?:pem|ssh-key)>"
)
_YAML_NAMES: Final = (".yaml", ".yml")
_LINES_LOOKED_AT: Final = 300
_TOML_SIGN: Final = re.compile(
    rb"""^[ \t]*(?:\[{1,2}[\w.\-"' ]+\]{1,2}[ \t]*(?:\#[^\n]*)?\r?$|[\w.\-"']+[ \t]+=[ \t])""",
    re.MULTILINE | re.VERBOSE,
)
_HCL_SIGN: Final = re.compile(rb'^[ \t]*[A-Za-z_][\w\-]*(?:[ \t]+"[^"\n]*"){0,4}[ \t]*(?:=[ \t]*)?\{', re.MULTILINE)
_OPTION: Final = re.compile(rb"[ \t]*[A-Za-z_][^=:\[\]{}\"]{0,100}?[ \t]*[=:].*|[ \t]+\S.*|[\w.\-]+[ \t]*")
_DOTTED: Final = re.compile(rb"^[ \t]*[A-Za-z_][\w\-]*(?:\.[\w\-\\\[\]]+)+[ \t]*=", re.MULTILINE)
_PROPERTY: Final = re.compile(rb"[ \t]*[A-Za-z_](?:[\w.\-\[\]/@$]|\\.)*[ \t]*[=: \t].*")
_SHELL: Final = re.compile(rb"^[ \t]*(?:export[ \t]|\[)", re.MULTILINE)


def wide(head: bytes) -> str:
    """The codec of UTF-32 or UTF-16 text, by its byte order mark or by which of its bytes are NUL."""
    if codec := _utf32(head):
        return codec
    if head[:2] in _UTF16:
        return _UTF16[head[:2]]
    sample = head[:512]
    if len(sample) >= 16 and sample.count(b"\0") * 5 > len(sample) * 2:  # noqa: PLR2004 - too short to tell; at least 40 %
        even, odd = sample[0::2], sample[1::2]
        if b"\0" not in even and not odd.strip(b"\0"):
            return "utf-16-le"
        if b"\0" not in odd and not even.strip(b"\0"):
            return "utf-16-be"
    return ""


def _utf32(head: bytes) -> str:
    if head[:4] in _UTF32:
        return _UTF32[head[:4]]
    sample = head[:512][: len(head[:512]) // 4 * 4]
    if len(sample) < 32:  # noqa: PLR2004 - too short to tell
        return ""
    for first, codec in ((0, "utf-32-le"), (3, "utf-32-be")):
        others = b"".join(sample[index::4] for index in range(4) if index != first)
        if b"\0" not in sample[first::4] and others.count(b"\0") * 10 > len(others) * 8:
            return codec
    return ""


def is_binary(head: bytes) -> bool:
    """Whether the bytes are no text: NULs that neither lead (truncated logs) nor separate words (/proc/PID/environ)."""
    body = head[_LEADING_NULS.match(head).end() :] if head.startswith(b"\0" * 512) else head  # type: ignore[union-attr]
    if b"\0" not in body:
        return False
    if b"\0\0" in body.rstrip(b"\0") or _CONTROLS.search(body):
        return True
    try:
        body[:-3].decode() if len(body) >= HEAD else body.decode()
    except UnicodeDecodeError:
        return True
    return False


def is_json(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether a JSON document begins; lines of JSON and one short line are left to the reader of running text.

    YAML's own flow style begins alike, so a path that says YAML is believed: JSON is YAML too.
    """
    if path.endswith(_YAML_NAMES) or not _JSON_START.match(head):
        return False
    read = _JSON_TOKENS.match(head)
    done = read.end() if read else 0
    # Only a string may be long, so only one may reach over the end of what is looked at.
    if done < len(head) and (whole or (head[done : done + 1] != b'"' and len(head) - done > _LONGEST_NUMBER)):
        return False
    line, newline, _ = head.lstrip().partition(b"\n")
    if not newline:
        return not whole
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return True
    return False


def is_yaml(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether the text reads like YAML; the unit's parser has the last word."""
    if path.endswith(_YAML_NAMES) or _YAML_FIRST.match(head):
        return True
    if _JSON_START.match(head):
        return False
    lines = _lines(head, whole=whole)
    matching = sum(1 for line in lines if _YAML_LINE.fullmatch(line))
    if matching < 2:  # noqa: PLR2004 - one line `word: words` is as likely a sentence
        return False
    return _YAML_LINE.fullmatch(lines[0]) is not None and matching * 10 >= len(lines) * 6


def is_assignments(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether nearly every line is `KEY=value`, as in .env, INI and properties files, and no logfmt."""
    lines = _lines(head.replace(b"\0", b"\n"), whole=whole)
    named = path.endswith((".env", ".ini", ".properties", ".conf"))
    matching = sum(1 for line in lines if _ASSIGNMENT.fullmatch(line) and not _MORE_PAIRS.search(line))
    if not matching or not _ASSIGNMENT.fullmatch(lines[0]):
        return False
    return matching * 10 >= len(lines) * (4 if named else 6)


def is_toml(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether all of the text is TOML; a shell's `KEY="value"`, which may be TOML too, is left to its own reader."""
    if not path.endswith(".toml") and not _TOML_SIGN.search(head):
        return False
    return _followed(Toml(), head, whole=whole)


def is_hcl(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether all of the text is HCL, with a block or a name that says so."""
    if not path.endswith((".tf", ".tfvars", ".hcl")) and not _HCL_SIGN.search(head):
        return False
    return _followed(Hcl(), head, whole=whole)


def is_ini(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether a section begins the text and nearly all lines are options or what belongs to them."""
    lines = _lines(head, whole=whole)
    if not lines or not (INI_SECTION.fullmatch(lines[0]) or path.endswith((".ini", ".cnf"))):
        return False
    matching = sum(1 for line in lines if INI_SECTION.fullmatch(line) or _OPTION.fullmatch(line))
    return len(lines) > 1 and matching * 10 >= len(lines) * 9


def is_properties(head: bytes, path: str, *, whole: bool) -> bool:
    """Whether the text is assignments to dotted names, or its name says that it is properties."""
    if path.endswith(".properties"):
        return bool(head.strip())
    text = joined(head)
    if not _DOTTED.search(text) or _SHELL.search(text):
        return False
    lines = _lines(text, whole=whole)
    matching = sum(1 for line in lines if _PROPERTY.fullmatch(line) and not _MORE_PAIRS.search(line))
    return bool(lines) and _PROPERTY.fullmatch(lines[0]) is not None and matching * 10 >= len(lines) * 8


def _followed(grammar: Toml | Hcl, text: bytes, *, whole: bool) -> bool:
    """Whether the grammar reads all, or half of a beginning: a long statement may reach over its end."""
    done = grammar.follow(None, text, 0)
    return done == len(text) > 0 if whole else 2 * done >= len(text)


def _lines(head: bytes, *, whole: bool) -> list[bytes]:
    # A PEM block counts as little as what it becomes: what is sanitized twice must be read alike both times.
    text = _PEM_BLOCK.sub(b"", head)
    lines = text.splitlines()[:_LINES_LOOKED_AT]
    if not whole and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip() and not _COMMENT.fullmatch(line)]
