"""Values that look like secrets and open nothing: invented when a test runs, the same for the same seed.

No token stands in the repository as text, so that no scanner of repositories mistakes the corpus for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

_ALPHABETS: Final[Mapping[str, str]] = {
    "alnum": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "url64": string.ascii_letters + string.digits + "-_",
    "b64": string.ascii_letters + string.digits + "+/",
    "digits": string.digits,
    "odd": string.ascii_letters + string.digits + "!%*+-._~^",
}
_CARDS: Final[Mapping[str, tuple[str, int]]] = {
    "visa": ("4", 16),
    "visa13": ("4", 13),
    "visa19": ("4", 19),
    "mastercard": ("53", 16),
    "mastercard2": ("2345", 16),
    "amex": ("37", 15),
    "discover": ("6011", 16),
    "jcb": ("3530", 16),
    "diners": ("36", 14),
    "unionpay": ("62", 16),
}

KNOWN: Final = ("vK9#mQ2$xT7!pL", "Moss&Fern/88+Pine?", "sea-otter-lighthouse-41", "0a9f8e7d6c5b4a39281706f5e4d3")
"""The values of the mounted Secrets; a case names one by its number (`{{known:2:plain}}`)."""


@dataclass(frozen=True, slots=True)
class Invented:
    """A text to write, and the parts of it that must not survive."""

    text: str
    secrets: tuple[str, ...]


def invent(kind: str, argument: str, dice: random.Random) -> Invented:
    """The value that a placeholder `{{kind:argument}}` stands for.

    Raises:
        KeyError: if there is no such kind.
    """
    if kind in _ALPHABETS:
        return _plain(_opaque(_ALPHABETS[kind], int(argument or 20), dice))
    return _MAKERS[kind](argument, dice)


def _plain(text: str) -> Invented:
    return Invented(text, (text,))


def _opaque(alphabet: str, size: int, dice: random.Random) -> str:
    """Characters of `alphabet`; a letter first, and a digit among them where it has both."""
    letters = [each for each in alphabet if each.isalpha()] or list(alphabet)
    digits = [each for each in alphabet if each.isdigit()]
    body = [dice.choice(letters), *(dice.choice(alphabet) for _ in range(size - 1))]
    if digits and size > 2:
        body[size // 2] = dice.choice(digits)
    return "".join(body[:-1]) + dice.choice([*letters, *digits])


def _uuid(_argument: str, dice: random.Random) -> Invented:
    text = _opaque(_ALPHABETS["hex"], 32, dice)
    return _plain("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


def _basic(argument: str, dice: random.Random) -> Invented:
    """Base64 of `user:password`."""
    pair = f"{argument or 'deploy'}:{_opaque(_ALPHABETS['alnum'], 14, dice)}"
    return _plain(base64.b64encode(pair.encode()).decode())


def _jwt(argument: str, dice: random.Random) -> Invented:
    """A signed token: three parts; with the argument `jwe` an encrypted one of five."""
    head = _part({"alg": "RS256", "kid": _opaque(_ALPHABETS["lower"], 8, dice)})
    body = _part({"iss": "https://issuer.example", "sub": _opaque(_ALPHABETS["lower"], 12, dice), "exp": 1900000000})
    parts = [body, *(_opaque(_ALPHABETS["url64"], 43, dice) for _ in range(3 if argument == "jwe" else 1))]
    return Invented(".".join((head, *parts)), tuple(parts))


def _part(claims: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _pem(argument: str, dice: random.Random) -> Invented:
    """An armoured block; `LABEL`, or `LABEL,SEPARATOR` with the characters that stand for a line break."""
    label, _, separator = argument.partition(",")
    lines = ["MII" + _opaque(_ALPHABETS["b64"], 61, dice)]
    lines += [_opaque(_ALPHABETS["b64"], 64, dice) for _ in range(3)] + [_opaque(_ALPHABETS["b64"], 22, dice) + "=="]
    text = (separator or "\n").join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))
    return Invented(text, tuple(lines))


def _armour(argument: str, dice: random.Random) -> Invented:
    """The lines of a PEM body without its armour, indented by the argument."""
    lines = [_opaque(_ALPHABETS["b64"], 64, dice) for _ in range(3)]
    return Invented(("\n" + argument).join(lines), tuple(lines))


def _card(argument: str, dice: random.Random) -> Invented:
    """A number of the brand that passes Luhn's test; `BRAND,SEPARATOR` groups it by four."""
    brand, _, separator = argument.partition(",")
    prefix, size = _CARDS[brand]
    digits = prefix + "".join(dice.choice("0123456789") for _ in range(size - len(prefix) - 1))
    number = digits + next(digit for digit in "0123456789" if luhn(digits + digit))
    return _plain(separator.join(number[at : at + 4] for at in range(0, size, 4)) if separator else number)


def _bad_card(argument: str, dice: random.Random) -> Invented:
    """A number like a card's whose last digit is wrong."""
    number = _card(argument, dice).text
    return _plain(number[:-1] + str((int(number[-1]) + 1) % 10))


def luhn(number: str) -> bool:
    """Whether the digits carry the check digit of payment cards."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0


def _known(argument: str, dice: random.Random) -> Invented:
    """A known secret, `NUMBER:FORM`."""
    number, _, form = argument.partition(":")
    value = KNOWN[int(number)]
    if form.startswith("base64"):
        return _embedded(value, int(form[6:] or 0), dice)
    text = {
        "plain": value,
        "url": quote(value, safe=""),
        "urllower": quote(value, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3F", "%3f"),
        "json": json.dumps(value)[1:-1],
        "twice": json.dumps(json.dumps(value)[1:-1])[1:-1],
    }[form]
    return _plain(text)


def _embedded(value: str, lead: int, dice: random.Random) -> Invented:
    """Base64 of a text that holds `value` after `lead` other bytes; its inner characters must go."""
    before = _opaque(_ALPHABETS["lower"], lead, dice) if lead else ""
    text = base64.b64encode(f"{before}{value}".encode()).decode()
    first = -(-lead * 4 // 3) + (1 if lead % 3 else 0)
    last = (lead + len(value)) * 4 // 3 - 1
    return Invented(text, (text[first:last],))


_MAKERS: Final[Mapping[str, Callable[[str, random.Random], Invented]]] = {
    "uuid": _uuid,
    "basic": _basic,
    "jwt": _jwt,
    "pem": _pem,
    "armour": _armour,
    "card": _card,
    "nocard": _bad_card,
    "known": _known,
}
