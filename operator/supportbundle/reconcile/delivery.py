"""The way of a staged zip to its destination: a copy by the server where one can, else a Job that streams.

Only `delivered.json` in the staging store says that the destination has everything. A Job that is gone, failed or of
old settings is replaced; what it has sent already stays, and the next one goes on from there.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from supportbundle.decide.world import DeliveryFacts, World
from supportbundle.errors import Conflict, Corrupt, Invalid, NotFound, SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.delivery import Delivered, Delivery, object_metadata
from supportbundle.model.status import Artifact, Staged
from supportbundle.reconcile import deliveryjob, paths
from supportbundle.reconcile.deps import Deps, Tries
from supportbundle.reconcile.jobs import ended_badly, job_trouble, pods_of, pods_trouble
from supportbundle.reconcile.stores import Place
from supportbundle.storage.base import ObjectInfo, Store

log = logging.getLogger(__name__)
PATIENCE = timedelta(hours=24)
"""From the first try: so long may a destination take to be mended."""
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(minutes=5)
"""Between two tries; doubled each time."""
WORD = "delivery"


async def read_delivery(
    bundle: Bundle, staged: Staged, place: Place, objects: Mapping[str, ObjectInfo], deps: Deps
) -> DeliveryFacts | None:
    """How far it is; None if the next try is due."""
    if names.delivered_key(_prefix(bundle, deps)) in objects:
        return DeliveryFacts(artifact=await _artifact(bundle, staged, place, deps))
    tries = deps.memory.deliveries.get(bundle.metadata.uid)
    if tries is not None and tries.trouble and tries.until is not None:
        if deps.clock() < tries.until or _is_over(tries.first, deps):
            return DeliveryFacts(trouble=tries.trouble, given_up=_is_over(tries.first, deps))
        return None
    return await _job_facts(bundle, staged, place, deps)


async def deliver(world: World, place: Place, deps: Deps) -> None:
    """Begin, or begin anew. Repeating it while a Job of the present settings runs changes nothing."""
    bundle, staged = world.bundle, world.bundle.status.staged
    assert staged is not None, "decide asks for a delivery only of what is staged"  # noqa: S101 - decide's contract
    if not _recipients(bundle, place) and await deps.stores.may_copy(place):
        await _copy(bundle, staged, place, deps)
    else:
        await _start_job(bundle, staged, place, deps)


async def stop_delivery(uid: str, deps: Deps) -> None:
    """Remove the Job and its Secret; its pods go with it."""
    for kind in ("jobs", "secrets"):
        with contextlib.suppress(NotFound):
            await deps.client.delete(paths.named(kind, deps.namespace, names.delivery_name(uid)))


async def undo(namespace: str, name: str, uid: str, place: Place, deps: Deps) -> None:
    """Take back, as far as we may, what a delivery that is not wanted any more has left in a bucket."""
    note = names.upload_key(names.staging_prefix(deps.cluster_id, namespace, uid))
    began = await deps.blocking(lambda: place.store.head(note)) is not None
    if not place.destination.keeps_zips or not (began or await deps.stores.may_copy(place)):
        return
    keys = [names.artifact_key(deps.cluster_id, namespace, name, uid, encrypted=end) for end in (False, True)]
    try:
        store = (await deps.stores.kept(place.destination.name)).store
        await deps.blocking(lambda: [store.abort_uploads(key) for key in keys])
        await delete_all(store, keys, deps)
    except SupportBundleError as error:
        log.warning("%s may hold parts of the zip of %s: %s", place.destination.name, uid, error)


async def delete_all(store: Store, keys: Sequence[str], deps: Deps) -> None:
    """Delete what nobody was told of; a bucket that keeps versions of it is complained of in the log."""
    if left := await deps.blocking(lambda: store.delete(keys)):
        log.warning("the bucket keeps versions of %d objects that we may not delete, such as %s", len(left), left[0])


async def _copy(bundle: Bundle, staged: Staged, place: Place, deps: Deps) -> None:
    """By the server; no byte passes us. A failure is kept until the next try, for it may be the admin's to mend."""
    uid, now = bundle.metadata.uid, deps.clock()
    key = _final_key(bundle, place, deps)
    prefix = _prefix(bundle, deps)
    options = place.staging
    assert options is not None, "may_copy knows both buckets"  # noqa: S101 - states its contract
    try:
        store = (await deps.stores.kept(place.destination.name)).store
        source = await deps.blocking(lambda: _staged_zip(place, prefix, staged))
        whole = ObjectInfo(f"{options.prefix}{source.key}", source.size, source.etag, source.modified)
        described = object_metadata(staged.manifest_sha256)
        made = await deps.blocking(
            lambda: store.copy_in(options.bucket, whole, key, metadata=described, file_name=staged.file_name)
        )
    except SupportBundleError as error:
        tries = deps.memory.deliveries.get(uid, Tries(first=now))
        deps.memory.deliveries[uid] = Tries(tries.first, tries.count + 1, str(error), now + _pause(tries.count))
        return
    deps.memory.deliveries.pop(uid, None)
    location = f"s3://{place.bucket}/{place.prefix}{key}"
    at, etag = deps.clock(), made.etag.strip('"')
    done = Delivered(at=at, size=made.size, etag=etag, location=location, locked_until=made.locked_until)
    await deps.blocking(lambda: write_proof(place, prefix, done))


def write_proof(place: Place, prefix: str, done: Delivered) -> None:
    """The first proof stands."""
    with contextlib.suppress(Conflict):
        data = done.model_dump_json(by_alias=True).encode()
        place.store.put(names.delivered_key(prefix), data, write_once=True)


def _staged_zip(place: Place, prefix: str, staged: Staged) -> ObjectInfo:
    found = place.store.head(names.staged_key(prefix))
    if found is None or found.size != staged.size_bytes or found.etag.strip('"') != staged.etag:
        raise Corrupt("The staged zip is gone or is another one than was checked.", "Create the bundle again.")
    return found


async def _start_job(bundle: Bundle, staged: Staged, place: Place, deps: Deps) -> None:
    delivery = _delivery(bundle, staged, place, deps)
    path = paths.every("jobs", deps.namespace)
    tries = deps.memory.deliveries.get(bundle.metadata.uid, Tries(first=deps.clock()))
    wanted = deliveryjob.job(bundle, deps.namespace, delivery, deps.config, tries.first, tries.count)
    deps.memory.deliveries[bundle.metadata.uid] = Tries(tries.first, tries.count)
    try:
        job = await deps.client.create(path, wanted)
    except Conflict:
        job = await deps.client.get(paths.named("jobs", deps.namespace, names.delivery_name(bundle.metadata.uid)))
        if _is_stale(job, delivery):
            # The next step makes the new one: until its pods are gone, the old one holds the name.
            deps.memory.deliveries[bundle.metadata.uid] = _tries_of(job, deps)
            await stop_delivery(bundle.metadata.uid, deps)
            return
    await _ensure_secret(deliveryjob.secret(bundle, deps.namespace, delivery, job["metadata"]["uid"]), job, deps)


async def _ensure_secret(wanted: Mapping[str, Any], job: Mapping[str, Any], deps: Deps) -> None:
    """Without it the Job's pod waits. One of an earlier Job is in the way until the garbage collector comes."""
    path = paths.every("secrets", deps.namespace)
    try:
        await deps.client.create(path, wanted)
    except Conflict:
        if not await _has_secret(job, deps):
            with contextlib.suppress(NotFound):
                await deps.client.delete(f"{path}/{wanted['metadata']['name']}")
            await deps.client.create(path, wanted)


async def _has_secret(job: Mapping[str, Any], deps: Deps) -> bool:
    """Whether the Secret that stands there is this Job's."""
    try:
        found = await deps.client.get(paths.named("secrets", deps.namespace, job["metadata"]["name"]))
    except NotFound:
        return False
    owners = found["metadata"].get("ownerReferences", ())
    return any(owner["uid"] == job["metadata"]["uid"] for owner in owners)


async def _job_facts(bundle: Bundle, staged: Staged, place: Place, deps: Deps) -> DeliveryFacts | None:
    try:
        job = await deps.client.get(paths.named("jobs", deps.namespace, names.delivery_name(bundle.metadata.uid)))
    except NotFound:
        return None
    over = _condition(job, "Failed") or _condition(job, "Complete")
    if over is None and job.get("status", {}).get("ready"):
        return DeliveryFacts()
    trouble = await _trouble(job, bundle.metadata.uid, deps)
    if over is not None:
        return _after_job(_tries_of(job, deps), over, trouble, deps)
    stale = deliveryjob.digest_of(_delivery(bundle, staged, place, deps)) != _annotation(job, deliveryjob.DIGEST)
    return None if stale or not await _has_secret(job, deps) else DeliveryFacts(trouble=trouble)


def _after_job(tries: Tries, over: Mapping[str, Any], trouble: str, deps: Deps) -> DeliveryFacts | None:
    """The Job is over without a proof: wait a while, try again, or give up."""
    if _is_over(tries.first, deps):
        return DeliveryFacts(trouble=trouble or "The delivery did not succeed.", given_up=True)
    ended = datetime.fromisoformat(over["lastTransitionTime"])
    return None if deps.clock() >= ended + _pause(tries.count) else DeliveryFacts(trouble=trouble)


async def _trouble(job: Mapping[str, Any], uid: str, deps: Deps) -> str:
    """Why the youngest pod does not deliver, or why there is none."""
    pods = sorted(await pods_of(job, uid, deps), key=lambda pod: pod["metadata"]["creationTimestamp"])
    newest = pods[-1:]
    said = ended_badly(newest[0], WORD) if newest else ""
    return said or pods_trouble(newest, deps.clock(), WORD) or await job_trouble(job, pods, deps, WORD)


def _tries_of(job: Mapping[str, Any], deps: Deps) -> Tries:
    """What the Job's annotations say of those before it; annotations that are not ours count as none."""
    try:
        first = datetime.fromisoformat(_annotation(job, deliveryjob.FIRST))
        return Tries(first, int(_annotation(job, deliveryjob.COUNT)) + 1)
    except ValueError:
        return Tries(deps.clock(), 1)


def _is_stale(job: Mapping[str, Any], delivery: Delivery) -> bool:
    over = _condition(job, "Failed") or _condition(job, "Complete") or job["metadata"].get("deletionTimestamp")
    return bool(over) or _annotation(job, deliveryjob.DIGEST) != deliveryjob.digest_of(delivery)


def _annotation(job: Mapping[str, Any], name: str) -> str:
    return str((job["metadata"].get("annotations") or {}).get(name, ""))


def _condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions = job.get("status", {}).get("conditions", ())
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _pause(count: int) -> timedelta:
    return min(SHORTEST * (1 << min(count, 10)), LONGEST)


def _is_over(first: datetime, deps: Deps) -> bool:
    return deps.clock() - first > PATIENCE


def _delivery(bundle: Bundle, staged: Staged, place: Place, deps: Deps) -> Delivery:
    if place.staging is None:
        raise Invalid("The staging store is no bucket.", "An admin must set the Helm value staging.bucket.")
    return Delivery(
        staging=place.staging,
        prefix=_prefix(bundle, deps),
        size=staged.size_bytes,
        etag=staged.etag,
        # Approval and namespaces do not change what is sent, so they must not replace a Job that sends it.
        destination=place.destination.spec.model_copy(
            update={"allowed_namespaces": (), "approval": type(place.destination.spec.approval)()}
        ),
        key=_final_key(bundle, place, deps),
        metadata=dict(object_metadata(staged.manifest_sha256)),
        file_name=_file_name(bundle, staged, place),
        recipients=_recipients(bundle, place),
        api_servers=deps.api_servers(),
    )


def _recipients(bundle: Bundle, place: Place) -> tuple[str, ...]:
    """The destination's and the bundle's, each once."""
    wishes = (place.destination.spec.encryption, bundle.spec.encryption)
    return tuple(dict.fromkeys(key for wish in wishes if wish for key in wish.recipients))


def _file_name(bundle: Bundle, staged: Staged, place: Place) -> str:
    """What downloads are called; an encrypted zip is none until it is decrypted."""
    encrypted = staged.file_name and _recipients(bundle, place)
    return f"{staged.file_name}.age" if encrypted else staged.file_name


def _final_key(bundle: Bundle, place: Place, deps: Deps) -> str:
    meta = bundle.metadata
    encrypted = bool(_recipients(bundle, place))
    return names.artifact_key(deps.cluster_id, meta.namespace, meta.name, meta.uid, encrypted=encrypted)


async def _artifact(bundle: Bundle, staged: Staged, place: Place, deps: Deps) -> Artifact:
    key = names.delivered_key(_prefix(bundle, deps))
    try:
        done = Delivered.model_validate_json(await deps.blocking(lambda: place.store.get(key)))
    except ValidationError as error:
        raise Corrupt("The proof of the delivery cannot be read.", "Create the bundle again.") from error
    kept = place.destination.keeps_zips
    final = _final_key(bundle, place, deps)
    return Artifact(
        destination=place.destination.name,
        bucket=place.bucket,
        key=f"{place.prefix}{final}" if kept else done.location,
        file_name=_file_name(bundle, staged, place),
        size_bytes=done.size,
        etag=done.etag,
        sha256=done.sha256,
        files=staged.files,
        manifest_sha256=staged.manifest_sha256,
        locked_until=done.locked_until,
    )


def _prefix(bundle: Bundle, deps: Deps) -> str:
    return names.staging_prefix(deps.cluster_id, bundle.metadata.namespace, bundle.metadata.uid)
