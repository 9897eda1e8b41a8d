"""Before an uninstallation: nobody will look after our finalizer any more, so it goes from every bundle."""

from __future__ import annotations

import logging

from supportbundle.errors import Conflict, NotFound
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model import names
from supportbundle.model.bundle import parse_metadata, parse_status
from supportbundle.model.paths import collection
from supportbundle.reconcile import paths

log = logging.getLogger(__name__)
TRIES = 5
"""Somebody else may write a bundle at the same moment, as often as this at most."""


async def let_everything_go() -> int:
    """Remove the finalizer wherever it stands; returns from how many bundles.

    Raises:
        SupportBundleError: the API server did not let us, or does not answer.
    """
    async with connect(await configured()) as client:
        try:
            held = [
                (obj["metadata"]["namespace"], obj["metadata"]["name"])
                async for obj in client.items(collection(names.API_VERSION, names.PLURAL))
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
