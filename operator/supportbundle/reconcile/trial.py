"""Whether an installation works, tried as a user would: `helm test` runs this in a pod with a user's rights.

The bundle asks for Events only, so that it needs no workload. It replaces that of the trial before; its zip expires
after a minute, and the resource stays for whoever wants to look.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from supportbundle.errors import Conflict, DeadlineExceeded, NotFound, SupportBundleError, Unavailable
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.conditions import ConditionType
from supportbundle.model.status import Status
from supportbundle.reconcile import paths

POLL_SECONDS = 1.0
TTL = "1m"


class TrialFailed(SupportBundleError):
    """The bundle ended badly."""

    reason = "TrialFailed"


async def attempt(namespace: str, name: str, account: str | None, seconds: float, say: Callable[[str], None]) -> None:
    """See `run`, with the credentials of this process."""
    async with connect(await configured()) as client:
        await Trial(client, namespace, name, say).run(account, seconds)


class Trial:
    """One bundle from its creation to its end."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        say: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._say = say
        self._pause = pause

    async def run(self, account: str | None, seconds: float) -> None:
        """Make the bundle and wait until it is Ready.

        Raises:
            TrialFailed: it ended badly.
            DeadlineExceeded: it did not end in time.
            SupportBundleError: it could not be made.
        """
        ends = time.monotonic() + seconds
        await self._make(manifest(self._name, account), ends)
        self._say(f"SupportBundle {self._namespace}/{self._name} is made.")
        said = ""
        while time.monotonic() < ends:
            status = await self._status()
            if (words := describe(status)) != said:
                self._say(words)
                said = words
            if status.is_true(ConditionType.READY):
                return
            if status.finished:
                raise TrialFailed("The bundle ended badly.", self._look())
            await self._pause(POLL_SECONDS)
        raise DeadlineExceeded(f"The bundle did not end within {seconds:.0f} s.", self._look())

    async def _make(self, bundle: Mapping[str, Any], ends: float) -> None:
        """Anew, because a bundle is one request. Its predecessor may take a moment to go."""
        with contextlib.suppress(NotFound):
            await self._client.delete(paths.bundle(self._namespace, self._name))
        while True:
            try:
                await self._client.create(paths.every(names.PLURAL, self._namespace), bundle)
            except Conflict:
                if time.monotonic() >= ends:
                    raise
                await self._pause(POLL_SECONDS)
            else:
                return

    async def _status(self) -> Status:
        try:
            return parse_status(await self._client.get(paths.bundle(self._namespace, self._name)))
        except Unavailable as error:
            self._say(str(error))
            return Status()

    def _look(self) -> str:
        return (
            f"Look at: kubectl -n {self._namespace} describe sbundle {self._name}; "
            f"kubectl -n OPERATOR-NAMESPACE logs deploy/OPERATOR"
        )


def manifest(name: str, account: str | None) -> dict[str, Any]:
    """The bundle of the trial."""
    spec: dict[str, Any] = {
        "capabilities": ["Events"],
        "collectors": [{"name": "events", "type": "Events"}],
        "ttl": TTL,
    }
    if account:
        spec["serviceAccountName"] = account
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}


def describe(status: Status) -> str:
    """The Ready condition in one line."""
    ready = status.condition(ConditionType.READY)
    if ready is None:
        return "The operator has not looked at it yet."
    return f"{ready.reason}: {ready.message}"
