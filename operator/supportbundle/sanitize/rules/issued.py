"""The commonest rule there is: a token that its issuer begins with a published prefix.

Prefixes, lengths and alphabets are those that the issuers publish in their documentation; where an issuer leaves the
length open, the lower bound is one that ordinary words do not reach.
"""

from __future__ import annotations

import re
from typing import Final

from .records import Hit, PatternRule

_SAMPLE: Final = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
_SEEN: Final = 10
"""Characters of the body that a trigger asks for: enough that words do not strike, cheap to look for."""

ALNUM: Final = "[A-Za-z0-9]"
LOWER: Final = "[a-z0-9]"
UPPER: Final = "[A-Z0-9]"
HEX: Final = "[0-9a-fA-F]"
URL64: Final = r"[\w\-]"
BASE64: Final = "[A-Za-z0-9+/]"


def issued(name: str, issuer: str, prefix: str, body: str, least: int, *, start: str, tail: str = "") -> PatternRule:
    """A token of `prefix`, an expression, and at least `least` characters of the class `body`; `start` is one prefix.

    `tail` is what must follow; by default whatever else the class allows belongs to the token.
    """
    sample = start + of_class(body, least)
    number = f"{{{least}}}" if tail else f"{{{least},}}"
    return PatternRule(
        name=name,
        reason=f"A token of {issuer}.",
        trigger=f"(?:{prefix}){body}{{{min(least, _SEEN)}}}",
        pattern=f"(?:{prefix}){body}{number}{tail}",
        hits=(Hit(f"using {sample} now", sample), Hit(f'"x":"{sample}"', sample)),
        lookalikes=(f"the prefix {start} alone", f"x{sample}"),
    )


def of_class(body: str, size: int) -> str:
    """An example of `size` characters of a class."""
    chars = [char for char in _SAMPLE + _SAMPLE.swapcase() if re.fullmatch(body, char)]
    return "".join(chars[index % len(chars)] for index in range(size))
