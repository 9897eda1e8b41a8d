"""One key, one step: gather, decide, act, write the status, say when to come back."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from supportbundle.decide import decide, say
from supportbundle.decide.report import Outcome, next_status, ready_status
from supportbundle.decide.world import Decision, JobState, World
from supportbundle.errors import Conflict, NotFound, SupportBundleError, Unavailable
from supportbundle.model import names
from supportbundle.model.bundle import Bundle, parse_bundle
from supportbundle.model.conditions import ConditionType
from supportbundle.model.plan import dump
from supportbundle.model.status import Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.act import drop_prefix, perform, release, renew_uploads
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.events import emit
from supportbundle.reconcile.gather import Gathered, gather
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.uploads import RENEW_AFTER

log = logging.getLogger(__name__)
CONFLICT_SECONDS = 0.5
"""Somebody wrote since we read; read again, but never in a tight loop."""


class Reconciler:
    """Stateless but for caches: any process may take any step of any bundle."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def run(self, key: Key) -> float | None:
        """One step. Returns in how many seconds the key wants to be seen again.

        Raises:
            SupportBundleError: the step failed and is to be retried with backoff; it has been logged.
        """
        started = time.monotonic()
        result = "error"
        try:
            again = await self._step(key)
            result = "ok"
        except Conflict:
            again, result = CONFLICT_SECONDS, "conflict"
        except SupportBundleError as error:
            log.warning("%s/%s: %s", key.namespace, key.name, error)
            raise
        except Exception:
            log.exception("%s/%s: unexpected failure", key.namespace, key.name)
            raise
        finally:
            self._deps.metrics.reconciles.labels(result).inc()
            self._deps.metrics.reconcile_seconds.observe(time.monotonic() - started)
        return again

    async def _step(self, key: Key) -> float | None:
        found = None
        try:
            found = await gather(key, self._deps)
            if found is None:
                await self._clean_up(key)
                return None
            return await self._decide_and_act(found)
        except Unavailable as error:
            await self._say_waiting(key, found, error)
            raise

    async def _decide_and_act(self, found: Gathered) -> float | None:
        world = found.world
        decision = decide(world)
        outcome: Outcome | None = None
        for act in decision.acts:
            outcome = await perform(act, world, found.place, self._deps) or outcome
        await self._keep_urls_fresh(found)
        status = ready_status(world, outcome) if outcome else next_status(world, decision)
        await self._write(found.raw, world, status)
        if outcome:
            await self._after_ready(found)
            return self._until_expiry(status)
        if decision.final:
            self._deps.memory.forget(world.bundle.metadata.uid)
        return decision.again.total_seconds() if decision.again is not None else None

    async def _keep_urls_fresh(self, found: Gathered) -> None:
        """After a restart nobody knows when the URLs were signed, so they are renewed at once."""
        world, deps = found.world, self._deps
        if world.job is None or world.job.state == JobState.FINISHED or found.place is None:
            return
        signed = deps.memory.signed.get(world.bundle.metadata.uid)
        if signed is None or world.now - signed > RENEW_AFTER:
            await renew_uploads(world, found.place, deps)

    async def _write(self, raw: Mapping[str, Any], world: World, status: Status) -> None:
        """Write the status if it says anything new; the resourceVersion keeps a slower process from overwriting."""
        if status == world.bundle.status:
            return
        meta = world.bundle.metadata
        patch = {"metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]}, "status": dump(status)}
        try:
            await self._deps.client.patch(f"{paths.bundle(meta.namespace, meta.name)}/status", patch)
        except NotFound:  # deleted meanwhile; its DELETED event brings the key back, to be cleaned up
            return
        self._log(world.bundle, status)
        await emit(world.bundle, status, self._deps)
        self._count(world.bundle.status, status)

    def _log(self, bundle: Bundle, status: Status) -> None:
        """One line for each new reason of the Ready condition."""
        now, before = status.condition(ConditionType.READY), bundle.status.condition(ConditionType.READY)
        if now and (before is None or before.reason != now.reason):
            where = {"namespace": bundle.metadata.namespace, "bundle": bundle.metadata.name, "uid": bundle.metadata.uid}
            log.info("%s: %s", now.reason, now.message, extra=where | {"phase": status.phase})

    def _count(self, old: Status, new: Status) -> None:
        if old.finished or not new.finished:
            return
        metrics, ready = self._deps.metrics, new.condition(ConditionType.READY)
        metrics.finished.labels(ready.reason if ready else "Unknown").inc()
        for gap in new.warnings:
            metrics.gaps.labels(gap.reason).inc()
        if new.artifact and new.started_at and new.completed_at:
            metrics.duration.observe((new.completed_at - new.started_at).total_seconds())
            metrics.bundle_bytes.inc(new.artifact.size_bytes)
        if new.sanitization:
            metrics.redactions.inc(new.sanitization.redactions)

    async def _after_ready(self, found: Gathered) -> None:
        """Staging goes only once the status says Ready: until then it is all that a repeat could be made from."""
        meta, deps = found.world.bundle.metadata, self._deps
        deps.memory.forget(meta.uid)
        if found.place is None:
            return
        try:
            await drop_prefix(names.staging_prefix(deps.cluster_id, meta.namespace, meta.uid), found.place, deps)
        except SupportBundleError as error:
            log.warning("staging of %s is left to the sweep: %s", meta.uid, error)

    def _until_expiry(self, status: Status) -> float | None:
        if status.artifact is None or status.artifact.expires_at is None:
            return None
        return (status.artifact.expires_at - self._deps.clock()).total_seconds()

    async def _clean_up(self, key: Key) -> None:
        """A deleted bundle: owner references remove its objects, unless it was orphaned; staging is ours to remove."""
        deps = self._deps
        await release(key.namespace, key.uid, deps)
        if (destination := deps.memory.destinations.get(key.uid)) is not None:
            with contextlib.suppress(NotFound):
                place = await deps.stores.place(destination)
                await drop_prefix(names.staging_prefix(deps.cluster_id, key.namespace, key.uid), place, deps)
        deps.memory.forget(key.uid)

    async def _say_waiting(self, key: Key, found: Gathered | None, error: Unavailable) -> None:
        """Tell the user why nothing moves; if even that fails, the log has it."""
        try:
            raw = found.raw if found else await self._deps.client.get(paths.bundle(key.namespace, key.name))
            world = found.world if found else World(parse_bundle(raw), self._deps.clock())
            if world.bundle.status.finished or raw["metadata"]["uid"] != key.uid:
                return
            claims = say.working("Unavailable", f"Waiting for a server: {error}")
            decision = Decision(phase=world.bundle.status.phase, claims=claims)
            await self._write(raw, world, next_status(world, decision))
        except SupportBundleError as failure:
            log.debug("could not report the wait: %s", failure)
