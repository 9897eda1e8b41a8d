"""Handing out a finished zip to somebody who may run commands in the operator's pod."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from supportbundle.errors import NotFound
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model.bundle import parse_status
from supportbundle.model.conditions import ConditionType
from supportbundle.model.status import Phase, Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.stores import Stores


async def _look_up(client: Client, namespace: str, name: str) -> Mapping[str, Any]:
    try:
        return await client.get(paths.bundle(namespace, name))
    except NotFound as error:
        raise NotFound(
            f"There is no SupportBundle {namespace}/{name}.", f"See: kubectl get sbundle -n {namespace}"
        ) from error


def _no_zip(namespace: str, name: str, status: Status) -> NotFound:
    ready = status.condition(ConditionType.READY)
    if status.finished:
        why = ready.message if ready else ""
        return NotFound(f"SupportBundle {namespace}/{name} ended without a zip ({status.phase}): {why}")
    return NotFound(
        f"SupportBundle {namespace}/{name} is not ready yet ({status.phase}).",
        f"Wait with: kubectl wait -n {namespace} sbundle/{name} --for=condition=Reconciling=False",
    )


async def fetch(namespace: str, name: str, operator_namespace: str, out: BinaryIO) -> str:
    """Write the zip of a Ready bundle to `out`; returns what it is called, empty where nobody has said.

    Raises:
        NotFound: the bundle has no zip (yet, or any more), or it is with its receiver.
    """
    async with connect(await configured()) as client:
        status = parse_status(await _look_up(client, namespace, name))
        artifact = status.artifact
        if status.phase == Phase.EXPIRED:
            raise NotFound(f"The zip of SupportBundle {namespace}/{name} has expired.", "Create a new bundle.")
        if artifact is None or not status.finished:
            raise _no_zip(namespace, name, status)
        stores = Stores(client, operator_namespace, time.monotonic)
        place = await stores.kept(artifact.destination)
    await asyncio.to_thread(lambda: out.writelines(place.store.stream(place.key(artifact.key))))
    out.flush()
    return artifact.file_name
