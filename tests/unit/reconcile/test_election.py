"""Taking, keeping, losing and giving back the Lease, against an API server in memory and a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from support.memory import Fuse, MemoryApi
from support.universe import KEY, Universe
from supportbundle.decide.lease import DEADLINE, DURATION, RETRY, SURRENDER
from supportbundle.errors import Forbidden, LostLeadership, Unavailable
from supportbundle.kube.client import Client
from supportbundle.reconcile import paths
from supportbundle.reconcile.election import Candidate, Election
from supportbundle.reconcile.loop import Reconciler

PATH = paths.named("leases", "ops", "sb")


@dataclass
class Scene:
    """An API server, and time that passes only while somebody waits; `meanwhile` then happens."""

    api: MemoryApi = field(default_factory=lambda: MemoryApi(Fuse()))
    now: float = 1000.0
    meanwhile: Callable[[], None] = lambda: None

    def election(self, name: str = "me") -> Election:
        return Election(
            cast("Client", self.api), Candidate("ops", "sb", name), clock=lambda: self.now, pause=self.pause
        )

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()
        await asyncio.sleep(0)

    @property
    def spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.api.objects[PATH]["spec"]
        return spec

    def write(self, **spec: object) -> None:
        lease = self.api.objects.get(PATH, {"metadata": {"name": "sb"}})
        self.api.put(PATH, {**lease, "spec": {**lease.get("spec", {}), **spec}})


@dataclass
class Failing(MemoryApi):
    """Answers writes, or reads too, with an error while one is set."""

    error: Exception | None = None
    reads: bool = True

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        if self.error and self.reads:
            raise self.error
        return await super().get(path, params)

    async def patch(self, path: str, patch: Mapping[str, Any], *_: object, **__: object) -> dict[str, Any]:
        if self.error:
            raise self.error
        return await super().patch(path, patch)


async def test_the_first_pod_makes_the_lease_and_gives_it_back() -> None:
    scene = Scene()
    election = scene.election()
    with pytest.raises(LostLeadership):
        election.check()
    async with election.led(asyncio.Event()) as held:
        assert held
        assert election.leading
        election.check()
        assert scene.spec["holderIdentity"] == "me"
        assert (scene.spec["leaseDurationSeconds"], scene.spec["leaseTransitions"]) == (15, 1)
    assert scene.spec["holderIdentity"] == ""
    assert not election.leading


async def test_a_living_holder_is_waited_for_and_a_silent_one_is_followed() -> None:
    scene = Scene()
    scene.write(holderIdentity="other", renewTime="beat 0", leaseTransitions=4)
    begun, beats = scene.now, iter(range(1, 10))

    def beat() -> None:
        if (number := next(beats, None)) is not None:
            scene.write(renewTime=f"beat {number}")

    scene.meanwhile = beat
    async with scene.election().led(asyncio.Event()) as held:
        assert held
        assert scene.now - begun == pytest.approx(9 * RETRY + DURATION, abs=0.1)
        assert (scene.spec["holderIdentity"], scene.spec["leaseTransitions"]) == ("me", 5)


async def test_a_lease_that_is_given_back_is_taken_at_the_next_look() -> None:
    scene = Scene()
    scene.write(holderIdentity="other", renewTime="beat")
    scene.meanwhile = lambda: scene.write(holderIdentity="")
    begun = scene.now
    async with scene.election().led(asyncio.Event()):
        assert scene.now - begun == RETRY


async def test_a_container_that_starts_again_takes_up_the_lease_of_its_pod_at_once() -> None:
    scene = Scene()
    scene.write(holderIdentity="me", renewTime="beat", leaseTransitions=3)
    begun = scene.now
    async with scene.election().led(asyncio.Event()):
        assert scene.now == begun
        assert scene.spec["leaseTransitions"] == 3


async def test_a_standby_that_is_stopped_never_leads() -> None:
    scene = Scene()
    scene.write(holderIdentity="other", renewTime="beat")
    stop = asyncio.Event()
    scene.meanwhile = stop.set
    async with scene.election().led(stop) as held:
        assert not held
    assert scene.spec["holderIdentity"] == "other"


async def test_a_leader_renews_until_somebody_else_holds_the_lease() -> None:
    scene = Scene()
    async with (election := scene.election()).led(asyncio.Event()):
        renewed, beats = scene.spec["renewTime"], iter(range(5))

        def steal() -> None:
            if next(beats, None) is None:
                scene.write(holderIdentity="thief")

        scene.meanwhile = steal
        with pytest.raises(LostLeadership, match="thief holds it"):
            await election.keep()
        assert scene.spec["renewTime"] > renewed
        with pytest.raises(LostLeadership):
            election.check()
    assert scene.spec["holderIdentity"] == "thief"


async def test_a_leader_that_cannot_renew_changes_nothing_more_and_ends_after_a_minute() -> None:
    api = Failing(Fuse())
    scene = Scene(api)
    async with (election := scene.election()).led(asyncio.Event()):
        begun = scene.now
        api.error = Unavailable("down")
        led: list[float] = []
        scene.meanwhile = lambda: led.append(scene.now - begun) if election.leading else None
        with pytest.raises(LostLeadership, match="not renewed for 60 s"):
            await election.keep()
        assert max(led) < DEADLINE
        assert scene.now - begun == pytest.approx(SURRENDER, abs=RETRY)


async def test_a_leader_leads_again_when_nobody_has_meanwhile() -> None:
    api = Failing(Fuse())
    scene = Scene(api)
    async with (election := scene.election()).led(asyncio.Event()):
        api.error = Unavailable("down")
        back = asyncio.Event()

        def return_later() -> None:
            if scene.now > 1000 + 2 * DURATION:
                assert api.error is None or election.trouble
                api.error = None
            if scene.now > 1000 + 3 * DURATION:
                back.set()

        scene.meanwhile = return_later
        keeping = asyncio.ensure_future(election.keep())
        await asyncio.wait([keeping, asyncio.ensure_future(back.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert election.leading
        assert election.trouble == ""
        keeping.cancel()


async def test_a_leader_that_was_paused_finds_itself_out_at_once() -> None:
    scene = Scene()
    async with (election := scene.election()).led(asyncio.Event()):
        scene.now += DURATION
        with pytest.raises(LostLeadership):
            election.check()


async def test_a_lost_answer_costs_nothing() -> None:
    """The write was stored but not heard of: the record shows our name, and the next beat goes on from there."""
    scene = Scene()
    async with (election := scene.election()).led(asyncio.Event()):
        long_enough = asyncio.Event()

        def unheard() -> None:
            if scene.now < 1000 + DEADLINE:
                scene.write(renewTime=f"unheard at {scene.now}")
            elif scene.now > 1000 + 3 * DEADLINE:
                long_enough.set()

        scene.meanwhile = unheard
        keeping = asyncio.ensure_future(election.keep())
        await asyncio.wait([keeping, asyncio.ensure_future(long_enough.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert election.leading
        keeping.cancel()


async def test_nothing_is_changed_without_the_lease(universe: Universe) -> None:
    def fence() -> None:
        raise LostLeadership("gone")

    before = dict(universe.api.objects)
    with pytest.raises(LostLeadership):
        await Reconciler(replace(universe.process(), fence=fence)).run(KEY)
    assert not universe.store.data
    assert universe.api.of("jobs") == []
    assert universe.api.objects.keys() == before.keys()


async def test_a_deleted_lease_ends_the_leader() -> None:
    scene = Scene()
    async with (election := scene.election()).led(asyncio.Event()):
        scene.meanwhile = scene.api.objects.clear
        with pytest.raises(LostLeadership, match="nobody holds it"):
            await election.keep()


async def test_a_missing_right_is_said_and_waited_for() -> None:
    api = Failing(Fuse(), error=Forbidden("leases is forbidden"))
    scene = Scene(api)
    election = scene.election()
    said: list[str] = []

    def grant() -> None:
        said.append(election.trouble)
        api.error = None

    scene.meanwhile = grant
    async with election.led(asyncio.Event()) as held:
        assert held
    assert "leases is forbidden" in said[0]
    assert election.trouble == ""


async def test_what_cannot_be_given_back_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    api = Failing(Fuse())
    async with Scene(api).election().led(asyncio.Event()):
        api.error = Unavailable("down")
    assert "was not given back" in caplog.text
