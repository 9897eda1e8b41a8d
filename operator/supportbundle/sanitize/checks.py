"""Conditions that no regular expression states well; a pattern rule names one of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Final


def _mixed(value: bytes) -> bool:
    """Digits, padding or capitals inside: `authentication` and `user/password` are words, `dXNlcjpwYXNz` is not."""
    return re.search(rb"[0-9=]|[a-z][A-Z]", value) is not None


def _opaque(value: bytes) -> bool:
    """At least one digit and one letter: neither a word nor a number."""
    return any(48 <= byte <= 57 for byte in value) and any(chr(byte).isalpha() for byte in value)  # noqa: PLR2004 - ASCII 0 to 9


def _userpass(value: bytes) -> bool:
    """Base64 of `user:password`."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except ValueError:
        return False


def _no_port(value: bytes) -> bool:
    """Neither a port, as `-p` means elsewhere (`5432`, `80:8080/tcp`), nor a path (`mkdir -p /x`)."""
    return re.fullmatch(rb"[\d.:]+(?:/\w+)?|/.*", value) is None


def _no_option(value: bytes) -> bool:
    """Not the rest of a long option with one hyphen (`-port`)."""
    return re.fullmatch(rb"(?:ort|assword|ath|rotocol|rofile|roxy|lugin|rint|retty)(?:=.*)?", value) is None


def _always(_value: bytes) -> bool:
    return True


CHECKS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "": _always,
    "mixed": _mixed,
    "no-option": _no_option,
    "no-port": _no_port,
    "opaque": _opaque,
    "userpass": _userpass,
}
