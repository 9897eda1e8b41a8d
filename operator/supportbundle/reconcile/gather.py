"""All reads of one step, and nothing but reads: the world as a value for the decision."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError

from supportbundle.decide.outcomes import is_here
from supportbundle.decide.world import JobFacts, Refusal, World
from supportbundle.errors import Conflict, Corrupt, Invalid, NotFound, StoreDenied
from supportbundle.model import names
from supportbundle.model.bundle import Bundle, parse_bundle, parse_metadata, parse_status
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.status import FragmentRef, Phase
from supportbundle.reconcile import paths, refusals
from supportbundle.reconcile.approvals import read_approvals
from supportbundle.reconcile.delivery import read_delivery
from supportbundle.reconcile.deps import Deps, Origin
from supportbundle.reconcile.jobs import read_job
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.stores import DEFAULT, Place
from supportbundle.reconcile.templates import request_of
from supportbundle.storage.base import ObjectInfo


class Gathered(NamedTuple):
    """The world, and the handles that acts need."""

    world: World
    raw: Mapping[str, Any]
    place: Place | None


async def gather(key: Key, deps: Deps) -> Gathered | None:
    """The world of this bundle; None if it is gone (another object of the same name counts as gone)."""
    raw = await _read(key, deps)
    if raw is None:
        return None
    bundle, refusal = _parse(raw)
    status = bundle.status
    if bundle.metadata.deletion_timestamp is not None or (status.finished and not status.settled):
        return await _leaving(bundle, raw, deps)
    if refusal or (status.finished and status.phase != Phase.READY):
        return _refused(bundle, raw, None, refusal, deps)
    if status.finished:
        return await _kept(bundle, raw, deps)
    if not bundle.status.conditions:  # the first word about it needs no look at anything else
        return Gathered(World(bundle, deps.clock()), raw, None)
    return await _with_place(bundle, raw, deps)


async def _read(key: Key, deps: Deps) -> dict[str, Any] | None:
    try:
        raw = await deps.client.get(paths.bundle(key.namespace, key.name))
    except NotFound:
        return None
    return raw if raw["metadata"]["uid"] == key.uid else None


async def _leaving(bundle: Bundle, raw: Mapping[str, Any], deps: Deps) -> Gathered:
    """A bundle that is being deleted or has failed: its place is all that matters, and its store is asked nothing."""
    world = World(bundle, deps.clock(), patience=timedelta(seconds=deps.config.deletion_seconds))
    try:
        if bundle.status.settled:
            return await _with_zip(world, raw, deps)
        place = await _place(bundle, deps)
    except (NotFound, Invalid):
        return Gathered(world, raw, None)
    return Gathered(replace(world, destination=place.destination, staging=place.where), raw, place)


async def _kept(bundle: Bundle, raw: Mapping[str, Any], deps: Deps) -> Gathered:
    """A bundle whose zip is there, and may have to go. A place that cannot be read just now is no reason to forget it.

    From here on it is no unfinished work: whoever deletes the resource may want to keep the zip.
    """
    deps.memory.origins.pop(bundle.metadata.uid, None)
    world, artifact = World(bundle, deps.clock()), bundle.status.artifact
    if artifact is None or not artifact.is_due(world.now):
        return Gathered(world, raw, None)
    try:
        return await _with_zip(world, raw, deps)
    except (NotFound, Invalid) as error:
        refusal = refusals.of_missing_destination(bundle, error, started=True)
        return Gathered(replace(world, refusals=(refusal,)), raw, None)


async def _with_zip(world: World, raw: Mapping[str, Any], deps: Deps) -> Gathered:
    """The destination as it is now, and the bucket, if that is still where the zip lies."""
    name = world.bundle.spec.destination.name
    world = replace(world, destination=await deps.stores.destination(name))
    return Gathered(world, raw, await deps.stores.kept(name) if is_here(world) else None)


def _refused(
    bundle: Bundle, raw: Mapping[str, Any], place: Place | None, refusal: Refusal | None, deps: Deps
) -> Gathered:
    """The world as far as it was looked at. Patience runs from when this process first met the refusal."""
    now, uid = deps.clock(), bundle.metadata.uid
    destination = place.destination if place else None
    if refusal is None:
        return Gathered(World(bundle, now, destination=destination), raw, place)
    reason, since = deps.memory.refused.get(uid, (refusal.reason, now))
    since = since if reason == refusal.reason else now
    deps.memory.refused[uid] = (refusal.reason, since)
    return Gathered(World(bundle, now, (replace(refusal, since=since),), destination), raw, place)


def _parse(raw: Mapping[str, Any]) -> tuple[Bundle, Refusal | None]:
    try:
        bundle = parse_bundle(raw)
    except Invalid as error:
        readable = Bundle(metadata=parse_metadata(raw), spec=SupportBundleSpec(), status=parse_status(raw))
        return readable, Refusal("InvalidSpec", str(error))
    return bundle, refusals.of_spec(bundle)


async def _with_place(bundle: Bundle, raw: Mapping[str, Any], deps: Deps) -> Gathered:
    # A bundle that collects was allowed when it started; until then whatever forbids it stops it.
    started = bundle.status.phase != Phase.PENDING
    try:
        place = await _place(bundle, deps)
        if not started:
            await deps.stores.require_secret(place.destination)
    except (NotFound, Invalid) as error:
        return _refused(bundle, raw, None, refusals.of_missing_destination(bundle, error, started=started), deps)
    if not started and (standing := await _forbidding(bundle, place, deps)):
        return _refused(bundle, raw, place, standing, deps)
    try:
        world = await _with_store(bundle, place, deps)
        approval, words = await read_approvals(bundle, place.destination, deps)
    except StoreDenied as error:
        being_made = deps.config.create_bucket and place.destination.name == DEFAULT
        refusal = refusals.of_store(error, started=started, being_made=being_made)
        return _refused(bundle, raw, place, refusal, deps)
    if world.plan is None and not started:
        request = await request_of(bundle, deps)
        if isinstance(request, Refusal):
            return _refused(bundle, raw, place, request, deps)
        world = replace(world, request=request)
    deps.memory.refused.pop(bundle.metadata.uid, None)
    return Gathered(replace(world, approval=approval, words=words), raw, place)


async def _place(bundle: Bundle, deps: Deps) -> Place:
    """Where the zip is made. One that was staged once is delivered, whatever its destination asks for by now."""
    origin = Origin(bundle.spec.destination.name, bundle.spec.encryption is not None, bundle.status.staging)
    place = await deps.stores.place(origin.destination, encrypted=origin.encrypted, recorded=origin.staging)
    deps.memory.origins[bundle.metadata.uid] = origin
    return place if bundle.status.staged is None else place._replace(direct=False)


async def _forbidding(bundle: Bundle, place: Place, deps: Deps) -> Refusal | None:
    return refusals.of_destination(bundle, place.destination) or await deps.guard.refusal(bundle)


async def _with_store(bundle: Bundle, place: Place, deps: Deps) -> World:
    meta = bundle.metadata
    prefix = names.staging_prefix(deps.cluster_id, meta.namespace, meta.uid)
    staged = {info.key: info for info in await deps.blocking(lambda: list(place.store.list(prefix)))}
    plan = await _plan(bundle, place, prefix, staged, deps)
    world = World(bundle, deps.clock(), destination=place.destination, staging=place.where, plan=plan)
    world = replace(world, direct=place.direct)
    if bundle.status.staged is not None:
        delivery = await read_delivery(bundle, bundle.status.staged, place, staged, deps)
        return replace(world, now=deps.clock(), delivery=delivery)
    if plan is None or bundle.status.collection is not None:
        return world
    fragments = _fragments(prefix, plan, staged)
    job: JobFacts | None = None
    if len(fragments) < len(plan.shards):
        job = await read_job(bundle, deps)
    return replace(
        world,
        now=deps.clock(),
        job=job,
        fragments=fragments,
        progress=await _progress(bundle, place, prefix, staged, deps),
    )


async def _plan(bundle: Bundle, place: Place, prefix: str, staged: Mapping[str, ObjectInfo], deps: Deps) -> Plan | None:
    key, uid = names.plan_key(prefix), bundle.metadata.uid
    if key not in staged:
        return None
    if uid not in deps.memory.plans:
        deps.memory.plans[uid] = read_plan(await deps.blocking(lambda: place.store.get(key)))
    return deps.memory.plans[uid]


def read_plan(data: bytes) -> Plan:
    """A plan as `act` stored it.

    Raises:
        Corrupt: it is none.
    """
    try:
        return Plan.model_validate_json(gzip.decompress(data))
    except (OSError, EOFError, ValidationError) as error:
        raise Corrupt("The stored plan cannot be read; another version of the operator wrote it.") from error


def _fragments(prefix: str, plan: Plan, staged: Mapping[str, ObjectInfo]) -> tuple[FragmentRef, ...]:
    found = ((shard.index, staged.get(names.fragment_key(prefix, shard.index))) for shard in plan.shards)
    return tuple(FragmentRef(shard=index, etag=info.etag, size=info.size) for index, info in found if info)


async def _progress(
    bundle: Bundle, place: Place, prefix: str, staged: Mapping[str, ObjectInfo], deps: Deps
) -> tuple[Progress, ...]:
    """What shards say; an object is read once for each version of it."""
    known = deps.memory.progress.setdefault(bundle.metadata.uid, {})
    for info in staged.values():
        if info.key.startswith(f"{prefix}progress/") and info.etag not in known:
            known |= {info.etag: progress} if (progress := await _read_progress(place, info, deps)) else {}
    latest = {info.etag for info in staged.values()}
    for etag in known.keys() - latest:
        del known[etag]
    return tuple(known.values())


async def _read_progress(place: Place, info: ObjectInfo, deps: Deps) -> Progress | None:
    """None for whatever is no progress: the object comes from a tenant's namespace."""
    if info.size > 4096:  # noqa: PLR2004 - a progress is about 150 bytes
        return None
    try:
        # The range holds even if the object has grown since it was listed.
        data = await deps.blocking(lambda: place.store.get(info.key, 0, info.size, if_match=info.etag))
        return Progress.model_validate_json(data)
    except (Conflict, Corrupt, NotFound, ValidationError):
        return None
