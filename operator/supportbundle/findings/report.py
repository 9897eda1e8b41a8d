"""All checks over what was seen, as one document: ordered, bounded, and honest about what was not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from supportbundle.findings.check import Check
from supportbundle.findings.seen import Seen
from supportbundle.model.findings import MAX_TITLES, Finding, Problems, Severity
from supportbundle.model.plan import dump

VERSION: Final = "supportbundle.dev/findings/v1"
MAX_FINDINGS: Final = 200
"""Findings that are written out; all are counted."""


@dataclass(frozen=True, slots=True)
class Report:
    """What findings.json holds, and what the status tells of it. `omitted` findings are counted but not written."""

    document: dict[str, Any]
    problems: Problems
    omitted: int


def examine(seen: Seen, checks: Iterable[Check], skipped: dict[str, str] | None = None) -> Report:
    """The result depends on the arguments alone. `skipped` are checks that nobody asked for, with how to ask."""
    skipped = skipped or {}
    checks = sorted(checks, key=lambda check: check.name)
    run = [check for check in checks if check.name not in skipped]
    found = {check.name: tuple(check.findings(seen)) if _possible(check, seen) else () for check in run}
    everything = sorted((finding for each in found.values() for finding in each), key=_order)
    kept = everything[:MAX_FINDINGS]
    severities = Counter(finding.severity for finding in everything)
    document = {
        "version": VERSION,
        "time": seen.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "findings": [dump(finding) for finding in kept],
        "omitted": len(everything) - len(kept),
        "bySeverity": {severity.value: severities[severity] for severity in Severity},
        "checked": [
            {"check": check.name, "what": check.what, "skipped": skipped[check.name]}
            if check.name in skipped
            else _checked(check, len(found[check.name]), seen)
            for check in checks
        ],
    }
    problems = Problems(
        critical=severities[Severity.CRITICAL],
        warning=severities[Severity.WARNING],
        info=severities[Severity.INFO],
        unchecked=sum(not check.needs.isdisjoint(seen.unread) for check in run),
        titles=tuple(finding.title for finding in everything[:MAX_TITLES]),
    )
    return Report(document, problems, len(everything) - len(kept))


def _possible(check: Check, seen: Seen) -> bool:
    """A check runs on what is there, as long as anything of what it needs is."""
    return not check.needs or not check.needs <= seen.unread


def _checked(check: Check, findings: int, seen: Seen) -> dict[str, Any]:
    unread = sorted((check.needs | check.helps) & seen.unread)
    return {
        "check": check.name,
        "what": check.what,
        "findings": findings,
        "complete": not unread,
        **({"notRead": unread} if unread else {}),
    }


def _order(finding: Finding) -> tuple[int, str, str, str, str]:
    about = finding.object
    return finding.severity.rank, finding.check, about.kind, about.name, about.container or ""
