"""A cheap look at every store each minute, so that an alert about one does not wait for somebody's bundle."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

from supportbundle.errors import LostLeadership, SupportBundleError
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.stores import Place
from supportbundle.storage.measured import OK

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 60.0


async def watch_stores(deps: Deps) -> None:
    """Look for ever. A look that fails for another reason than a store leaves the last answers standing."""
    while True:
        try:
            deps.metrics.stores_seen(await look(deps))
        except SupportBundleError as error:
            log.warning("the stores cannot be looked at: %s", error)
        except Exception:
            log.exception("the look at the stores failed")
        await asyncio.sleep(LOOK_SECONDS)


async def look(deps: Deps) -> Mapping[str, int]:
    """How many stores answer, and how many do not, by reason. One after the other: a dead one holds one thread only.

    A destination for which no store can be opened (its Secret is gone, it has nowhere to stage) counts like a store
    that does not answer.

    Raises:
        SupportBundleError: the destinations could not be listed, or the Lease is not held.
    """
    outcomes: Counter[str] = Counter()
    async for item in deps.client.items(paths.EVERY_DESTINATION):
        try:
            await deps.stores.place(item["metadata"]["name"])
        except SupportBundleError as error:
            outcomes[error.reason] += 1
    for place in await deps.stores.every_place():
        outcomes[await _asked(place, deps)] += 1
    return outcomes


async def _asked(place: Place, deps: Deps) -> str:
    root = names.staging_root(deps.cluster_id)
    try:
        await deps.blocking(lambda: next(iter(place.store.list(root)), None))
    except LostLeadership:
        raise
    except SupportBundleError as error:
        log.warning("the store of %s does not answer as it should: %s", place.destination.name, error)
        return error.reason
    return OK
