"""Findings: what checks say about the objects of a namespace, and their sum, which the status tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from supportbundle.model.base import Value
from supportbundle.model.gap import printable

TITLE_CHARS = 200
"""Characters of a title; a note of the manifest holds as many."""

TEXT_CHARS = 1024
"""Characters of one piece of evidence."""

MAX_EVIDENCE = 10
MAX_TITLES = 3
"""Titles that the bundle's condition shows."""

_MANY = 1_000_000


class Severity(StrEnum):
    """How much it matters now, the worst first.

    Critical: it does not work. Warning: it works badly, or will not for long. Info: it is over, or may be meant so.
    """

    CRITICAL = "Critical"
    WARNING = "Warning"
    INFO = "Info"

    @property
    def rank(self) -> int:
        """Zero is the worst."""
        return tuple(Severity).index(self)


class Evidence(Value):
    """What the API server said, and where: `source` is a field of the object, or the Event's reason."""

    source: Annotated[str, StringConstraints(max_length=128)]
    text: Annotated[str, StringConstraints(max_length=TEXT_CHARS)]
    time: datetime | None = None


class About(Value):
    """The object that a finding is about; `container` is one of a pod's."""

    kind: Annotated[str, StringConstraints(max_length=63)]
    name: Annotated[str, StringConstraints(max_length=253)]
    container: Annotated[str, StringConstraints(max_length=63)] | None = None


class Finding(Value):
    """One thing that is wrong with one object. `id` is the same in every bundle that finds it.

    `since` and `last_seen` are the first and the last time of it that the API server tells; `count` is how often.
    """

    id: str
    check: str
    severity: Severity
    title: Annotated[str, StringConstraints(max_length=TITLE_CHARS)]
    object: About
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MAX_EVIDENCE)]
    advice: str
    since: datetime | None = None
    last_seen: datetime | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Problems:
    """Findings by severity, and the first titles: what the status tells. It travels as notes of findings.json.

    `unchecked` counts the checks that could not look at all that they need, `files` the lists that were made: nothing
    was looked at where there is none.
    """

    critical: int = 0
    warning: int = 0
    info: int = 0
    unchecked: int = 0
    titles: tuple[str, ...] = ()
    files: int = 0

    @classmethod
    def of(cls, notes: Mapping[str, str | int]) -> Self | None:
        """What the notes of a file say, as far as they can be believed; None if they are of another file."""
        if _COUNTS[0] not in notes:
            return None
        told = (notes.get(name, 0) for name in _COUNTS)
        critical, warning, info, unchecked = (_believable(count) for count in told)
        titles = (str(notes[name]) for name in _TITLES if name in notes)
        return cls(
            critical,
            warning,
            info,
            unchecked,
            titles=tuple(printable(title, TITLE_CHARS) for title in titles),
            files=1,
        )

    def notes(self) -> dict[str, str | int]:
        """The notes that `of` reads."""
        counts = (self.critical, self.warning, self.info, self.unchecked)
        return {**dict(zip(_COUNTS, counts, strict=True)), **dict(zip(_TITLES, self.titles, strict=False))}

    def __add__(self, other: Problems) -> Problems:
        return Problems(
            self.critical + other.critical,
            self.warning + other.warning,
            self.info + other.info,
            self.unchecked + other.unchecked,
            (*self.titles, *other.titles)[:MAX_TITLES],
            self.files + other.files,
        )


def _believable(count: str | int) -> int:
    return min(max(count, 0), _MANY) if isinstance(count, int) else 0


_COUNTS = ("findingsCritical", "findingsWarning", "findingsInfo", "findingsUnchecked")
_TITLES = tuple(f"findings{number}" for number in range(1, MAX_TITLES + 1))
