"""What the bundle says about itself: manifest.json, warning.txt, redactions.json, collector.log.

Pure and byte-stable: keys are sorted, times come from the plan and the indexes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

import orjson

from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.layout import InlineMember
from supportbundle.archive.select import Selection
from supportbundle.model.cause import Cause
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import BundleRef, dump
from supportbundle.model.template import UsedTemplate

MANIFEST_VERSION: Final = "supportbundle.dev/manifest/v1"
REDACTIONS_VERSION: Final = "supportbundle.dev/redactions/v1"


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """Which resource the bundle answers, the plan's creation time, and why rules that somebody wrote are there.

    `template` is the one that it was made from; `cause` is why a schedule made it, None where somebody did.
    """

    bundle: BundleRef
    created_at: datetime
    reasons: Mapping[str, str] = field(default_factory=dict)
    template: UsedTemplate | None = None
    cause: Cause | None = None


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
    made = [InlineMember("redactions.json", _redactions(entries, facts.reasons))]
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
    members = itertools.chain(map(_member, entries), map(_made, made))
    return _spliced(
        {
            "version": MANIFEST_VERSION,
            "bundle": dump(facts.bundle),
            "createdAt": _moment(facts.created_at),
            **({"template": dump(facts.template)} if facts.template else {}),
            **({"trigger": dump(facts.cause)} if facts.cause else {}),
            "members": [],
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
        "members",
        (_pretty(member) for member in members),
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


@dataclass(frozen=True, slots=True)
class Redacted:
    """What was taken out of one file: counts and first line numbers by rule."""

    path: str
    rules: Mapping[str, int]
    lines: Mapping[str, Sequence[int]]


def redactions(files: Iterable[Redacted], reasons: Mapping[str, str], more: Mapping[str, object]) -> bytes:
    """Counts by file and rule, the reasons of rules that somebody wrote, and `more` fields; never values."""
    by_rule: Counter[str] = Counter()
    redacted = sorted((file for file in files if any(file.rules.values())), key=_path_bytes)
    for file in redacted:
        by_rule.update({rule: count for rule, count in file.rules.items() if count})
    told = {rule: printable(reasons[rule], 256) for rule in by_rule if reasons.get(rule)}
    return _spliced(
        {
            "version": REDACTIONS_VERSION,
            "files": {},
            "totals": {"redactions": by_rule.total(), "files": len(redacted), "rules": dict(by_rule)},
            **({"reasons": told} if told else {}),
            **more,
        },
        "files",
        (orjson.dumps(file.path) + b": " + _pretty(_redacted(file)) for file in redacted),
    )


def _path_bytes(file: Redacted) -> bytes:
    return file.path.encode()


def _redactions(entries: Sequence[IndexEntry], reasons: Mapping[str, str]) -> bytes:
    return redactions((Redacted(e.path, e.meta.redactions, e.meta.lines) for e in entries), reasons, {})


def _redacted(file: Redacted) -> dict[str, object]:
    rules = {rule: count for rule, count in file.rules.items() if count}
    lines = {rule: list(numbers) for rule, numbers in file.lines.items() if rule in rules and numbers}
    return {"rules": rules, **({"lines": lines} if lines else {})}


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def _spliced(document: Mapping[str, object], name: str, items: Iterable[bytes]) -> bytes:
    """The document as JSON with `items` in its empty field `name`: tens of thousands as one tree take five times this.

    No text of JSON holds a line break, so the field's line is found nowhere else.
    """
    before, field, after = _pretty(document).partition(f'\n  "{name}": '.encode())
    text = BytesIO()
    text.write(before + field + after[:1])
    separator = b""
    for item in items:
        text.write(separator + b"\n    " + item.replace(b"\n", b"\n    "))
        separator = b","
    text.write((b"\n  " if separator else b"") + after[1:] + b"\n")
    return text.getvalue()


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
