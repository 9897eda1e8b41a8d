"""Handing out a finished zip to somebody who may run commands in the operator's pod."""

from __future__ import annotations

import asyncio
import time
from typing import BinaryIO

from supportbundle.errors import NotFound
from supportbundle.kube.client import connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.reconcile import paths
from supportbundle.reconcile.stores import Stores


async def fetch(namespace: str, name: str, operator_namespace: str, out: BinaryIO) -> None:
    """Write the zip of a Ready bundle to `out`.

    Raises:
        NotFound: the bundle has no zip (yet, or any more).
    """
    async with connect(await configured()) as client:
        status = parse_status(await client.get(paths.bundle(namespace, name)))
        artifact = status.artifact
        if status.phase == Phase.EXPIRED:
            raise NotFound(f"The zip of SupportBundle {namespace}/{name} has expired.", "Create a new bundle.")
        if artifact is None or not status.finished:
            raise NotFound(
                f"SupportBundle {namespace}/{name} has no zip; its phase is {status.phase}.",
                f"Wait with: kubectl wait -n {namespace} sbundle/{name} --for=condition=Ready",
            )
        stores = Stores(client, operator_namespace, time.monotonic)
        place = await stores.place(artifact.destination)
    await asyncio.to_thread(lambda: out.writelines(place.store.stream(place.key(artifact.key))))
    out.flush()
