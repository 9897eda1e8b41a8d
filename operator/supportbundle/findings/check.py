"""What a check is: a name, what it looks for, what it needs, and a pure function. One file in `checks` defines one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from supportbundle.findings.seen import Seen, Source
from supportbundle.findings.view import quoted
from supportbundle.model.findings import MAX_EVIDENCE, TITLE_CHARS, About, Evidence, Finding, Severity
from supportbundle.model.gap import printable

__all__ = ["About", "Check", "Draft", "Evidence", "Severity", "evidence"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a check says about one object; the rest of a finding follows from it.

    `title` is made of our own words, of names and of numbers; what others wrote stands in `evidence` alone.
    """

    severity: Severity
    title: str
    about: About
    evidence: tuple[Evidence, ...]
    advice: str
    since: datetime | None = None
    last: datetime | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """`what` is a sentence for people. Without `needs` nothing was looked at; `helps` only adds evidence."""

    name: str
    what: str
    needs: frozenset[Source]
    run: Callable[[Seen], Iterator[Draft]]
    helps: frozenset[Source] = frozenset()

    def findings(self, seen: Seen) -> Iterator[Finding]:
        """One finding for each object: what is said of it more than once is put together."""
        drafts: dict[str, Draft] = {}
        for draft in self.run(seen):
            identity = self._identity(draft.about)
            drafts[identity] = _together(drafts[identity], draft) if identity in drafts else draft
        for identity, draft in drafts.items():
            yield Finding(
                id=identity,
                check=self.name,
                severity=draft.severity,
                title=printable(draft.title, TITLE_CHARS),
                object=draft.about,
                evidence=tuple(dict.fromkeys(draft.evidence))[:MAX_EVIDENCE],
                advice=draft.advice,
                since=draft.since,
                last_seen=draft.last,
                count=draft.count,
            )

    def _identity(self, about: About) -> str:
        container = f"/{about.container}" if about.container else ""
        return f"{self.name}:{about.kind}/{about.name}{container}"


def evidence(source: str, text: str, time: datetime | None = None) -> Evidence:
    """A piece of evidence from text that anybody may have written."""
    return Evidence(source=printable(source, 128), text=quoted(text), time=time)


def _together(one: Draft, other: Draft) -> Draft:
    """The worse of the two, with the evidence of both."""
    worse, milder = sorted((one, other), key=lambda draft: draft.severity.rank)
    return Draft(
        severity=worse.severity,
        title=worse.title,
        about=worse.about,
        evidence=(*worse.evidence, *milder.evidence),
        advice=worse.advice,
        since=_edge(min, (one.since, other.since)),
        last=_edge(max, (one.last, other.last)),
        count=max(one.count or 0, other.count or 0) or None,
    )


def _edge(
    choose: Callable[[Iterable[datetime]], datetime], moments: tuple[datetime | None, datetime | None]
) -> datetime | None:
    told = [moment for moment in moments if moment is not None]
    return choose(told) if told else None
