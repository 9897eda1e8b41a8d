"""What the bundle says about itself: manifest.json, redactions.json, warning.txt, collector.log, the request log.

Pure and byte-stable: keys are sorted, times come from the plan and the indexes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

import orjson

from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.layout import InlineMember
from supportbundle.archive.paths import parents
from supportbundle.archive.select import Selection
from supportbundle.model.archive import MANIFEST, REDACTIONS, USUAL_NAMES, PlannedArchive
from supportbundle.model.cause import Cause
from supportbundle.model.gap import Covered, Gap, printable
from supportbundle.model.placing import MissingFile
from supportbundle.model.plan import BundleRef, dump
from supportbundle.model.template import UsedTemplate

MANIFEST_VERSION: Final = "supportbundle.dev/manifest/v1"
REDACTIONS_VERSION: Final = "supportbundle.dev/redactions/v1"


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """Which resource the bundle answers, the plan's creation time, and why rules that somebody wrote are there.

    `template` is the one that it was made from; `cause` is why a schedule made it, None where somebody did. `archive`
    are the names of our own files, `missing` what must be there even if nobody wrote it.
    """

    bundle: BundleRef
    created_at: datetime
    reasons: Mapping[str, str] = field(default_factory=dict)
    template: UsedTemplate | None = None
    cause: Cause | None = None
    archive: PlannedArchive = USUAL_NAMES
    missing: Sequence[MissingFile] = ()


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


def build_tail(
    facts: BundleFacts, selection: Selection, gaps: Sequence[Gap], covered: Sequence[Covered] = ()
) -> tuple[InlineMember, ...]:
    """The members that the assembly adds, manifest first. Where nothing went wrong there are no warnings.

    `gaps` are all that are open (of `select.all_gaps`, and of what the caller knows of lost shards); `covered` are
    those that a fallback has made good.
    """
    entries, names = selection.entries, facts.archive
    made = [InlineMember(REDACTIONS, _redactions(entries, facts.reasons))]
    if warnings := [*map(warning_line, gaps), *map(_covered_line, covered)]:
        made.append(InlineMember(names.warnings, "".join(f"{line}\n" for line in warnings).encode()))
    if log := _log(selection.indexes):
        made.append(InlineMember(names.collector_log, log))
    if names.request_log:
        made.append(InlineMember(names.request_log, _requests(selection.indexes)))
    made += _constants(facts.missing, entries)
    return (InlineMember(MANIFEST, _manifest(facts, entries, gaps, covered, made)), *made)


def _constants(missing: Sequence[MissingFile], entries: Sequence[IndexEntry]) -> Iterator[InlineMember]:
    """What nobody wrote, but for what no tool could unpack beside the other files."""
    taken = {entry.path for entry in entries}
    folders = {folder for path in taken for folder in parents(path)}
    for file in missing:
        if file.path not in taken | folders and taken.isdisjoint(parents(file.path)):
            taken.add(file.path)
            folders.update(parents(file.path))
            yield InlineMember(file.path, file.data)


def warning_line(gap: Gap) -> str:
    """One plain line: who, what, why."""
    where = ": ".join(part for part in (gap.target, gap.collector) if part)
    return printable(f"{where or 'bundle'}: {gap.reason}: {gap.message}".rstrip(": "), 2000)


def _covered_line(covered: Covered) -> str:
    return f"{warning_line(covered.gap)} (collector {covered.by} stands in for it)"


def _manifest(
    facts: BundleFacts,
    entries: Sequence[IndexEntry],
    gaps: Sequence[Gap],
    covered: Sequence[Covered],
    made: Sequence[InlineMember],
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
            **({"fallbacks": [{**dump(each.gap), "by": each.by} for each in covered]} if covered else {}),
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


def _requests(indexes: Iterable[FragmentIndex]) -> bytes:
    """All shards' lines; there is a file even if nothing was asked, for who wants it counts on it."""
    return "".join(f"{line}\n" for index in indexes for line in index.requests).encode()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
