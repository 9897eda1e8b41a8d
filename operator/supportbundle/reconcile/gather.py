"""All reads of one step, and nothing but reads: the world as a value for the decision."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from supportbundle.decide.world import JobFacts, Refusal, World
from supportbundle.errors import Corrupt, Invalid, NotFound, StoreDenied
from supportbundle.model import names
from supportbundle.model.bundle import Bundle, parse_bundle, parse_metadata, parse_status
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.status import FragmentRef, Phase
from supportbundle.reconcile import paths, refusals
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.jobs import read_job
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.stores import Place
from supportbundle.storage.base import ObjectInfo


class Gathered(NamedTuple):
    """The world, and the handles that acts need."""

    world: World
    raw: Mapping[str, Any]
    place: Place | None


async def gather(key: Key, deps: Deps) -> Gathered | None:
    """The world of this bundle; None if it is gone (another object of the same name counts as gone)."""
    try:
        raw = await deps.client.get(paths.bundle(key.namespace, key.name))
    except NotFound:
        return None
    if raw["metadata"]["uid"] != key.uid:
        return None
    bundle, refusal = _parse(raw)
    now = deps.clock()
    if refusal or (bundle.status.finished and bundle.status.phase != Phase.READY):
        return Gathered(World(bundle, now, (refusal,) if refusal else ()), raw, None)
    return await _with_place(bundle, raw, deps)


def _parse(raw: Mapping[str, Any]) -> tuple[Bundle, Refusal | None]:
    try:
        bundle = parse_bundle(raw)
    except Invalid as error:
        readable = Bundle(metadata=parse_metadata(raw), spec=SupportBundleSpec(), status=parse_status(raw))
        return readable, Refusal("InvalidSpec", str(error))
    return bundle, refusals.of_spec(bundle)


async def _with_place(bundle: Bundle, raw: Mapping[str, Any], deps: Deps) -> Gathered:
    now = deps.clock()
    try:
        place = await deps.stores.place(bundle.spec.destination.name)
    except (NotFound, Invalid) as error:
        return Gathered(World(bundle, now, (refusals.of_missing_destination(bundle, error),)), raw, None)
    if bundle.status.finished:
        return Gathered(World(bundle, now, destination=place.destination), raw, place)
    # A bundle that collects was allowed when it started; until then whatever forbids it stops it.
    started = bundle.status.phase != Phase.PENDING
    if not started and (standing := await _forbidding(bundle, place, deps)):
        return Gathered(World(bundle, now, standing, place.destination), raw, place)
    try:
        return Gathered(await _with_store(bundle, place, deps), raw, place)
    except StoreDenied as error:
        return Gathered(World(bundle, now, (refusals.of_store(error, started=started),), place.destination), raw, place)


async def _forbidding(bundle: Bundle, place: Place, deps: Deps) -> tuple[Refusal, ...]:
    denied = (
        refusals.of_policies(bundle, await deps.policies.missing()),
        refusals.of_destination(bundle, place.destination),
    )
    return tuple(refusal for refusal in denied if refusal)


async def _with_store(bundle: Bundle, place: Place, deps: Deps) -> World:
    meta = bundle.metadata
    deps.memory.destinations[meta.uid] = place.destination.name
    prefix = names.staging_prefix(deps.cluster_id, meta.namespace, meta.uid)
    staged = {info.key: info for info in await deps.blocking(lambda: list(place.store.list(prefix)))}
    plan = await _plan(bundle, place, prefix, staged, deps)
    world = World(bundle, deps.clock(), destination=place.destination, plan=plan)
    if plan is None or bundle.status.collection is not None:
        return world
    fragments = _fragments(prefix, plan, staged)
    job: JobFacts | None = None
    if len(fragments) < len(plan.shards):
        job = await read_job(bundle, deps)
    return World(
        bundle,
        deps.clock(),
        destination=place.destination,
        plan=plan,
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
        return Progress.model_validate_json(await deps.blocking(lambda: place.store.get(info.key)))
    except (NotFound, ValidationError):
        return None
