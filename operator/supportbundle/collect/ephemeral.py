"""Debugging containers: one more container in a running pod, for targets whose own image has no tools.

Kubernetes adds ephemeral containers and never removes them. So each ends by itself, is asked for no more rights than
its target has, and is used again where a shard is retried.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from supportbundle.collect.base import RunContext
from supportbundle.errors import DeadlineExceeded, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.gap import printable
from supportbundle.model.paths import one
from supportbundle.model.plan import DebugImages
from supportbundle.model.pod import ContainerFacts, PodFacts

START_SECONDS = 60
"""How long a debugging container may take to start, pulling its image included."""

IDLE_SECONDS = 1800
"""How long one lives at least after it was asked for."""

_POLL_SECONDS = 0.5
_GENERATIONS = 6
"""How many containers of one task a pod may collect: each later bundle that finds an ended one adds the next."""

_HOPELESS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""The kubelet's reasons that do not pass by themselves within a minute."""

_ROOT = 0
_REASON_CHARS = 300
Json = Mapping[str, Any]


class DebugNotEnabled(SupportBundleError):
    """The admin gave no debugging image."""

    reason = "NotAllowed"


class DebugContainerFailed(SupportBundleError):
    """The kubelet could not start the debugging container, or it ended at once."""

    reason = "DebugContainerFailed"


class DebugTarget(Value):
    """The container to look into.

    `user` and `group` are its numeric ones, None where only its image knows; the rest is of its security context.
    """

    pod: str
    uid: str
    container: str
    user: int | None = None
    group: int | None = None
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    read_only_root: bool = False

    @classmethod
    def of(cls, pod: PodFacts, container: ContainerFacts) -> DebugTarget:
        """As it was when the plan was made."""
        return cls(
            pod=pod.name,
            uid=pod.uid,
            container=container.name,
            user=container.user,
            group=container.group,
            added=container.added,
            dropped=container.dropped,
            read_only_root=container.read_only_root,
        )


@dataclass(frozen=True, slots=True)
class DebugProgram:
    """The image of a debugging container, empty where there is none, and what it does but for commands: it waits."""

    image: str
    idle: tuple[str, ...]

    @classmethod
    def files(cls, images: DebugImages) -> DebugProgram:
        """Ours, which reads files."""
        return cls(images.files, ("supportbundle", "idle", "--seconds"))

    @classmethod
    def tools(cls, images: DebugImages) -> DebugProgram:
        """Perhaps the admin's, of which we expect no more than `sleep`."""
        return cls(images.tools, ("sleep",))


@dataclass(frozen=True, slots=True)
class Time:
    """The clock and the wait, for tests to replace."""

    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


async def debugging_container(
    target: DebugTarget, task_id: str, context: RunContext, program: DebugProgram, *, seconds: float, time: Time
) -> str:
    """The name of a running debugging container that lives for `seconds` more.

    Raises:
        DebugNotEnabled: no image is set.
        DebugContainerFailed: it cannot run; the kubelet's reason is quoted.
        DeadlineExceeded: it did not start in time.
        SupportBundleError: as the API server answered, NotFound if the pod is gone.
    """
    if not program.image:
        raise DebugNotEnabled("The admin has not enabled debugging containers.", "Ask them to set the debugging image.")
    life = IDLE_SECONDS + int(seconds)
    for generation in range(_GENERATIONS):
        name = _name(target, task_id, program, generation)
        state = await _state(target, name, context)
        if state is None:
            await context.cluster.add_ephemeral_container(
                context.namespace, target.pod, _container(name, target, program, life)
            )
        elif not _usable(state, life, seconds, time.clock()):
            continue
        await _started(target, name, context, time)
        return name
    raise DebugContainerFailed(
        f"The pod holds {_GENERATIONS} ended debugging containers of this collector already.",
        "They go with the pod: restart it, or rename the collector.",
    )


def _name(target: DebugTarget, task_id: str, program: DebugProgram, generation: int) -> str:
    """The same for a retry of the shard, another one for a container that ended or is of another image or user.

    The target's security context needs no place in it: it never changes while the pod has its uid.
    """
    who, what = (str(target.user), str(target.group)), (program.image, *program.idle)
    seed = "\n".join((task_id, target.uid, target.container, *who, *what, str(generation)))
    return f"supportbundle-{hashlib.sha256(seed.encode()).hexdigest()[:8]}"


def _container(name: str, target: DebugTarget, program: DebugProgram, life: int) -> dict[str, Any]:
    return {
        "name": name,
        "image": program.image,
        "command": [*program.idle, str(life)],
        "targetContainerName": target.container,
        "securityContext": _security(target),
    }


def _security(target: DebugTarget) -> dict[str, Any]:
    """As narrow as Pod Security's `restricted`; for a target that is root itself as narrow as that target.

    The kernel lets a process look into another one's /proc/<pid>/root, or trace it, only if it is of the same user and
    group and holds all of its capabilities (ptrace(2), "Ptrace access mode checking"); a root that has dropped them
    could not look into one that has not.
    """
    security: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": target.user != _ROOT,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if target.user is not None:
        security["runAsUser"] = target.user
    if target.user is not None and target.group is not None:
        security["runAsGroup"] = target.group
    if target.user != _ROOT:
        security["capabilities"] = {"drop": ["ALL"]}
        return security
    if target.added or target.dropped:
        lists = {"add": target.added, "drop": target.dropped}
        security["capabilities"] = {key: list(names) for key, names in lists.items() if names}
    if target.read_only_root:
        security["readOnlyRootFilesystem"] = True
    return security


async def _state(target: DebugTarget, name: str, context: RunContext) -> Json | None:
    """The container's state; empty while the kubelet has not seen it, None if the pod has no such container."""
    pod = await context.cluster.get(one("v1", "pods", target.pod, context.namespace))
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if all(container.get("name") != name for container in spec.get("ephemeralContainers") or ()):
        return None
    statuses = status.get("ephemeralContainerStatuses") or ()
    found: Json = next((entry for entry in statuses if entry.get("name") == name), {})
    return found.get("state") or {}


def _usable(state: Json, life: int, seconds: float, now: datetime) -> bool:
    """Whether one of an earlier try has not ended, and will not end while it is used."""
    if "terminated" in state:
        return False
    started = (state.get("running") or {}).get("startedAt")
    return not started or (now - datetime.fromisoformat(started)).total_seconds() + seconds < life


async def _started(target: DebugTarget, name: str, context: RunContext, time: Time) -> None:
    for _ in range(int(START_SECONDS / _POLL_SECONDS)):
        state = await _state(target, name, context) or {}
        if "running" in state:
            return
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason") in _HOPELESS or ended is not None:
            raise _failed(waiting if ended is None else ended, target)
        await time.pause(_POLL_SECONDS)
    raise DeadlineExceeded(
        f"The debugging container did not start in {START_SECONDS} s.", "See the pod's Events for what it waits for."
    )


def _failed(why: Json, target: DebugTarget) -> DebugContainerFailed:
    reason = printable(str(why.get("reason") or "Unknown"), 64)
    message = printable(str(why.get("message") or ""), _REASON_CHARS)
    return DebugContainerFailed(
        f"The kubelet could not run the debugging container: {reason} {message}".rstrip() + ".",
        "Check the debugging image, and whether the pod's node may pull it."
        + (" Nobody tells which user the target runs as: set `runAsUser` in the pod." if target.user is None else ""),
    )
