"""What the bundle says about itself: manifest.json, warning.txt, redactions.json, collector.log.

Pure and byte-stable: keys are sorted, times come from the plan and the indexes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.layout import InlineMember
from supportbundle.archive.select import Selection
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import BundleRef, dump

MANIFEST_VERSION: Final = "supportbundle.dev/manifest/v1"
REDACTIONS_VERSION: Final = "supportbundle.dev/redactions/v1"

_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """Which resource the bundle answers, and the plan's creation time."""

    bundle: BundleRef
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the collected members; sizes in bytes."""

    files: int
    size: int
    compressed_size: int
    source_bytes: int
    redactions: int
    redacted_files: int


def totals(entries: Iterable[IndexEntry]) -> Totals:
    """The sums that manifest and status report."""
    files = size = compressed = source = redactions = redacted = 0
    for entry in entries:
        count = sum(entry.meta.redactions.values())
        files += 1
        size += entry.size
        compressed += entry.compressed_size
        source += entry.meta.source_bytes
        redactions += count
        redacted += count > 0
    return Totals(files, size, compressed, source, redactions, redacted)


def build_tail(facts: BundleFacts, selection: Selection, gaps: Sequence[Gap]) -> tuple[InlineMember, ...]:
    """The members that the assembly adds, manifest first. Without gaps there is no warning.txt.

    `gaps` are all gaps of the bundle (`select.all_gaps`, and what the caller knows of lost shards).
    """
    entries = selection.entries
    made = [InlineMember("redactions.json", _redactions(entries))]
    if gaps:
        made.append(InlineMember("warning.txt", "".join(f"{warning_line(gap)}\n" for gap in gaps).encode()))
    if log := _log(selection.indexes):
        made.append(InlineMember("collector.log", log))
    return (InlineMember("manifest.json", _manifest(facts, entries, gaps, made)), *made)


def warning_line(gap: Gap) -> str:
    """One plain line: who, what, why."""
    where = ": ".join(part for part in (gap.target, gap.collector) if part)
    return printable(f"{where or 'bundle'}: {gap.reason}: {gap.message}".rstrip(": "), 2000)


def _manifest(
    facts: BundleFacts, entries: Sequence[IndexEntry], gaps: Sequence[Gap], made: Sequence[InlineMember]
) -> bytes:
    sums = totals(entries)
    return orjson.dumps(
        {
            "version": MANIFEST_VERSION,
            "bundle": dump(facts.bundle),
            "createdAt": _moment(facts.created_at),
            "members": [*(_member(entry) for entry in entries), *(_made(member) for member in made)],
            "gaps": [dump(gap) for gap in gaps],
            "totals": {
                "files": sums.files,
                "size": sums.size,
                "compressedSize": sums.compressed_size,
                "sourceBytes": sums.source_bytes,
                "redactions": sums.redactions,
                "gaps": len(gaps),
            },
        },
        option=_PRETTY,
    )


def _member(entry: IndexEntry) -> dict[str, object]:
    meta = entry.meta
    return {
        "path": entry.path,
        "size": entry.size,
        "compressedSize": entry.compressed_size,
        "sha256": entry.sha256,
        "crc32": f"{entry.crc32:08x}",
        "source": {
            "collector": meta.collector,
            "target": meta.target,
            "bytes": meta.source_bytes,
            "startedAt": _moment(meta.started_at),
            "endedAt": _moment(meta.ended_at),
        },
        "redactions": sum(meta.redactions.values()),
        "truncated": meta.truncated,
        **({"notes": meta.notes} if meta.notes else {}),
    }


def _made(member: InlineMember) -> dict[str, object]:
    """A member that the assembly writes; it has no source."""
    return {"path": member.path, "size": len(member.data), "sha256": hashlib.sha256(member.data).hexdigest()}


def _redactions(entries: Sequence[IndexEntry]) -> bytes:
    """Counts by file and rule, never values."""
    by_rule: Counter[str] = Counter()
    files: dict[str, object] = {}
    for entry in entries:
        rules = {rule: count for rule, count in entry.meta.redactions.items() if count}
        if not rules:
            continue
        by_rule.update(rules)
        lines = {rule: list(numbers) for rule, numbers in entry.meta.lines.items() if rule in rules and numbers}
        files[entry.path] = {"rules": rules, **({"lines": lines} if lines else {})}
    return orjson.dumps(
        {
            "version": REDACTIONS_VERSION,
            "files": files,
            "totals": {"redactions": by_rule.total(), "files": len(files), "rules": dict(by_rule)},
        },
        option=_PRETTY,
    )


def _log(indexes: Iterable[FragmentIndex]) -> bytes:
    """All shards' logs, each under its heading; printable, whatever a hostile shard wrote."""
    text = []
    for index in indexes:
        lines = index.report.log.splitlines()
        if lines:
            text.append(f"== shard {index.shard}\n")
            text.extend(f"{printable(line, 4096)}\n" for line in lines)
    return "".join(text).encode()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
