"""Which members of which fragments the bundle holds, and under which conflicts some are left out.

Two shards may claim one path (a layout template that drops the pod's name, or a hostile shard). The lower shard wins;
the other's record is not copied, and the loss is a gap. The same holds for a path that needs a directory where another
member is a file: no tool could unpack both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.paths import parents
from supportbundle.model.archive import USUAL_NAMES, PlannedArchive
from supportbundle.model.gap import Gap
from supportbundle.model.pieces import CopyRange


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stored fragment and its validated index; `size` in bytes."""

    key: str
    etag: str
    size: int
    index: FragmentIndex


@dataclass(frozen=True, slots=True)
class Chosen:
    """A fragment with those of its entries that the bundle holds, in ascending offset."""

    fragment: Fragment
    entries: tuple[IndexEntry, ...]

    def runs(self) -> list[tuple[CopyRange, list[IndexEntry]]]:
        """The chosen records as ranges; neighbours are one range."""
        runs: list[tuple[CopyRange, list[IndexEntry]]] = []
        for entry in self.entries:
            start, members = entry.offset, [entry]
            if runs and runs[-1][0].end == start:
                before, earlier = runs.pop()
                start, members = before.start, earlier
                members.append(entry)
            runs.append((CopyRange(self.fragment.key, self.fragment.etag, start, entry.end), members))
        return runs


@dataclass(frozen=True, slots=True)
class Selection:
    """Everything that is copied, by ascending shard, and the gaps that conflicts left."""

    chosen: tuple[Chosen, ...]
    gaps: tuple[Gap, ...]

    @property
    def entries(self) -> list[IndexEntry]:
        """All chosen members, by shard and offset."""
        return [entry for chosen in self.chosen for entry in chosen.entries]

    @property
    def indexes(self) -> list[FragmentIndex]:
        """The indexes, by shard."""
        return [chosen.fragment.index for chosen in self.chosen]


def select(fragments: Iterable[Fragment], archive: PlannedArchive = USUAL_NAMES) -> Selection:
    """Resolve conflicts. The order of `fragments` does not matter. Names of our own files are nobody's."""
    taken: dict[str, int] = {}
    directories: set[str] = set()
    chosen: list[Chosen] = []
    gaps: list[Gap] = []
    for fragment in sorted(fragments, key=lambda f: f.index.shard):
        kept = []
        for entry in fragment.index.members:
            above = list(parents(entry.path))
            if any(map(archive.owns, (entry.path, *above))):
                gaps.append(_reserved(entry, fragment.index.shard))
                continue
            if entry.path in taken or entry.path in directories or any(parent in taken for parent in above):
                gaps.append(_conflict(entry, fragment.index.shard, taken.get(entry.path)))
                continue
            taken[entry.path] = fragment.index.shard
            directories.update(above)
            kept.append(entry)
        chosen.append(Chosen(fragment, tuple(kept)))
    return Selection(tuple(chosen), tuple(gaps))


def all_gaps(plan: Sequence[Gap], selection: Selection) -> tuple[Gap, ...]:
    """Every gap of a bundle: those known before collection, those of each shard, and conflicts."""
    return (*plan, *(gap for index in selection.indexes for gap in index.gaps), *selection.gaps)


def _reserved(entry: IndexEntry, shard: int) -> Gap:
    return Gap.say(
        "PathConflict",
        f"{entry.path} of shard {shard} is left out: that is the name of a file that the operator writes.",
        target=entry.meta.target,
        collector=entry.meta.collector,
    )


def _conflict(entry: IndexEntry, shard: int, winner: int | None) -> Gap:
    if winner is not None:
        what = f"shard {winner} wrote a member of this name"
    else:
        what = "one of the two paths would be both file and directory"
    return Gap.say(
        "PathConflict",
        f"{entry.path} of shard {shard} is left out: {what}. Give the collectors' outputs different names.",
        target=entry.meta.target,
        collector=entry.meta.collector,
    )
