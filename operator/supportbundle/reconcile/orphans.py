"""What a crash may have left in the API server: Jobs, accounts, bindings and links of bundles that are over.

Secrets are never listed, for a right to list them is a right to read them: those that the operator makes bear the name
of a Job or a Role, and go with it. Owner references remove the others.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from supportbundle.errors import Forbidden
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.act import release
from supportbundle.reconcile.delivery import stop_delivery
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.reviews import drop_links
from supportbundle.reconcile.scope import Scope

log = logging.getLogger(__name__)
KINDS = ("jobs", "serviceaccounts", "rolebindings")
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Found:
    """Where something bears our labels; anybody may set these, so only names made of the uid are ever touched."""

    namespace: str
    uid: str


async def find_powers(before: datetime, deps: Deps) -> list[Found]:
    """Everything of ours that was made before a time, wherever the operator may look."""
    found: list[Found] = []
    watched = deps.config.watch_namespaces
    lists = [paths.every(kind, namespace) for namespace in watched for kind in KINDS]
    beside = [paths.every(kind, deps.namespace) for kind in ("roles", "jobs")]
    for path in (*(lists or map(paths.everywhere, KINDS)), *beside):
        try:
            found += [item async for item in _ours(path, before, deps)]
        except Forbidden as error:  # staging can be swept all the same
            log.warning("what bundles may have left is not looked for: %s", error)
    return found


async def _ours(path: str, before: datetime, deps: Deps) -> AsyncIterator[Found]:
    async for obj in deps.client.items(path, {"labelSelector": f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"}):
        meta = obj["metadata"]
        uid = meta.get("labels", {}).get(names.LABEL_UID, "")
        created = datetime.fromisoformat(meta["creationTimestamp"])
        if UID.fullmatch(uid) and meta["name"].startswith(names.run_name(uid)) and created <= before:
            yield Found(meta["namespace"], uid)


async def take_back(found: list[Found], running: AbstractSet[str], deps: Deps) -> None:
    """Remove what belongs to no running bundle."""
    scope = Scope(deps.config.watch_namespaces)  # beside it, only deliveries and links are the operator's
    over = [item for item in found if item.uid not in running]
    for namespace, uid in sorted({(item.namespace, item.uid) for item in over}):
        log.info("taking back what bundle %s has left in namespace %s", uid, namespace)
        if namespace in scope:
            await release(namespace, uid, deps)
        if namespace == deps.namespace:
            await drop_links(uid, deps)
            await stop_delivery(uid, deps)
    deps.metrics.swept.inc(len(over))
