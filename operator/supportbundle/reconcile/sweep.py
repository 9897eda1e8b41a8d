"""The slow second look: nothing that a watch missed, a crash left or an outage hid stays for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from supportbundle.errors import SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.reconcile import paths
from supportbundle.reconcile.act import drop_prefix
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.orphans import find_powers, take_back
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

    Staging, and what bundles have in the API server, is listed before the bundles: whatever is there at that moment
    belongs to a bundle that existed, so a bundle created meanwhile cannot be taken for gone. What is young stays.
    """
    old = deps.clock() - timedelta(seconds=deps.config.sweep_grace_seconds)
    powers = await find_powers(old, deps)
    staged = [(place, await _staged(place, deps)) for place in await deps.stores.every_place()]
    reached = [(place, found) for place, found in staged if found is not None]
    running = await _resync(deps, enqueue)
    root = names.staging_root(deps.cluster_id)
    begun = deps.clock() - ABANDONED
    await take_back(powers, running, deps)
    for place, found in reached:
        await _abort_uploads(place, begun, deps)
        for (namespace, uid), latest in sorted(found.items()):
            if uid not in running and latest <= old:
                count = await drop_prefix(f"{root}{namespace}/{uid}/", place, deps)
                deps.metrics.swept.inc(count)
                log.info("removed %d staged objects of bundle %s, which is over", count, uid)


async def _abort_uploads(place: Place, before: datetime, deps: Deps) -> None:
    for root in (names.artifact_root(deps.cluster_id), names.staging_root(deps.cluster_id)):
        await deps.blocking(partial(place.store.abort_uploads, root, before=before))


async def _staged(place: Place, deps: Deps) -> dict[tuple[str, str], datetime] | None:
    """(namespace, uid) of everything below this cluster's staging root, and when it was written last.

    None for a store that cannot be asked: the others, and the bundles that wait, must not suffer for it.
    """
    root = names.staging_root(deps.cluster_id)
    try:
        infos = await deps.blocking(lambda: list(place.store.list(root)))
    except SupportBundleError as error:
        log.warning("what is staged for %s is swept another time: %s", place.destination.name, error)
        return None
    found: dict[tuple[str, str], datetime] = {}
    for info in infos:
        parts = info.key.removeprefix(root).split("/")
        if len(parts) > 2:  # noqa: PLR2004 - namespace, uid, rest
            bundle = (parts[0], parts[1])
            found[bundle] = max(info.modified, found.get(bundle, info.modified))
    return found


async def _resync(deps: Deps, enqueue: Callable[[Key], None]) -> set[str]:
    """The uids of bundles that still need their staging."""
    running: set[str] = set()
    now = deps.clock()
    async for obj in deps.client.items(paths.EVERY_BUNDLE):
        status = parse_status(obj)
        expires = status.artifact.expires_at if status.artifact else None
        if not status.finished:
            running.add(obj["metadata"]["uid"])
        expired = status.phase == Phase.READY and expires is not None and expires <= now
        if not status.finished or expired or obj["metadata"].get("deletionTimestamp"):
            enqueue(key_of(obj))
    return running
