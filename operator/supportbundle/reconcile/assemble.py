"""From fragments in the staging store to the one zip: validate, lay out, let the store copy, verify.

The input is what `status.collection` recorded, so a repeat, in this process or another, makes the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from supportbundle.archive.footer import read_index
from supportbundle.archive.headers import verify_headers
from supportbundle.archive.index import IndexEntry, IndexLimits
from supportbundle.archive.layout import Assembly, layout
from supportbundle.archive.manifest import BundleFacts, build_tail, totals
from supportbundle.archive.select import Fragment, all_gaps, select
from supportbundle.decide.report import Outcome
from supportbundle.errors import Conflict, Corrupt, NotFound
from supportbundle.model import names
from supportbundle.model.archive import MANIFEST
from supportbundle.model.bundle import Bundle
from supportbundle.model.delivery import MANIFEST_DIGEST, ZIP_TYPE, object_metadata
from supportbundle.model.findings import Problems
from supportbundle.model.gap import Gap
from supportbundle.model.plan import BundleRef, Plan, Shard
from supportbundle.model.spec import CollectorType
from supportbundle.model.status import Artifact, Collection, FragmentRef, SanitizationStatus, Staged
from supportbundle.plan.covering import Written, sorted_out
from supportbundle.plan.hints import advised
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.stores import Place
from supportbundle.storage.base import ObjectInfo

log = logging.getLogger(__name__)
HEADER_READERS: Final = 8
"""Parallel reads of local headers: large members cost one request each."""


async def assemble(bundle: Bundle, plan: Plan, place: Place, deps: Deps) -> Outcome:
    """Make the zip, or find it made. Synchronous work runs beside the loop; memory stays at some 10 MiB.

    Raises:
        SupportBundleError: the store failed; the next try starts over.
    """
    collection = bundle.status.collection
    assert collection is not None, "decide asks for an assembly only when collection has ended"  # noqa: S101
    prefix = names.staging_prefix(deps.cluster_id, bundle.metadata.namespace, bundle.metadata.uid)
    meta = bundle.metadata
    final = names.artifact_key(deps.cluster_id, meta.namespace, meta.name, meta.uid)
    key = final if place.direct else names.staged_key(prefix)
    work = Assembler(place, plan, collection, prefix, key)
    made = await deps.blocking(lambda: work.run(bundle))
    # By our clock, not by the store's: words are held against it that the API server has stamped.
    return replace(made, staged=made.staged.model_copy(update={"at": deps.clock()}) if made.staged else None)


class Assembler:
    """One assembly; synchronous."""

    def __init__(self, place: Place, plan: Plan, collection: Collection, prefix: str, key: str) -> None:
        self._place = place
        self._store = place.store
        self._plan = plan
        self._collection = collection
        self._prefix = prefix
        self._key = key

    def run(self, bundle: Bundle) -> Outcome:
        """Make the zip and say what is in it."""
        fragments, corrupt = self._fragments()
        selection = select(fragments, self._plan.archive)
        lost = tuple(gap for item in self._collection.lost for gap in self._lost(item.shard, item.reason, item.message))
        everything = tuple(advised((*all_gaps(self._plan.gaps, selection), *lost, *corrupt), self._plan.hints))
        files = [_written(entry) for entry in selection.entries]
        gaps, covered = sorted_out(self._plan, files, everything)
        facts = BundleFacts(
            bundle=BundleRef(namespace=bundle.metadata.namespace, name=bundle.metadata.name, uid=bundle.metadata.uid),
            created_at=self._plan.created_at,
            reasons={rule.name: rule.reason for rule in self._plan.sanitization.rules},
            template=self._plan.template,
            cause=self._plan.cause,
            archive=self._plan.archive,
            missing=self._plan.missing,
        )
        if not selection.entries:
            return Outcome(None, None, 0, SanitizationStatus(), gaps)
        tail = build_tail(facts, selection, gaps, covered)
        assembly = layout(selection, tail, modified=self._plan.created_at)
        digest = next(hashlib.sha256(member.data).hexdigest() for member in tail if member.path == MANIFEST)
        stored = self._find(assembly, digest) or self._write(assembly, digest)
        sums = totals(selection.entries)
        staged = Staged(
            at=stored.modified,
            file_name=self._plan.archive.file_name,
            size_bytes=stored.size,
            etag=stored.etag.strip('"'),
            files=assembly.members,
            manifest_sha256=digest,
        )
        direct = self._place.direct
        return Outcome(
            artifact=self._artifact(staged, stored) if direct else None,
            staged=None if direct else staged,
            source_bytes=sums.source_bytes,
            sanitization=SanitizationStatus(
                redactions=sums.redactions,
                files=sums.redacted_files,
                leaks=sum(gap.reason == "Unsanitizable" for gap in everything),
            ),
            gaps=gaps,
            problems=_problems(self._plan, selection.entries),
        )

    def _artifact(self, staged: Staged, stored: ObjectInfo) -> Artifact:
        """What was assembled where it stays."""
        return Artifact(
            destination=self._place.destination.name,
            bucket=self._place.bucket,
            key=f"{self._place.prefix}{self._key}",
            file_name=staged.file_name,
            size_bytes=staged.size_bytes,
            etag=staged.etag,
            files=staged.files,
            manifest_sha256=staged.manifest_sha256,
            locked_until=stored.locked_until,
        )

    def _fragments(self) -> tuple[list[Fragment], list[Gap]]:
        """Validated fragments; one that is not what it claims costs its own tasks, not the bundle."""
        limits = IndexLimits.for_shards(len(self._plan.shards))
        good: list[Fragment] = []
        gaps: list[Gap] = []
        for ref in self._collection.fragments:
            try:
                fragment = self._read(ref, limits)
            except (Conflict, Corrupt, NotFound) as error:
                log.warning("shard %d of %s: %s", ref.shard, self._plan.bundle.uid, error)
                gaps += self._lost(ref.shard, error.reason, str(error))
                continue
            good.append(fragment)
        return good, gaps

    def _read(self, ref: FragmentRef, limits: IndexLimits) -> Fragment:
        key = names.fragment_key(self._prefix, ref.shard)

        def read(start: int, end: int) -> bytes:
            return self._store.get(key, start, end, if_match=ref.etag)

        index = read_index(read, ref.size, shard=ref.shard, limits=limits)
        with ThreadPoolExecutor(HEADER_READERS) as readers:
            verify_headers(read, index, modified=self._plan.created_at, run=readers.map)
        return Fragment(key=key, etag=ref.etag, size=ref.size, index=index)

    def _lost(self, shard: int, reason: str, message: str) -> Iterator[Gap]:
        tasks = next((s for s in self._plan.shards if s.index == shard), Shard(index=shard, budget=0, tasks=())).tasks
        return (Gap.say(reason, message, target=task.target, collector=task.collector) for task in tasks)

    def _find(self, assembly: Assembly, digest: str) -> ObjectInfo | None:
        """The zip that an earlier try has stored."""
        found = self._store.head(self._key)
        if found and found.size == assembly.size and found.metadata.get(MANIFEST_DIGEST) == digest:
            return found
        return None

    def _write(self, assembly: Assembly, digest: str) -> ObjectInfo:
        """Copy on the server, then verify by HEAD. Leftovers of a crashed try go first: they cost storage for ever."""
        self._store.abort_uploads(self._key)
        return self._store.write_parts(
            self._key,
            assembly.parts,
            metadata=object_metadata(digest),
            content_type=ZIP_TYPE,
            file_name=self._plan.archive.file_name,
            final=self._place.direct,
        )


def _written(entry: IndexEntry) -> Written:
    meta = entry.meta
    return Written(entry.path, meta.collector, meta.target, str(meta.notes.get("step", "")))


def _problems(plan: Plan, entries: Iterable[IndexEntry]) -> Problems | None:
    """What all Findings collectors of the bundle found, as the notes of their files tell; None if there is none."""
    if not any(task.type == CollectorType.FINDINGS for shard in plan.shards for task in shard.tasks):
        return None
    told = (Problems.of(entry.meta.notes) for entry in entries)
    return sum((each for each in told if each is not None), Problems())
