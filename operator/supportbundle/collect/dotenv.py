"""Environment variables as text: `$(NAME)` as Kubernetes expands it, and lines that `.env` readers parse again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from supportbundle.model.gap import printable

MAX_VALUE = 128 << 10
"""Characters. Linux takes no longer string in an environment (MAX_ARG_STRLEN), so a container cannot have one."""

TOO_LONG = "<longer than a container can have>"
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_PLAIN = re.compile(r"""(?![\s#])[^"'`\\\x00-\x1f\x7f-\x9f\u2028\u2029]+(?<!\s)""")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NAME_CHARS = 512
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029]')


def expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` replaced where the name is known; `$$` stands for one `$`; all else stays as it is.

    As `k8s.io/kubernetes/third_party/forked/golang/expansion` does it. References that double their size a few dozen
    times would need all memory there is, so what grows past `MAX_VALUE` becomes `TOO_LONG`.
    """
    parts: list[str] = []
    room = MAX_VALUE
    end = 0
    for match in _REFERENCE.finditer(text):
        name = match.group(1)
        value = "$" if name is None else known.get(name, match.group())
        parts += (text[end : match.start()], value)
        room -= match.start() - end + len(value)
        end = match.end()
        if room < 0:
            return TOO_LONG
    parts.append(text[end:])
    return "".join(parts) if room >= len(text) - end else TOO_LONG


def line(name: str, value: str) -> str:
    r"""`NAME=value` with its line break. Quoted where a reader of `.env` files would take the value for another one.

    Within double quotes `\\`, `\"`, `\n`, `\r`, `\t`, `\xNN` and `\uNNNN` are escapes, as in Python. A name that is no
    usual one stands in a comment.
    """
    shown = name if _NAME.fullmatch(name) else f"# {printable(name, _NAME_CHARS)}"
    text = f"{shown}={quoted(value)}\n"
    return text.encode("utf-8", "replace").decode()


def quoted(value: str) -> str:
    """The value, within double quotes if it needs them."""
    if not value or (_PLAIN.fullmatch(value) and " #" not in value):
        return value
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _ESCAPES.get(char) or char.encode("unicode_escape").decode()
