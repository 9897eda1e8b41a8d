"""Odd objects read safely: whatever is missing or of another type is empty, and nothing is longer than its bound.

Objects come from the API server, but status fields and Events hold what kubelets, controllers and programs in pods
have written; a check must survive all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from supportbundle.model.findings import TEXT_CHARS
from supportbundle.model.gap import printable

MAX_ITEMS = 256
"""Entries of one list that are looked at; a pod has no more containers or conditions than that."""

_NAME_CHARS = 253
_UNITS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(1000),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "Ki": Decimal(1 << 10),
    "Mi": Decimal(1 << 20),
    "Gi": Decimal(1 << 30),
    "Ti": Decimal(1 << 40),
    "Pi": Decimal(1 << 50),
}
_LONGEST_NUMBER = 40
_LAST_WORD = re.compile(r"\S{0,1024}\Z")


@dataclass(frozen=True, slots=True)
class View:
    """One value of a JSON document."""

    value: object = None

    def __getitem__(self, key: str) -> View:
        """The field; empty if there is none, or if this is no object."""
        return View(self.value.get(key)) if isinstance(self.value, Mapping) else View()

    def __bool__(self) -> bool:
        return self.value is not None

    def each(self) -> Iterator[tuple[int, View]]:
        """The objects of a list, with their places."""
        if isinstance(self.value, (list, tuple)):
            for place, item in enumerate(self.value[:MAX_ITEMS]):
                if isinstance(item, Mapping):
                    yield place, View(item)

    def first(self, key: str, wanted: str) -> View:
        """The first object of a list whose field has this text."""
        return next((item for _, item in self.each() if item[key].text() == wanted), View())

    def fields(self) -> Iterator[tuple[str, View]]:
        """The fields of an object."""
        if isinstance(self.value, Mapping):
            for key in list(self.value)[:MAX_ITEMS]:
                if isinstance(key, str):
                    yield key, View(self.value[key])

    def text(self) -> str:
        """As it is, for comparing."""
        return self.value if isinstance(self.value, str) else ""

    def name(self) -> str:
        """A name, for showing."""
        return printable(self.text(), _NAME_CHARS)

    def said(self) -> str:
        """What somebody wrote, for showing."""
        return quoted(self.text())

    def number(self) -> int:
        """A whole number that is not negative."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) and self.value > 0 else 0

    def truth(self) -> bool | None:
        """A boolean."""
        return self.value if isinstance(self.value, bool) else None

    def moment(self) -> datetime | None:
        """A time of RFC 3339, in UTC."""
        try:
            found = datetime.fromisoformat(self.text()[:64])
            return found.astimezone(UTC) if found.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None

    def quantity(self) -> Decimal | None:
        """A Kubernetes quantity such as `250m` or `1Gi`, in its base unit."""
        text = str(self.value) if isinstance(self.value, (int, float)) else self.text()
        digits = text.rstrip("numkMGTPi") if len(text) <= _LONGEST_NUMBER else ""
        factor = _UNITS.get(text[len(digits) :])
        try:
            found = Decimal(digits) * factor if factor is not None else None
        except (InvalidOperation, ValueError):
            return None
        return found if found is not None and found.is_finite() and 0 <= found < Decimal(1 << 70) else None


def quoted(text: str, limit: int = TEXT_CHARS) -> str:
    """What somebody wrote, bounded, for a file that is sanitized as it is written.

    Nothing but lone surrogates is escaped, which no JSON holds: the sanitizer would not know an escaped secret. It is
    cut between words: of a secret that was cut in two the sanitizer would not know the first half.
    """
    text = text.strip()[: limit + 1].encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else _LAST_WORD.sub("…", text[: limit - 1], count=1)
