"""The slow second look: nothing that a watch missed, a crash left or an outage hid stays for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from supportbundle.errors import Forbidden, SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.reconcile.act import drop_prefix
from supportbundle.reconcile.census import Counted, counted
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.due import due_in
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.orphans import find_powers, take_back
from supportbundle.reconcile.scope import Scope
from supportbundle.reconcile.stores import Place

log = logging.getLogger(__name__)
ABANDONED = timedelta(days=1)
"""An upload that began so long ago belongs to no living assembly."""


async def sweep_for_ever(deps: Deps, enqueue: Callable[[Key], None], seconds: float) -> None:
    """Sweep each `seconds`; a failed sweep is logged and the next one comes all the same."""
    while True:
        try:
            whole = await sweep(deps, enqueue)
        except SupportBundleError as error:
            log.warning("the sweep is put off: %s", error)
            deps.metrics.sweeps.labels("error").inc()
        except Exception:
            log.exception("the sweep failed")
            deps.metrics.sweeps.labels("error").inc()
        else:
            deps.metrics.sweeps.labels("ok" if whole else "error").inc()
        await asyncio.sleep(seconds)


async def sweep(deps: Deps, enqueue: Callable[[Key], None]) -> bool:
    """Enqueue what is not finished or has expired; remove staging that belongs to no running bundle.

    Returns whether every store could be swept.

    Staging, and what bundles have in the API server, is listed before the bundles: whatever is there at that moment
    belongs to a bundle that existed, so a bundle created meanwhile cannot be taken for gone. What is young stays. What
    is staged for namespaces that are not watched is another installation's.
    """
    old = deps.clock() - timedelta(seconds=deps.config.sweep_grace_seconds)
    powers = await find_powers(old, deps)
    staged = [(place, await _staged(place, deps)) for place in await deps.stores.every_place()]
    reached = [(place, found) for place, found in staged if found is not None]
    deps.metrics.staged_bytes.set(sum(found.size for _, found in reached))
    running, unread = await _resync(deps, enqueue)
    scope = Scope(deps.config.watch_namespaces)
    root = names.staging_root(deps.cluster_id)
    begun = deps.clock() - ABANDONED
    await take_back(powers, running, deps)
    for place, found in reached:
        await _abort_uploads(place, begun, deps)
        for (namespace, uid), latest in sorted(found.latest.items()):
            if uid not in running and latest <= old and namespace in scope and namespace not in unread:
                count = await drop_prefix(f"{root}{namespace}/{uid}/", place, deps)
                deps.metrics.swept.inc(count)
                log.info("removed %d staged objects of bundle %s, which is over", count, uid)
    return len(reached) == len(staged)


async def _abort_uploads(place: Place, before: datetime, deps: Deps) -> None:
    scope = Scope(deps.config.watch_namespaces)
    for top in (names.artifact_root(deps.cluster_id), names.staging_root(deps.cluster_id)):
        for root in scope.below(top):
            await deps.blocking(partial(place.store.abort_uploads, root, before=before))


@dataclass(frozen=True, slots=True)
class _Staged:
    """What is staged in one store: when each bundle, by (namespace, uid), was written to last, and bytes in all."""

    latest: dict[tuple[str, str], datetime]
    size: int


async def _staged(place: Place, deps: Deps) -> _Staged | None:
    """Everything below this cluster's staging root.

    None for a store that cannot be asked: the others, and the bundles that wait, must not suffer for it.
    """
    root = names.staging_root(deps.cluster_id)
    try:
        infos = await deps.blocking(lambda: list(place.store.list(root)))
    except SupportBundleError as error:
        log.warning("what is staged for %s is swept another time: %s", place.destination.name, error)
        return None
    latest: dict[tuple[str, str], datetime] = {}
    for info in infos:
        parts = info.key.removeprefix(root).split("/")
        if len(parts) > 2:  # noqa: PLR2004 - namespace, uid, rest
            bundle = (parts[0], parts[1])
            latest[bundle] = max(info.modified, latest.get(bundle, info.modified))
    return _Staged(latest, sum(info.size for info in infos))


async def _resync(deps: Deps, enqueue: Callable[[Key], None]) -> tuple[set[str], set[str]]:
    """The uids of bundles that still need their staging, and the namespaces that cannot be read.

    Whoever deletes a watched namespace also deletes the operator's rights there; the others must not suffer for it.
    """
    running: set[str] = set()
    unread: set[str] = set()
    seen: dict[str, Counted] = {}
    scope = Scope(deps.config.watch_namespaces)
    for namespace, path in scope.collections(names.API_VERSION, names.PLURAL).items():
        try:
            async for obj in deps.client.items(path):
                status = parse_status(obj)
                seen[obj["metadata"]["uid"]] = counted(status)
                if not status.finished:
                    running.add(obj["metadata"]["uid"])
                delay = due_in(obj, deps.clock())
                if delay is not None and delay <= 0:
                    enqueue(key_of(obj))
        except Forbidden as error:
            if not namespace:
                raise
            unread.add(namespace)
            log.warning("the watched namespace %s cannot be read: %s", namespace, error)
    deps.census.recount(seen)
    return running, unread
