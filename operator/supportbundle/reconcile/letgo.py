"""Before an uninstallation: nobody will look after our finalizer any more, so it goes from every bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from supportbundle.errors import Conflict, NotFound
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model import names
from supportbundle.model.bundle import parse_metadata, parse_status
from supportbundle.reconcile import paths
from supportbundle.reconcile.scope import Scope

log = logging.getLogger(__name__)
TRIES = 5
"""Somebody else may write a bundle at the same moment, as often as this at most."""


async def let_everything_go(namespaces: Sequence[str]) -> int:
    """Remove the finalizer in these namespaces, or in all where none is named; returns from how many bundles.

    Raises:
        SupportBundleError: the API server did not let us, or does not answer.
    """
    async with connect(await configured()) as client:
        try:
            held = [
                (obj["metadata"]["namespace"], obj["metadata"]["name"])
                for path in Scope(tuple(namespaces)).collections(names.API_VERSION, names.PLURAL).values()
                async for obj in client.items(path)
                if parse_metadata(obj).is_held
            ]
        except NotFound:  # the CRDs are gone, and every bundle with them
            return 0
        for namespace, name in held:
            await let_go(client, namespace, name)
    return len(held)


async def let_go(client: Client, namespace: str, name: str) -> None:
    """One bundle; one that is gone is fine.

    Raises:
        Conflict: others kept writing it.
    """
    path = paths.bundle(namespace, name)
    for left in reversed(range(TRIES)):
        try:
            obj = await client.get(path)
            meta = parse_metadata(obj)
            rest = [finalizer for finalizer in meta.finalizers if finalizer != names.FINALIZER]
            await client.patch(path, {"metadata": {"finalizers": rest, "resourceVersion": meta.resource_version}})
        except NotFound:
            return
        except Conflict:
            if not left:
                raise
            continue
        if artifact := parse_status(obj).artifact:
            log.warning("%s/%s: %s/%s stays in the bucket", namespace, name, artifact.bucket, artifact.key)
        return
