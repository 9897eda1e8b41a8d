"""Holding the Lease: one of the operator's pods works, the others wait. What is decided stands in `decide.lease`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from supportbundle.decide.lease import DURATION, RETRY, SURRENDER, Record, Seen, Turn, leads, look, patience, turn
from supportbundle.errors import Conflict, LostLeadership, NotFound, SupportBundleError
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.reconcile import paths

log = logging.getLogger(__name__)
ATTEMPT = 4.0
"""Seconds of one request: a dead API server among several must leave time to ask another within the deadline."""
LEAST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """Which Lease, and as whom. `identity` must be this pod's alone: two processes of one name would share the lead."""

    namespace: str
    lease: str
    identity: str


class Election:
    """One candidacy; used once. `check` is for whoever is about to change something: it fails 10 s after a renewal."""

    def __init__(
        self,
        client: Client,
        candidate: Candidate,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._me = candidate
        self._path = paths.named("leases", candidate.namespace, candidate.lease)
        self._clock = clock
        self._pause = pause
        self._wall = wall
        self._seen: Seen | None = None
        self._led_since: float | None = None
        self._trouble = "the Lease has not been read yet"

    @property
    def leading(self) -> bool:
        """Whether this process may work now."""
        return leads(self._led_since, self._clock())

    @property
    def trouble(self) -> str:
        """Why it can neither lead nor stand by; empty if it can."""
        return self._trouble

    def check(self) -> None:
        """Pass if the Lease is held.

        Raises:
            LostLeadership: it is not, or not for certain.
        """
        if not self.leading:
            raise LostLeadership(f"The Lease {self._me.lease} is not held any more.", "Another pod goes on.")

    @asynccontextmanager
    async def led(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Wait for the lead, or for `stop`: yields which. It is given back, so that another pod takes over at once."""
        tasks = asyncio.ensure_future(self._take()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            yield self.leading
        finally:
            for task in tasks:
                task.cancel()
            await self.give_back()

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LostLeadership: the Lease is another's, or was not renewed for very long. The process must end.
        """
        while True:
            await self._pause(RETRY)
            await self._renew()

    async def give_back(self) -> None:
        """Lead no more, and say so. Best effort: whoever is not told takes over when the Lease has run out."""
        held, self._led_since = self.leading, None
        if not held or self._seen is None:
            return
        try:
            async with asyncio.timeout(ATTEMPT):
                await self._patch(self._seen.record, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except (SupportBundleError, TimeoutError) as error:
            log.warning(
                "the Lease was not given back; another pod leads in %.0f s: %s", DURATION, str(error) or "no answer"
            )
        else:
            log.info("the Lease is given back")

    async def _take(self) -> None:
        while True:
            delay = RETRY
            try:
                async with asyncio.timeout(ATTEMPT):
                    if await self._campaign():
                        return
                if self._seen:
                    delay = patience(self._seen, self._clock())
            except Conflict:
                delay = LEAST_PAUSE
            except (SupportBundleError, TimeoutError) as error:
                self._complain(f"the Lease cannot be read or written: {str(error) or 'no answer in time'}")
            await self._pause(max(delay, LEAST_PAUSE))

    async def _campaign(self) -> bool:
        """One look, and the attempt if it is due. True once the Lease is held."""
        before = self._seen
        seen = self._seen = look(before, await self._read(), self._clock())
        self._trouble = ""
        if turn(self._me.identity, seen, None, self._clock()) != Turn.TAKE:
            if before is None or before.record.holder != seen.record.holder:
                log.info("standing by: %s leads", seen.record.holder)
            return False
        await self._write(self._taken(seen.record))
        log.info("%s leads", self._me.identity)
        return True

    async def _renew(self) -> None:
        seen = self._seen
        assert seen is not None, "what is kept was taken"  # noqa: S101 - states the class's own order
        if turn(self._me.identity, seen, self._led_since, self._clock()) != Turn.RENEW:
            self._led_since = None
            holder = seen.record.holder
            why = (
                f"not renewed for {SURRENDER:.0f} s"
                if holder == self._me.identity
                else f"{holder or 'nobody'} holds it"
            )
            raise LostLeadership(f"The Lease {self._me.lease} is lost: {why}.", "This process ends; its pod stands by.")
        try:
            async with asyncio.timeout(ATTEMPT):
                try:
                    await self._write(self._beat())
                except (Conflict, NotFound):  # somebody wrote; perhaps we ourselves, and the answer was lost
                    self._seen = look(seen, await self._read(), self._clock())
                    if self._seen.record.holder == self._me.identity:
                        await self._write(self._beat())
        except (SupportBundleError, TimeoutError) as error:
            self._complain(f"the Lease cannot be renewed: {str(error) or 'no answer in time'}")
        else:
            self._trouble = ""

    async def _read(self) -> Record:
        """The Lease; made, without a holder, where there is none."""
        try:
            return _record(await self._client.get(self._path))
        except NotFound:
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._me.lease, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
            }
            # Two candidates that apply this at once make one Lease; by a POST, the right could not be held to one name.
            return _record(await self._client.apply(self._path, lease, manager=names.MANAGED_BY))

    async def _write(self, spec: Mapping[str, Any]) -> None:
        """Write as the holder. What counts is when it was sent: the answer may come at any time later."""
        assert self._seen is not None, "only what was read is written"  # noqa: S101 - as above
        sent = self._clock()
        record = await self._patch(self._seen.record, spec)
        self._seen, self._led_since = Seen(record, sent), sent

    async def _patch(self, record: Record, spec: Mapping[str, Any]) -> Record:
        spec = {"renewTime": self._now(), **spec}
        patch = {"metadata": {"resourceVersion": record.version}, "spec": spec}
        return _record(await self._client.patch(self._path, patch))

    def _beat(self) -> dict[str, Any]:
        return {"holderIdentity": self._me.identity, "leaseDurationSeconds": int(DURATION)}

    def _taken(self, record: Record) -> dict[str, Any]:
        if record.holder == self._me.identity:
            return self._beat()
        return self._beat() | {"acquireTime": self._now(), "leaseTransitions": record.transitions + 1}

    def _now(self) -> str:
        """metav1.MicroTime: for people who look at the Lease."""
        return self._wall().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble


def _record(lease: Mapping[str, Any]) -> Record:
    spec = lease.get("spec") or {}
    return Record(
        version=lease["metadata"]["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
    )
