"""The slow second look: nothing that a watch missed, a crash left or an outage hid stays for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from supportbundle.errors import SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.reconcile import paths
from supportbundle.reconcile.act import drop_prefix
from supportbundle.reconcile.delivery import stop_orphans
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.stores import Place

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
        except Exception:
            log.exception("the sweep failed")
        await asyncio.sleep(seconds)


async def sweep(deps: Deps, enqueue: Callable[[Key], None]) -> None:
    """Enqueue what is not finished or has expired; remove staging that belongs to no running bundle.

    Staging is listed before the bundles: whatever is staged at that moment belongs to a bundle that existed, so a
    bundle created meanwhile cannot be taken for gone.
    """
    staged = [(place, await _staged(place, deps)) for place in await deps.stores.every_place()]
    running = await _resync(deps, enqueue)
    root = names.staging_root(deps.cluster_id)
    await stop_orphans(running, deps)
    begun = deps.clock() - ABANDONED
    for place, found in staged:
        await _abort_uploads(place, begun, deps)
        for namespace, uid in sorted(found):
            if uid not in running:
                count = await drop_prefix(f"{root}{namespace}/{uid}/", place, deps)
                deps.metrics.swept.inc(count)
                log.info("removed %d staged objects of bundle %s, which is over", count, uid)


async def _abort_uploads(place: Place, before: datetime, deps: Deps) -> None:
    root = names.artifact_root(deps.cluster_id)
    await deps.blocking(lambda: place.store.abort_uploads(root, before=before))


async def _staged(place: Place, deps: Deps) -> set[tuple[str, str]]:
    """(namespace, uid) of everything below this cluster's staging root."""
    root = names.staging_root(deps.cluster_id)
    infos = await deps.blocking(lambda: list(place.store.list(root)))
    parts = (info.key.removeprefix(root).split("/") for info in infos)
    return {(p[0], p[1]) for p in parts if len(p) > 2}  # noqa: PLR2004 - namespace, uid, rest


async def _resync(deps: Deps, enqueue: Callable[[Key], None]) -> set[str]:
    """The uids of bundles that still need their staging."""
    running: set[str] = set()
    now = deps.clock()
    async for obj in deps.client.items(paths.EVERY_BUNDLE):
        status = parse_status(obj)
        expires = status.artifact.expires_at if status.artifact else None
        if not status.finished:
            running.add(obj["metadata"]["uid"])
        if not status.finished or (status.phase == Phase.READY and expires is not None and expires <= now):
            enqueue(key_of(obj))
    return running
