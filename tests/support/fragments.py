"""Fragments in memory, and object storage that does what a real one would with a layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from supportbundle.archive.footer import read_index
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.headers import verify_headers
from supportbundle.archive.index import FragmentIndex, IndexEntry, IndexLimits, MemberMeta, ShardReport
from supportbundle.archive.layout import Assembly, InlineMember, layout
from supportbundle.archive.records import local_header
from supportbundle.archive.select import Fragment, Selection, select
from supportbundle.archive.spool import MemberSpool
from supportbundle.model.gap import Gap
from supportbundle.model.pieces import CopyRange

MOMENT = datetime(2026, 11, 21, 4, 5, 6, tzinfo=UTC)
META = MemberMeta(collector="app-logs", target="web-0/app", started_at=MOMENT, ended_at=MOMENT)
REPORT = ShardReport(started_at=MOMENT, finished_at=MOMENT)


def write_fragment(
    members: Mapping[str, bytes],
    *,
    shard: int = 0,
    gaps: Sequence[Gap] = (),
    report: ShardReport = REPORT,
    meta: MemberMeta = META,
    limits: IndexLimits | None = None,
    requests: Sequence[str] = (),
) -> bytes:
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "fragment"
        with FragmentWriter(file, shard=shard, modified=MOMENT, limits=limits) as writer:
            for path, content in members.items():
                with MemberSpool(path, spool_dir=Path(scratch), memory_limit=1 << 10) as spool:
                    spool.write(content)
                    member = spool.finish()
                writer.append(member, meta)
            size = writer.close(report, gaps, requests)
        data = file.read_bytes()
    assert len(data) == size
    return data


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda start, end: data[start:end]


@dataclass
class FakeStore:
    """Objects by key."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def add(self, data: bytes, *, shard: int) -> Fragment:
        """Store a fragment and read it as the operator does."""
        key = f"fragments/{shard:05d}"
        self.objects[key] = data
        index = read_index(reader(data), len(data), shard=shard)
        verify_headers(reader(data), index, modified=MOMENT)
        return Fragment(key, f'"{shard}"', len(data), index)

    def claim(self, paths: Sequence[str], *, shard: int) -> Fragment:
        """Store very many empty members, without the cost of writing each as a collector does."""
        entries: list[IndexEntry] = []
        records = bytearray()
        for path in paths:
            entry = IndexEntry(path, 0, 0, 2, "0" * 64, len(records), META)
            records += local_header(entry, MOMENT) + b"\3\0"
            entries.append(entry)
        key = f"claimed/{shard:05d}"
        self.objects[key] = bytes(records)
        return Fragment(key, f'"{shard}"', len(records), FragmentIndex(shard, tuple(entries), (), REPORT))

    def assemble(self, assembly: Assembly) -> bytes:
        """What an upload of the parts leaves."""
        pieces = (piece for part in assembly.parts for piece in part.pieces)
        return b"".join(self.objects[p.key][p.start : p.end] if isinstance(p, CopyRange) else p.data for p in pieces)


@dataclass(frozen=True)
class Bundle:
    """A finished zip with what it was made from."""

    data: bytes
    selection: Selection
    assembly: Assembly


def make_bundle(shards: Sequence[Mapping[str, bytes]], tail: Sequence[InlineMember] = ()) -> Bundle:
    store = FakeStore()
    selection = select(store.add(write_fragment(members, shard=n), shard=n) for n, members in enumerate(shards))
    assembly = layout(selection, tail, modified=MOMENT)
    return Bundle(store.assemble(assembly), selection, assembly)
