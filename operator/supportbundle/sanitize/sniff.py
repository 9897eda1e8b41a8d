"""What a stream is, by its first bytes; a path is never more than a hint, because tenants choose names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

HEAD: Final = 64 << 10
"""Bytes looked at, or fewer if the stream is shorter."""

GZIP: Final = b"\x1f\x8b"
_ARCHIVES: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x04\x22\x4d\x18": "lz4",
    b"Rar!\x1a\x07": "rar",
}
_UTF16: Final[Mapping[bytes, str]] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CONTROLS: Final = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_LEADING_NULS: Final = re.compile(rb"\0*")
_JSON_START: Final = re.compile(
    rb"""\s*(?:\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\})
      |\[\s*(?:[\[{\]]|"(?:[^"\\\n]|\\.)*"\s*[,\]]|(?:-?\d[\d.eE+-]*|true|false|null)\s*[,\]]))""",
    re.VERBOSE,
)
_YAML_LINE: Final = re.compile(
    rb"""\s*(?:-\s+)*["']?[A-Za-z_$/][\w .\-/$]*["']?\s*:(?:\s.*)?|\s*-(?:\s.*)?|[?:]\s.*|---(?:\s.*)?|\.\.\."""
)
_YAML_FIRST: Final = re.compile(rb"""(?:\s*(?:#[^\n]*)?\n)*(?:---\s|%YAML|["']?(?:apiVersion|kind)["']?:\s)""")
_ASSIGNMENT: Final = re.compile(rb"\s*(?:export\s+)?[A-Za-z_][\w.\-]*\s*=.*|\s*\[[^\]]*\]\s*")
_MORE_PAIRS: Final = re.compile(rb"\s[\w.\-]+=\S+.*\s[\w.\-]+=")
_COMMENT: Final = re.compile(rb"\s*[#;!].*")
_PEM_BLOCK: Final = re.compile(rb"-----BEGIN [^-\n]{1,80}-----[^-]*(?:-----END [^-\n]{1,80}-----|\Z)")
_YAML_NAMES: Final = (".yaml", ".yml")
_LINES_LOOKED_AT: Final = 300


def archive(head: bytes) -> str:
    """The name of the archive or compression format, or nothing. gzip is not among them: profiles are gzip."""
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            return name
    return "tar" if head[257:262] == b"ustar" else ""


def utf16(head: bytes) -> str:
    """The codec of UTF-16 text, by its byte order mark or by every second byte being NUL."""
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
    text = head.removeprefix(b"\xef\xbb\xbf")
    if path.endswith(_YAML_NAMES) or not _JSON_START.match(text):
        return False
    line, newline, _ = text.lstrip().partition(b"\n")
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


def _lines(head: bytes, *, whole: bool) -> list[bytes]:
    # A PEM block counts as the one line that it becomes: what is sanitized twice must be read alike both times.
    text = _PEM_BLOCK.sub(b"-", head.removeprefix(b"\xef\xbb\xbf"))
    lines = text.splitlines()[:_LINES_LOOKED_AT]
    if not whole and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip() and not _COMMENT.fullmatch(line)]
