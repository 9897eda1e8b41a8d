"""One key, one step: gather, decide, act, write the status, say when to come back."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from supportbundle.decide import decide, say
from supportbundle.decide.estimate import Estimated, estimated_status
from supportbundle.decide.lifetime import deleting
from supportbundle.decide.outcomes import fail
from supportbundle.decide.report import Outcome, Remnant, end_status, next_status, remnant_status
from supportbundle.decide.times import OURS, time_by_stage
from supportbundle.decide.turns import collecting_ticket, packing_ticket, wants_place
from supportbundle.decide.world import Act, Decision, JobState, Line, World
from supportbundle.errors import Conflict, Corrupt, Invalid, LostLeadership, NotFound, SupportBundleError, TooLarge
from supportbundle.metrics import UNLISTED
from supportbundle.model import names
from supportbundle.model.bundle import Bundle, parse_bundle
from supportbundle.model.conditions import ConditionType
from supportbundle.model.plan import dump
from supportbundle.model.status import Phase, Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.act import Result, drop_prefix, drop_unfinished, perform, release, renew_uploads
from supportbundle.reconcile.approvals import answer_all
from supportbundle.reconcile.delivery import stop_delivery
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.events import emit, say_event
from supportbundle.reconcile.gather import Gathered, gather
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.reviews import drop_links
from supportbundle.reconcile.turns import Turns
from supportbundle.reconcile.uploads import RENEW_AFTER

log = logging.getLogger(__name__)
PERMANENT = (Corrupt, Invalid, TooLarge)
"""Failures of a step that no repetition can mend."""
PROGRESS_SECONDS = 1.0
"""The least time between two writes of one bundle that tell progress only."""
LONG = frozenset({Act.ASSEMBLE, Act.DELIVER})
"""Acts for which a worker waits until a server has copied a whole zip."""
LONG_AT_ONCE = 4
"""Of these, and never by more than half of the workers. Gigabytes take minutes; without a bound a few large bundles
would hold all workers, and all threads that speak to the store, and every small one would wait for them.
"""
CONFLICT_SECONDS = 0.5
"""Somebody wrote since we read; read again, but never in a tight loop."""


class Reconciler:
    """Stateless but for caches: any process may take any step of any bundle."""

    def __init__(
        self,
        deps: Deps,
        monotonic: Callable[[], float] = time.monotonic,
        wake: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._deps = deps
        self._monotonic = monotonic
        self._collecting = Turns(deps.config.bundles_at_once, wake)
        self._packing = Turns(min(LONG_AT_ONCE, max(1, deps.config.workers // 2)), wake)

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
            self._deps.metrics.reconcile_errors.labels(error.reason).inc()
            raise
        except Exception:
            log.exception("%s/%s: unexpected failure", key.namespace, key.name)
            self._deps.metrics.reconcile_errors.labels("InternalError").inc()
            raise
        finally:
            if result != "ok":
                self._packing.leave(key.uid)
            self._deps.metrics.queued.set(self._collecting.waiting)
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
            return await self._decide_and_act(key, found)
        except (Conflict, LostLeadership):
            raise
        except PERMANENT as error:
            if not await self._give_up(found or await self._bare(key), error):
                raise
            return 0.0
        except Exception as error:
            if found is not None and found.world.plan is None:  # what it cannot begin need not keep others waiting
                self._collecting.leave(key.uid)
            await self._say_waiting(key, found, error)
            raise

    async def _decide_and_act(self, key: Key, found: Gathered) -> float | None:
        found = found._replace(world=self._placed(key, found.world))
        decision = decide(found.world)
        if LONG.isdisjoint(decision.acts):
            self._packing.leave(key.uid)
            return await self._carry_out(found, decision)
        if not self._packing.ask(key, packing_ticket(found.world)):
            return None
        try:
            return await self._carry_out(found, decision)
        finally:
            self._packing.leave(key.uid)

    def _placed(self, key: Key, world: World) -> World:
        """The world, and whether it is the bundle's turn. One that has begun is never stopped for want of places."""
        turn = True
        if not wants_place(world):
            self._collecting.leave(key.uid)
        elif world.plan is None and world.bundle.status.phase == Phase.PENDING:
            turn = self._collecting.ask(key, collecting_ticket(world))
        else:
            self._collecting.keep(collecting_ticket(world))
        return replace(world, line=Line(turn, self._collecting.places, self._deps.census.running))

    async def _carry_out(self, found: Gathered, decision: Decision) -> float | None:
        world = found.world
        outcome: Result = None
        self._deps.fence()
        for act in decision.acts:
            self._deps.fence()
            outcome = await perform(act, world, found.place, self._deps) or outcome
        if Act.LET_GO in decision.acts:
            versions = f"the versions that the bucket keeps of {outcome.where}" if isinstance(outcome, Remnant) else ""
            if left := decision.orphan or versions:
                await self._say_orphaned(world, left)
            return None
        status = _status(world, decision, outcome)
        if not await self._write(found.raw, world, status):
            # What this step has made was said to nobody, so nobody will ever look after it.
            await self._clean_up(key_of(found.raw))
            return None
        if not wants_place(replace(world, bundle=world.bundle.model_copy(update={"status": status}))):
            self._collecting.leave(world.bundle.metadata.uid)
        await answer_all(world, status, self._deps)
        if not status.finished:
            await self._keep_urls_fresh(found)
        if isinstance(outcome, Outcome | Estimated) or decision.artifact:
            if not status.settled:
                return 0.0
            await self._after_end(found)
            return self._until_expiry(status)
        if status.settled and (decision.final or decision.settled):
            self._deps.memory.forget(world.bundle.metadata.uid)
        return decision.again.total_seconds() if decision.again is not None else None

    async def _give_up(self, found: Gathered, error: SupportBundleError) -> bool:
        """End a bundle whose step can never succeed. False for one that is over already."""
        if found.world.bundle.status.finished:
            return False
        await self._carry_out(found, fail(error.reason, str(error)))
        return True

    async def _keep_urls_fresh(self, found: Gathered) -> None:
        """After a restart nobody knows when the URLs were signed, so they are renewed at once."""
        world, deps = found.world, self._deps
        if world.job is None or world.job.state == JobState.FINISHED or found.place is None:
            return
        signed = deps.memory.signed.get(world.bundle.metadata.uid)
        if signed is None or world.now - signed > RENEW_AFTER:
            try:
                await renew_uploads(world, found.place, deps)
            except NotFound:  # somebody deleted the run's Secret: its pods cannot start without it
                await perform(Act.LAUNCH, world, found.place, deps)

    async def _write(self, raw: Mapping[str, Any], world: World, status: Status) -> bool:
        """Write the status if it says anything new; the resourceVersion keeps a slower process from overwriting.

        False if there is no such bundle any more.
        """
        if status == world.bundle.status or self._too_soon(world.bundle, status):
            return True
        meta = world.bundle.metadata
        self._deps.memory.written[meta.uid] = self._monotonic()
        said = dump(status)
        gone = dict.fromkeys(dump(world.bundle.status).keys() - said.keys())  # in a merge patch, null removes
        patch = {"metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]}, "status": said | gone}
        try:
            await self._deps.client.patch(f"{paths.bundle(meta.namespace, meta.name)}/status", patch)
        except NotFound:
            return False
        self._log(world.bundle, status)
        await emit(world.bundle, status, self._deps)
        self._count(world.bundle, status)
        return True

    async def _say_orphaned(self, world: World, left: str) -> None:
        """The last word about a deleted bundle whose zip stays behind."""
        meta = world.bundle.metadata
        message = f"The resource was deleted, but its zip could not be: {left} must be deleted by hand."
        where = {"namespace": meta.namespace, "bundle": meta.name, "uid": meta.uid}
        log.warning("ArtifactOrphaned: %s", message, extra=where)
        await say_event(world.bundle, "ArtifactOrphaned", message, self._deps, warning=True)

    def _too_soon(self, bundle: Bundle, status: Status) -> bool:
        """Whether only the progress has changed, and was written a moment ago: every watcher is sent each write."""
        same = status.model_copy(update={"progress": bundle.status.progress}) == bundle.status
        written = self._deps.memory.written.get(bundle.metadata.uid, float("-inf"))
        return same and self._monotonic() - written < PROGRESS_SECONDS

    def _log(self, bundle: Bundle, status: Status) -> None:
        """One line for each new reason of the Ready condition."""
        now, before = status.condition(ConditionType.READY), bundle.status.condition(ConditionType.READY)
        if now and (before is None or before.reason != now.reason):
            where = {"namespace": bundle.metadata.namespace, "bundle": bundle.metadata.name, "uid": bundle.metadata.uid}
            log.info("%s: %s", now.reason, now.message, extra=where | {"phase": status.phase})

    def _count(self, bundle: Bundle, new: Status) -> None:
        if bundle.status.finished or not new.finished:
            return
        metrics, ready = self._deps.metrics, new.condition(ConditionType.READY)
        metrics.finished.labels(new.phase, ready.reason if ready else "Unknown").inc()
        for gap in new.warnings:
            metrics.gap(gap.reason)
        metrics.gap(UNLISTED, max(0, new.warning_count - len(new.warnings)))
        if new.artifact:
            metrics.bundle_bytes.inc(new.artifact.size_bytes)
            self._time(bundle, new)
        if new.sanitization:
            metrics.redactions.inc(new.sanitization.redactions)
            metrics.leaks_blocked.inc(new.sanitization.leaks)

    def _time(self, bundle: Bundle, new: Status) -> None:
        if not (times := time_by_stage(bundle.metadata, new)):
            return
        self._deps.metrics.duration.observe(sum(times[stage].total_seconds() for stage in OURS))
        for stage, time_spent in times.items():
            self._deps.metrics.stages.labels(stage).observe(time_spent.total_seconds())

    async def _after_end(self, found: Gathered) -> None:
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
        self._collecting.leave(key.uid)
        self._packing.leave(key.uid)
        await release(key.namespace, key.uid, deps)
        await drop_links(key.uid, deps)
        await stop_delivery(key.uid, deps)
        if (known := deps.memory.origins.get(key.uid)) is not None:
            with contextlib.suppress(NotFound, Invalid):
                place = await deps.stores.place(known.destination, encrypted=known.encrypted, recorded=known.staging)
                await drop_unfinished(key.namespace, key.name, key.uid, place, deps)
        deps.memory.forget(key.uid)

    async def _bare(self, key: Key) -> Gathered:
        """The bundle alone, where looking further failed."""
        raw = await self._deps.client.get(paths.bundle(key.namespace, key.name))
        return Gathered(World(parse_bundle(raw), self._deps.clock()), raw, None)

    async def _say_waiting(self, key: Key, found: Gathered | None, error: Exception) -> None:
        """Tell the user why nothing moves; if even that fails, the log has it."""
        try:
            found = found or await self._bare(key)
            world = found.world
            if world.bundle.metadata.uid != key.uid:
                return
            if world.bundle.metadata.deletion_timestamp is not None:
                cause = str(error) if isinstance(error, SupportBundleError) else f"{type(error).__name__}."
                decision = Decision(claims=(deleting(world, cause),))
                await self._write(found.raw, world, next_status(world, decision))
                return
            if world.bundle.status.finished:
                return
            reason, message = "InternalError", f"{type(error).__name__}; see the operator's log."
            if isinstance(error, SupportBundleError):
                reason, message = error.reason, str(error)
            claims = say.working(reason, f"The last step failed and is tried again: {message}")
            decision = Decision(phase=world.bundle.status.phase, claims=claims)
            await self._write(found.raw, world, next_status(world, decision))
        except SupportBundleError as failure:
            log.debug("could not report the wait: %s", failure)


def _status(world: World, decision: Decision, outcome: Result) -> Status:
    match outcome:
        case Outcome():
            return end_status(world, outcome)
        case Estimated():
            return estimated_status(world, outcome)
        case Remnant():
            return remnant_status(world, decision, outcome)
        case None:
            return next_status(world, decision)
