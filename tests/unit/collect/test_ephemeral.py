"""Debugging containers: how they are asked for, waited for, and used again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeSecrets, FakeSink, container, pod
from supportbundle.collect.base import RunContext
from supportbundle.collect.ephemeral import DebugProgram, DebugTarget, Time, debugging_container
from supportbundle.errors import DeadlineExceeded, NotFound, SupportBundleError
from supportbundle.model.plan import DebugImages

RUNNING = {"running": {"startedAt": "2026-03-04T05:06:00Z"}}
PULLING = {"waiting": {"reason": "ContainerCreating"}}
ENDED = {"terminated": {"exitCode": 0, "reason": "Completed"}}


@dataclass
class Kubelet(FakeCluster):
    """A pod whose debugging containers pass through the given states, one a look."""

    states: list[dict[str, Any] | None] = field(default_factory=lambda: [RUNNING])
    there: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def get(self, path: str, params: Any = None) -> dict[str, Any]:
        assert (path, params) == ("/api/v1/namespaces/apps/pods/web-0", None)
        names = [*self.there, *(added["name"] for _, added in self.ephemeral)]
        states = dict(self.there)
        for _, added in self.ephemeral:
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            if state is not None:
                states[added["name"]] = state
        return {
            "spec": {"ephemeralContainers": [{"name": name} for name in names]},
            "status": {"ephemeralContainerStatuses": [{"name": n, "state": s} for n, s in states.items()]},
        }


IMAGES = DebugImages(files="sb:1", tools="tools:1")
FILES, TOOLS = DebugProgram.files(IMAGES), DebugProgram.tools(IMAGES)


async def debug(
    cluster: FakeCluster,
    *,
    program: DebugProgram = FILES,
    user: int | None = 1000,
    group: int | None = None,
    seconds: float = 60,
    **facts: Any,
) -> str:
    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    context = RunContext(namespace="apps", cluster=cluster, sink=FakeSink(), secrets=FakeSecrets(), debug=IMAGES)
    target = DebugTarget.of(pod("web-0", uid="u1"), container(user=user, group=group, **facts))
    return await debugging_container(
        target, "c/web-0", context, program, seconds=seconds, time=Time(lambda: NOW, pause)
    )


async def test_it_is_added_and_waited_for() -> None:
    kubelet = Kubelet(states=[None, PULLING, PULLING, RUNNING])
    name = await debug(kubelet)
    ((where, added),) = kubelet.ephemeral
    assert (where, added["name"], added["image"], added["targetContainerName"]) == ("web-0", name, "sb:1", "app")
    assert added["command"] == ["supportbundle", "idle", "--seconds", "1860"]
    assert name.startswith("supportbundle-")


async def test_an_admins_image_needs_only_sleep() -> None:
    kubelet = Kubelet()
    await debug(kubelet, program=TOOLS)
    assert (kubelet.ephemeral[0][1]["image"], kubelet.ephemeral[0][1]["command"]) == ("tools:1", ["sleep", "1860"])


async def test_an_image_that_can_do_both_is_not_mistaken_for_the_other() -> None:
    both = DebugImages(files="sb:1", tools="sb:1")
    names = [await debug(Kubelet(), program=p) for p in (DebugProgram.files(both), DebugProgram.tools(both))]
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("user", "group", "security"),
    [
        (1000, None, {"runAsNonRoot": True, "runAsUser": 1000, "capabilities": {"drop": ["ALL"]}}),
        (1000, 0, {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 0, "capabilities": {"drop": ["ALL"]}}),
        (None, None, {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}),
        # Kubernetes refuses a group without a user.
        (None, 5, {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}),
        (0, None, {"runAsNonRoot": False, "runAsUser": 0}),
    ],
)
async def test_it_is_the_targets_user_with_no_more_rights(
    user: int | None, group: int | None, security: dict[str, Any]
) -> None:
    kubelet = Kubelet()
    await debug(kubelet, user=user, group=group)
    always = {"allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}
    assert kubelet.ephemeral[0][1]["securityContext"] == always | security


@pytest.mark.parametrize(
    ("facts", "security"),
    [
        ({"dropped": ("ALL",)}, {"capabilities": {"drop": ["ALL"]}}),
        (
            {"added": ("NET_BIND_SERVICE",), "dropped": ("ALL",)},
            {"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}},
        ),
        ({"read_only_root": True}, {"readOnlyRootFilesystem": True}),
    ],
)
async def test_a_root_target_is_followed_in_what_it_gave_up(facts: dict[str, Any], security: dict[str, Any]) -> None:
    kubelet = Kubelet()
    await debug(kubelet, user=0, **facts)
    found = kubelet.ephemeral[0][1]["securityContext"]
    assert {key: found.get(key) for key in ("capabilities", "readOnlyRootFilesystem") if key in found} == security


async def test_another_user_is_given_nothing_that_its_target_added() -> None:
    kubelet = Kubelet()
    await debug(kubelet, added=("SYS_ADMIN",))
    assert kubelet.ephemeral[0][1]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


async def test_a_retry_uses_the_one_that_runs() -> None:
    first = await debug(Kubelet())
    again = Kubelet(there={first: RUNNING})
    assert await debug(again) == first
    assert not again.ephemeral


@pytest.mark.parametrize("state", [ENDED, {"running": {"startedAt": (NOW - timedelta(seconds=1850)).isoformat()}}])
async def test_one_that_ended_or_soon_will_is_followed_by_the_next(state: dict[str, Any]) -> None:
    first = await debug(Kubelet())
    later = Kubelet(there={first: state})
    second = await debug(later)
    assert second != first
    assert [added["name"] for _, added in later.ephemeral] == [second]


async def test_there_is_an_end_to_how_many_a_pod_collects() -> None:
    there: dict[str, dict[str, Any]] = {}
    with pytest.raises(SupportBundleError, match="restart it"):
        for _ in range(20):
            there[await debug(Kubelet(there=dict(there)))] = ENDED
    assert len(there) == 6


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"waiting": {"reason": "ImagePullBackOff", "message": "not\x1b found"}}, r"ImagePullBackOff not\\x1b found"),
        ({"waiting": {"reason": "CreateContainerConfigError", "message": "image will run as root"}}, "as root"),
        ({"terminated": {"reason": "StartError", "message": "no such file"}}, "StartError no such file"),
    ],
)
async def test_the_kubelets_reason_is_quoted(state: dict[str, Any], words: str) -> None:
    with pytest.raises(SupportBundleError, match=words) as failed:
        await debug(Kubelet(states=[PULLING, state]))
    assert failed.value.reason == "DebugContainerFailed"


async def test_where_nobody_tells_the_user_the_pod_can() -> None:
    failed = {"waiting": {"reason": "CreateContainerConfigError", "message": "image will run as root"}}
    with pytest.raises(SupportBundleError, match="set `runAsUser` in the pod"):
        await debug(Kubelet(states=[failed]), user=None)


async def test_one_that_never_starts_is_given_up() -> None:
    with pytest.raises(DeadlineExceeded):
        await debug(Kubelet(states=[PULLING]))


async def test_without_an_image_there_is_none() -> None:
    with pytest.raises(SupportBundleError, match="admin") as refused:
        await debug(Kubelet(), program=DebugProgram.tools(DebugImages()))
    assert refused.value.reason == "NotAllowed"


async def test_a_pod_that_is_gone() -> None:
    with pytest.raises(NotFound):
        await debug(FakeCluster())
