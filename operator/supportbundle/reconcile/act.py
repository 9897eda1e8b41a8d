"""The acts: each may be repeated, in any process, at any time, and ends in the same state."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from supportbundle.config import OperatorConfig
from supportbundle.decide.estimate import Estimated
from supportbundle.decide.report import Outcome, Remnant
from supportbundle.decide.world import Act, World
from supportbundle.errors import Conflict, InvalidRule, NotFound, SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.capability import Capability
from supportbundle.model.destination import Destination
from supportbundle.model.plan import NO_DEBUG, DebugImages, Plan, Uploads
from supportbundle.model.pod import parse_pod
from supportbundle.model.quantity import parse_quantity
from supportbundle.model.spec import SanitizationRule
from supportbundle.plan import Surroundings, all_rules, build_plan
from supportbundle.reconcile import manifests, paths
from supportbundle.reconcile.assemble import assemble
from supportbundle.reconcile.cluster import read_cluster
from supportbundle.reconcile.delivery import delete_all, deliver, stop_delivery, undo
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.estimate import estimate
from supportbundle.reconcile.pseudonyms import ensure_key
from supportbundle.reconcile.reviews import drop_links, keep_links
from supportbundle.reconcile.stores import Place
from supportbundle.reconcile.uploads import sign_uploads

log = logging.getLogger(__name__)
Result = Outcome | Estimated | Remnant | None


async def perform(act: Act, world: World, place: Place | None, deps: Deps) -> Result:
    """Do one act. Only assembling, estimating and expiring have a result.

    Raises:
        SupportBundleError: it did not work; the caller retries if a retry can help.
    """
    return await _ACTS[act](world, place, deps)


async def _plan(world: World, place: Place | None, deps: Deps) -> None:
    """Fix what will be tried. Write-once: of two operators the first one's plan stands.

    Raises:
        InvalidRule: a sanitizing rule of the bundle, of its template or of its destination cannot be used.
    """
    request = world.request
    assert request is not None, "gather brings it along as long as there is no plan"  # noqa: S101 - states its contract
    bundle, floor = world.bundle.model_copy(update={"spec": request.spec}), deps.config.sanitization
    here = _need(place).destination
    rules = await floor_rules(here, floor.rules, deps)
    if bundle.spec.sanitization.rules:
        await deps.check_rules(all_rules(bundle, rules))
    pods = [parse_pod(pod) async for pod in deps.client.items(paths.every("pods", bundle.metadata.namespace))]
    found = Surroundings(
        pods=pods,
        allowed=frozenset(deps.config.enabled_capabilities),
        debug=_debug_images(deps.config),
        scratch=parse_quantity(deps.config.collector.scratch_size),
        cluster=await read_cluster(deps.client)
        if bundle.spec.wants_cluster_info and deps.config.cluster_info
        else None,
        rules=rules,
        pseudonymize=here.spec.sanitization.pseudonymize,
        known_secrets=floor.known_secrets,
        probing=deps.config.profile_probe,
    )
    plan = build_plan(bundle, found, deps.planners, deps.clock())
    plan = plan.model_copy(update={"gaps": (*request.gaps, *plan.gaps), "template": request.template})
    data = gzip.compress(plan.model_dump_json(by_alias=True).encode(), mtime=0)
    key = names.plan_key(_prefix(bundle, deps))
    store = _need(place).store
    manifests.require_room(manifests.run_secret(bundle, plan, await _signed(bundle, plan, _need(place), deps)))
    try:
        await deps.blocking(lambda: store.put(key, data, write_once=True))
    except Conflict:
        log.debug("the plan exists already")


async def floor_rules(
    here: Destination, admins: tuple[SanitizationRule, ...], deps: Deps
) -> tuple[SanitizationRule, ...]:
    """The rules that hold for every bundle of a destination.

    Raises:
        InvalidRule: one of the destination's cannot be used; the message names the destination.
    """
    rules = (*admins, *here.spec.sanitization.rules)
    if here.spec.sanitization.rules:
        try:
            await deps.check_rules(rules)
        except InvalidRule as error:
            raise InvalidRule(
                f"SupportBundleDestination {here.name}: {error}", "An admin must correct its sanitization.rules."
            ) from error
    return rules


def _debug_images(config: OperatorConfig) -> DebugImages:
    return DebugImages(files=config.image, tools=config.debug_image) if config.debug_image else NO_DEBUG


async def _launch(world: World, place: Place | None, deps: Deps) -> None:
    """Identity first, then the Job that uses it."""
    bundle, plan = world.bundle, _planned(world)
    namespace = bundle.metadata.namespace
    uploads = await _signed(bundle, plan, _need(place), deps)
    key = None
    if plan.sanitization.pseudonyms is not None:
        key = await ensure_key(deps.client, deps.namespace, bundle.spec.destination.name)
    objects = [(paths.every("secrets", namespace), manifests.run_secret(bundle, plan, uploads, key))]
    if bundle.spec.service_account_name is None:
        objects.append((paths.every("serviceaccounts", namespace), manifests.service_account(bundle)))
        bindings = manifests.role_bindings(bundle, plan, deps.config)
        objects += ((paths.every("rolebindings", namespace), binding) for binding in bindings)
    await asyncio.gather(*(_create(path, obj, deps) for path, obj in objects))
    await _create(paths.every("jobs", namespace), manifests.job(bundle, plan, deps.config), deps)
    deps.memory.signed[bundle.metadata.uid] = deps.clock()


async def renew_uploads(world: World, place: Place, deps: Deps) -> None:
    """Fresh URLs in the run's Secret."""
    bundle = world.bundle
    uploads = await _signed(bundle, _planned(world), place, deps)
    path = paths.named("secrets", bundle.metadata.namespace, names.run_name(bundle.metadata.uid))
    await deps.client.patch(path, manifests.renewed_uploads(uploads))
    deps.memory.signed[bundle.metadata.uid] = deps.clock()


async def _release(world: World, _place: Place | None, deps: Deps) -> None:
    """Take back everything that gave the collectors power, reviewers' links and the delivery's Job."""
    meta = world.bundle.metadata
    await release(meta.namespace, meta.uid, deps, world.plan.capabilities if world.plan else tuple(Capability))
    if world.bundle.status.staged is not None:
        await drop_links(meta.uid, deps)
        await stop_delivery(meta.uid, deps)


async def release(
    namespace: str, uid: str, deps: Deps, capabilities: tuple[Capability, ...] = tuple(Capability)
) -> None:
    """See `_release`; also for bundles of which only the uid is left, whose `capabilities` nobody knows any more."""
    run = names.run_name(uid)
    bindings = (f"{run}-{capability.lower()}" for capability in capabilities)
    done = await asyncio.gather(
        *(_delete(paths.named("rolebindings", namespace, binding), deps) for binding in bindings),
        *(_delete(paths.named(kind, namespace, run), deps) for kind in ("serviceaccounts", "jobs", "secrets")),
        return_exceptions=True,  # what can be taken back is, whatever becomes of the rest
    )
    for failure in done:
        if isinstance(failure, BaseException):
            raise failure


async def _assemble(world: World, place: Place | None, deps: Deps) -> Outcome:
    return await assemble(world.bundle, _planned(world), _need(place), deps)


async def _estimate(world: World, place: Place | None, deps: Deps) -> Estimated:
    return await estimate(world.bundle, _planned(world), _need(place), deps)


async def _deliver(world: World, place: Place | None, deps: Deps) -> None:
    await deliver(world, _need(place), deps)


async def _drop_staging(world: World, place: Place | None, deps: Deps) -> None:
    """Best effort: a failed bundle must be able to say so while its store is down; the sweep comes after."""
    if place is None:
        return
    meta = world.bundle.metadata
    try:
        await drop_unfinished(meta.namespace, meta.name, meta.uid, place, deps)
    except SupportBundleError as error:
        log.warning("staging of %s is left to the sweep: %s", world.bundle.metadata.uid, error)


async def drop_unfinished(namespace: str, name: str, uid: str, place: Place, deps: Deps) -> None:
    """Delete whatever a bundle that never became Ready has stored: staging, and a zip that nobody was told of."""
    if place.direct:
        key = names.artifact_key(deps.cluster_id, namespace, name, uid)
        await deps.blocking(lambda: place.store.abort_uploads(key))
        await delete_all(place.store, [key], deps)
    else:
        await undo(namespace, name, uid, place, deps)
    await drop_prefix(names.staging_prefix(deps.cluster_id, namespace, uid), place, deps)


async def drop_prefix(prefix: str, place: Place, deps: Deps) -> int:
    """Delete everything below `prefix`; returns how many objects there were."""
    store = place.store
    keys = [info.key for info in await deps.blocking(lambda: list(store.list(prefix)))]
    if keys:
        await delete_all(store, keys, deps)
    return len(keys)


async def _purge(world: World, place: Place | None, deps: Deps) -> None:
    """What `_drop_staging` does, for a bundle that waits until it is done."""
    meta = world.bundle.metadata
    await drop_unfinished(meta.namespace, meta.name, meta.uid, _need(place), deps)


async def _suspend(world: World, _place: Place | None, deps: Deps) -> None:
    """The Job controller ends the pods of a suspended Job and starts no others."""
    meta = world.bundle.metadata
    path = paths.named("jobs", meta.namespace, names.run_name(meta.uid))
    await deps.client.patch(path, {"spec": {"suspend": True}})


async def _review(world: World, place: Place | None, deps: Deps) -> None:
    """Nothing but the staged zip is shown, and only while its delivery is undecided."""
    staged, approval = world.bundle.status.staged, world.approval
    if staged is not None and approval is not None:
        await keep_links(world.bundle, _need(place), world.words, staged.at + approval.timeout, deps)


async def _hold(world: World, _place: Place | None, deps: Deps) -> None:
    await _finalizers(world.bundle, (*world.bundle.metadata.finalizers, names.FINALIZER), deps)


async def _let_go(world: World, _place: Place | None, deps: Deps) -> None:
    await _finalizers(world.bundle, (f for f in world.bundle.metadata.finalizers if f != names.FINALIZER), deps)


async def _finalizers(bundle: Bundle, wanted: Iterable[str], deps: Deps) -> None:
    """Held to the version that was read, because the list is written as a whole."""
    meta = bundle.metadata
    patch = {"metadata": {"finalizers": list(wanted), "resourceVersion": meta.resource_version}}
    with contextlib.suppress(NotFound):
        await deps.client.patch(paths.bundle(meta.namespace, meta.name), patch)


async def _expire(world: World, place: Place | None, deps: Deps) -> Remnant | None:
    artifact = world.bundle.status.artifact
    if artifact is None:
        return None
    there = _need(place)
    left = await deps.blocking(lambda: there.store.delete([there.key(artifact.key)]))
    return Remnant(f"{artifact.bucket}/{artifact.key}") if left else None


_ACTS: Mapping[Act, Callable[[World, Place | None, Deps], Awaitable[Result]]] = {
    Act.PLAN: _plan,
    Act.LAUNCH: _launch,
    Act.RELEASE: _release,
    Act.HOLD: _hold,
    Act.SUSPEND: _suspend,
    Act.ASSEMBLE: _assemble,
    Act.DELIVER: _deliver,
    Act.ESTIMATE: _estimate,
    Act.DROP_STAGING: _drop_staging,
    Act.REVIEW: _review,
    Act.EXPIRE: _expire,
    Act.PURGE: _purge,
    Act.LET_GO: _let_go,
}


async def _signed(bundle: Bundle, plan: Plan, place: Place, deps: Deps) -> Uploads:
    prefix = _prefix(bundle, deps)
    authority = place.staging.ca_bundle if place.staging else None
    return await deps.blocking(lambda: sign_uploads(plan, place.store, prefix, authority))


async def _create(path: str, obj: manifests.Manifest, deps: Deps) -> None:
    """Create, or find it there. An existing Secret gets the new URLs, for they may be what was missing."""
    try:
        await deps.client.create(path, obj)
    except Conflict:
        if obj["kind"] == "Secret":
            await deps.client.patch(f"{path}/{obj['metadata']['name']}", {"data": obj["data"]})


async def _delete(path: str, deps: Deps) -> None:
    try:
        await deps.client.delete(path)
    except NotFound:
        return


def _prefix(bundle: Bundle, deps: Deps) -> str:
    return names.staging_prefix(deps.cluster_id, bundle.metadata.namespace, bundle.metadata.uid)


def _planned(world: World) -> Plan:
    assert world.plan is not None, "decide asks for this act only with a plan"  # noqa: S101 - states decide's contract
    return world.plan


def _need(place: Place | None) -> Place:
    if place is None:
        raise NotFound("The bundle's destination is gone.", "Restore it, or delete the bundle.")
    return place
