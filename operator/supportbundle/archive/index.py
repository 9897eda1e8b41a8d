"""What a shard says about its fragment: the typed index that stands behind the records.

One JSON text a line, each after a letter that tells its kind: members (`M`), gaps (`G`), lines of the request log
(`R`), and last the report (`S`). A line is parsed at a time, so the reader's memory is bounded by what it keeps, not by
a tree of untyped values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.functional_validators import AfterValidator

from supportbundle.archive.records import Record
from supportbundle.model.gap import Gap, printable

INDEX_VERSION: Final = 1
LOG_LIMIT: Final = 24 << 10
"""Bytes of one shard's log as JSON; with the counters it fits in the line of the smallest allowance."""

NOTE_CHARS: Final = 1000
"""Characters of a note: all keys that a document lacks are told."""

REQUEST_CHARS: Final = 1024
"""Characters of one line of the request log."""

MAX_RULES: Final = 100
MAX_LINE_RULES: Final = 20
MAX_LINES: Final = 20
"""Line numbers kept for one rule in one member."""

_STRICT = ConfigDict(extra="forbid", strict=True)


def _must_print(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


Count = Annotated[int, Field(ge=0, lt=1 << 44)]
"""16 TiB or as many things: beyond any real bundle, and any sum over an index fits in 63 bits."""

Hits = Annotated[int, Field(ge=0, lt=1 << 32)]
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC)),
]
Line = Annotated[str, AfterValidator(_must_print)]
RuleName = Annotated[Line, StringConstraints(min_length=1, max_length=100)]
StatName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
LineNumbers = Annotated[tuple[Annotated[int, Field(ge=1, lt=1 << 44)], ...], Field(max_length=MAX_LINES)]


@dataclass(frozen=True, slots=True)
class MemberMeta:
    """Where a member came from and what was done to it.

    `target` is `pod/container`, `pod` or a namespace-wide thing; `source_bytes` counts what was read there, before
    sanitizing; `redactions` counts by rule, `lines` names the first lines of each rule's hits while the shard's
    allowance is not short; `truncated` says that a limit cut the content; `notes` are further facts from the collector,
    such as an HTTP status.
    """

    __pydantic_config__ = _STRICT

    collector: Annotated[Line, StringConstraints(max_length=63)]
    target: Annotated[Line, StringConstraints(max_length=600)]
    started_at: Moment
    ended_at: Moment
    source_bytes: Count = 0
    redactions: Annotated[dict[RuleName, Hits], Field(max_length=MAX_RULES)] = field(default_factory=dict)
    lines: Annotated[dict[RuleName, LineNumbers], Field(max_length=MAX_LINE_RULES)] = field(default_factory=dict)
    truncated: bool = False
    notes: Annotated[
        dict[StatName, Annotated[Line, StringConstraints(max_length=NOTE_CHARS)] | int], Field(max_length=16)
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexEntry(Record):
    """A member's record, which starts at `offset` in the fragment; `sha256` is the hex digest of its content."""

    __pydantic_config__ = _STRICT

    path: str
    crc32: Annotated[int, Field(ge=0, le=0xFFFFFFFF)]
    size: Count
    compressed_size: Count
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    offset: Count
    meta: MemberMeta

    @property
    def end(self) -> int:
        """Where the next record starts."""
        return self.offset + self.record_size


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What concerns the whole shard. `log` is its part of collector.log; `stats` are counters for metrics."""

    __pydantic_config__ = _STRICT

    started_at: Moment
    finished_at: Moment
    log: Annotated[str, StringConstraints(max_length=LOG_LIMIT)] = ""
    stats: Annotated[dict[StatName, Count], Field(max_length=64)] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Closing(ShardReport):
    """The report as the last line holds it: with what makes the index complete."""

    __pydantic_config__ = _STRICT

    version: int = INDEX_VERSION
    shard: Count = 0
    members: Count = 0
    gaps: Count = 0
    requests: Count = 0


@dataclass(frozen=True, slots=True)
class FragmentIndex:
    """A validated index: the entries cover the fragment's records without a hole, in ascending order."""

    shard: int
    members: tuple[IndexEntry, ...]
    gaps: tuple[Gap, ...]
    report: ShardReport
    requests: tuple[str, ...] = ()

    @property
    def records_size(self) -> int:
        """Bytes of all records; the footer follows."""
        return self.members[-1].end if self.members else 0


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """One shard's allowance, kept by its writer and granted by the reader to every shard; sizes in bytes.

    Each shard has its own, so that none can use up what another needs. `kept` is the memory of what the reader keeps,
    as `weight` counts it: JSON alone says little, because forged maps and wide characters take up to nine times their
    size (measured). `rules` are distinct names in one fragment; sanitizers know some dozens.
    """

    members: int = 50_000
    gaps: int = 10_000
    requests: int = 10_000
    rules: int = 500
    fragment: int = 4 << 30
    footer: int = 8 << 20
    json: int = 16 << 20
    kept: int = 96 << 20
    line: int = 64 << 10

    @classmethod
    def for_shards(cls, count: int) -> IndexLimits:
        """A fair share of a bundle of `count` shards (at least 1), but no less than 128 tasks of two files need.

        240 shards, the most there are, have 60 MiB of JSON together, of which the reader keeps 120 MiB at most.
        """
        whole = cls()
        json = max(whole.json // count, 256 << 10)
        return cls(
            members=max(whole.members // count, 512),
            gaps=max(whole.gaps // count, 256),
            requests=max(whole.requests // count, 256),
            rules=whole.rules,
            fragment=whole.fragment,
            footer=max(whole.footer // count, 256 << 10),
            json=json,
            kept=max(whole.kept // count, 512 << 10),
            line=min(whole.line, json // 8),
        )


def weight(item: IndexEntry | Gap | str) -> int:
    """No less than the bytes that the reader keeps for it; measured, and a test repeats that for the worst forms.

    A text is a line of the request log.
    """
    if isinstance(item, str):
        return 120 + _width(item)
    if isinstance(item, Gap):
        return 600 + _width(item.target, item.collector, item.reason, item.message)
    meta = item.meta
    maps = 80 * len(meta.redactions) + sum(150 + 40 * len(lines) for lines in meta.lines.values())
    notes = (text for pair in meta.notes.items() for text in pair if isinstance(text, str))
    texts = (item.path, meta.target, meta.collector, *meta.redactions, *meta.lines, *notes)
    return 1000 + 100 * len(meta.notes) + maps + _width(*texts)


def _width(*texts: str) -> int:
    """One wide character makes all characters of a text wide, and CPython may keep such a text as UTF-8 besides."""
    return sum(len(text) if text.isascii() else 8 * len(text) for text in texts)


ENTRY: Final = TypeAdapter(IndexEntry)
GAP: Final = TypeAdapter(Gap)
REQUEST: Final = TypeAdapter(
    Annotated[Line, StringConstraints(max_length=REQUEST_CHARS)], config=ConfigDict(strict=True)
)
CLOSING: Final = TypeAdapter(Closing)


def bounded_log(lines: Iterable[str]) -> str:
    """Log lines, made printable, as one text within `LOG_LIMIT`; what does not fit is cut from the start."""
    safe = [printable(line, 4096) for line in lines]
    room = LOG_LIMIT - 64
    kept = 0
    for line in reversed(safe):
        room -= len(orjson.dumps(line))  # its quotes are as long as the escaped end of the line
        if room < 0:
            break
        kept += 1
    cut = "" if kept == len(safe) else "[earlier lines are cut]\n"
    return cut + "".join(f"{line}\n" for line in safe[len(safe) - kept :])


def first_lines(numbers: Iterable[int]) -> tuple[int, ...]:
    """The line numbers that a member's meta keeps for one rule: ascending, each once."""
    return tuple(sorted(set(numbers))[:MAX_LINES])


def trimmed(meta: MemberMeta) -> MemberMeta:
    """`meta` within the bounds of an index: the rules with most hits, and the first line numbers of some of them."""
    rules = sorted(meta.redactions, key=lambda rule: -meta.redactions[rule])[:MAX_RULES]
    lines = [rule for rule in rules if rule in meta.lines][:MAX_LINE_RULES]
    return replace(
        meta,
        redactions={rule: meta.redactions[rule] for rule in rules},
        lines={rule: first_lines(meta.lines[rule]) for rule in lines},
    )
