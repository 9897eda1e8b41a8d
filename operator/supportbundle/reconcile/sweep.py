"""The slow second look: nothing that a watch missed, a crash left or an outage hid stays for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from supportbundle.errors import Forbidden, SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.reconcile.act import drop_prefix
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.scope import Scope
from supportbundle.reconcile.stores import Place
from supportbundle.storage.base import ObjectInfo

log = logging.getLogger(__name__)
ABANDONED = timedelta(days=1)
"""An upload that began so long ago belongs to no living assembly."""


async def sweep_for_ever(deps: Deps, enqueue: Callable[[Key], None], seconds: float) -> None:
    """Sweep each `seconds`; a failed sweep is logged and the next one comes all the same."""
    while True:
        try:
            await sweep(deps, enqueue)
        except SupportBundleError as error:
            log.warning("the sweep is put off: %s", error)
            deps.metrics.sweeps.labels("error").inc()
        except Exception:
            log.exception("the sweep failed")
            deps.metrics.sweeps.labels("error").inc()
        else:
            deps.metrics.sweeps.labels("ok").inc()
        await asyncio.sleep(seconds)


async def sweep(deps: Deps, enqueue: Callable[[Key], None]) -> None:
    """Enqueue what is not finished or has expired; remove staging that belongs to no running bundle.

    Staging is listed before the bundles: whatever is staged at that moment belongs to a bundle that existed, so a
    bundle created meanwhile cannot be taken for gone. What is staged for namespaces that are not watched is another
    installation's.
    """
    listed = [(place, await _listed(place, deps)) for place in await deps.stores.every_place()]
    deps.metrics.staged_bytes.set(sum(info.size for _, infos in listed for info in infos))
    staged = [(place, _staged(infos, deps)) for place, infos in listed]
    del listed
    running, unread = await _resync(deps, enqueue)
    scope = Scope(deps.config.watch_namespaces)
    root = names.staging_root(deps.cluster_id)
    begun = deps.clock() - ABANDONED
    for place, found in staged:
        await _abort_uploads(place, begun, deps)
        for namespace, uid in sorted(found):
            if uid not in running and namespace in scope and namespace not in unread:
                count = await drop_prefix(f"{root}{namespace}/{uid}/", place, deps)
                deps.metrics.swept.inc(count)
                log.info("removed %d staged objects of bundle %s, which is over", count, uid)


async def _abort_uploads(place: Place, before: datetime, deps: Deps) -> None:
    for root in Scope(deps.config.watch_namespaces).below(names.artifact_root(deps.cluster_id)):
        await deps.blocking(partial(place.store.abort_uploads, root, before=before))


async def _listed(place: Place, deps: Deps) -> list[ObjectInfo]:
    """Everything below this cluster's staging root."""
    return await deps.blocking(lambda: list(place.store.list(names.staging_root(deps.cluster_id))))


def _staged(infos: list[ObjectInfo], deps: Deps) -> set[tuple[str, str]]:
    """(namespace, uid) of what is staged."""
    root = names.staging_root(deps.cluster_id)
    parts = (info.key.removeprefix(root).split("/") for info in infos)
    return {(p[0], p[1]) for p in parts if len(p) > 2}  # noqa: PLR2004 - namespace, uid, rest


async def _resync(deps: Deps, enqueue: Callable[[Key], None]) -> tuple[set[str], set[str]]:
    """The uids of bundles that still need their staging, and the namespaces that cannot be read.

    Whoever deletes a watched namespace also deletes the operator's rights there; the others must not suffer for it.
    """
    running: set[str] = set()
    unread: set[str] = set()
    phases: dict[str, Phase] = {}
    now = deps.clock()
    scope = Scope(deps.config.watch_namespaces)
    for namespace, path in scope.collections(names.API_VERSION, names.PLURAL).items():
        try:
            async for obj in deps.client.items(path):
                status = parse_status(obj)
                phases[obj["metadata"]["uid"]] = status.phase
                expires = status.artifact.expires_at if status.artifact else None
                if not status.finished:
                    running.add(obj["metadata"]["uid"])
                if not status.finished or (status.phase == Phase.READY and expires is not None and expires <= now):
                    enqueue(key_of(obj))
        except Forbidden as error:
            if not namespace:
                raise
            unread.add(namespace)
            log.warning("the watched namespace %s cannot be read: %s", namespace, error)
    deps.census.recount(phases)
    return running, unread
