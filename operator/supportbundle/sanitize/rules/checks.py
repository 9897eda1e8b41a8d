"""Conditions that no regular expression states well; a pattern rule names one of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
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


def _no_digits(value: bytes) -> bool:
    """Not a count, as in `pass:12`."""
    return not value.isdigit()


def _no_certificate(value: bytes) -> bool:
    """Not the base64 of an armoured certificate, which is public."""
    return not value.startswith(b"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS")


def _no_mechanism(value: bytes) -> bool:
    """An opaque word that is no name of an authentication method, as mail servers list them."""
    return (
        _opaque(value) and re.match(rb"(?i)(?:cram|scram|digest|xoauth|oauth|ntlm|sha|md5|plain|login)", value) is None
    )


def _card(value: bytes) -> bool:
    """Luhn's check digit, and a first digit and length that card networks use."""
    digits = [byte - 48 for byte in value if 48 <= byte <= 57]  # noqa: PLR2004 - ASCII 0 to 9
    if _CARD_FORM.fullmatch(bytes(digit + 48 for digit in digits)) is None or len(set(digits)) == 1:
        return False
    return sum(digit if place % 2 == 0 else _DOUBLED[digit] for place, digit in enumerate(reversed(digits))) % 10 == 0


def _random(value: bytes) -> bool:
    """Characters as a generator of random bytes gives them, in hexadecimal, base32 or base64; names of things are not.

    A UUID is not random in this sense: logs use it to name things. Words in camel case change between cases more
    rarely than random letters do.
    """
    if _UUID.fullmatch(value):
        return False
    text = value.rstrip(b"=")
    if re.fullmatch(rb"[0-9a-fA-F]{32,}", text):
        return len(set(text)) >= _DIFFERENT_HEX
    digits = sum(1 for byte in text if 48 <= byte <= 57)  # noqa: PLR2004 - ASCII 0 to 9
    if not digits or digits == len(text) or len(set(text)) < _DIFFERENT:
        return False
    longest = max(len(run) for run in re.split(rb"[^A-Za-z0-9]+", text))
    if not (re.search(rb"[a-z]", text) and re.search(rb"[A-Z]", text)):
        return longest >= _LONG_RUN and re.search(rb"\d[A-Za-z]+\d", text) is not None
    kinds = [b"aA0-"[_kind(byte)] for byte in text]
    changes = sum(1 for first, second in pairwise(kinds) if first != second)
    return longest >= _SHORT_RUN and changes * 3 >= len(text)


def _kind(byte: int) -> int:
    char = chr(byte)
    return 0 if char.islower() else 1 if char.isupper() else 2 if char.isdigit() else 3


def _credential(value: bytes) -> bool:
    """Base64 of `user:password`, or random."""
    return _userpass(value) or _random(value)


def _dsn_password(value: bytes) -> bool:
    """What may stand between a user and a host: it has a digit, and is no URL's path or package's name."""
    return re.search(rb"[0-9]", value) is not None and _PATH.match(value) is None


def _no_login(value: bytes) -> bool:
    """A data source in which no other rule finds the password, so that host and database cannot stay either."""
    return b"<redacted:" not in value and (_LOGIN.search(value) is None or re.search(rb"[{}'\"\\]", value) is not None)


def _always(_value: bytes) -> bool:
    return True


_CARD_FORM: Final = re.compile(
    rb"4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14}"
    rb"|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}|(?:5[06789]|6\d)\d{10,17}"
)
_PATH: Final = re.compile(rb"//|\d{2,5}/[A-Za-z]|[^?=&]*[?=&]|(?:npm|golang|pypi|deb|rpm|maven|oci|docker)/")
_LOGIN: Final = re.compile(
    rb"""://[^\s"'<>/?#:@]{0,128}:[^\s"'<>/?#]{1,256}@
      |://[^\s"'<>/?#:@\[=]{0,128}:(?:\d{0,5}[^\d\s"'<>/?#@]|\d{6})[^\s"'<>]{0,200}@[\w\[$]
      |:[^\s"'<>(/][^\s"'<>(]{0,127}@(?:(?:tcp|udp|unix)\d?\(|\([\w.\-]{1,64}:|/[a-z_]\w{0,40}\b)
      |(?i:\b(?:password|pwd|accountkey|sharedaccesskey)=[^\s;&])""",
    re.VERBOSE,
)
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DIFFERENT: Final = 10
_DIFFERENT_HEX: Final = 8
_LONG_RUN: Final = 20
"""Letters of one case and digits without a break: longer than a hash in the name of a pod."""
_SHORT_RUN: Final = 8

CHECKS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "": _always,
    "card": _card,
    "credential": _credential,
    "dsn-password": _dsn_password,
    "mixed": _mixed,
    "no-certificate": _no_certificate,
    "no-digits": _no_digits,
    "no-login": _no_login,
    "no-mechanism": _no_mechanism,
    "no-option": _no_option,
    "no-port": _no_port,
    "opaque": _opaque,
    "random": _random,
    "userpass": _userpass,
}
