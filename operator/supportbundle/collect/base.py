"""What a collector is, and the two things that it is given: a cluster to read and a sink to write.

A collector is one file: it declares the rights it needs, turns options into tasks (pure), and runs one task. It knows
neither the Kubernetes client nor the sanitizer: both sides are protocols, composed in `supportbundle.collector`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from supportbundle.collect.spool import Spool
from supportbundle.errors import HTTPStatus, SupportBundleError
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.exchange import Channel, CommandOutput, PodAnswer, PodCommand, PodRequest, PodTLS
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import NO_DEBUG, DebugImages, Task
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

__all__ = [
    "BODY_CHARS",
    "Channel",
    "ClusterReader",
    "Collector",
    "CommandOutput",
    "Member",
    "Output",
    "PodAnswer",
    "PodCommand",
    "PodRequest",
    "PodTLS",
    "RunContext",
    "SecretReader",
    "Sink",
    "ok",
]


class SecretReader(Protocol):
    """The Secrets that the plan mounted for this shard."""

    def keys(self, secret: str) -> Mapping[str, bytes]:
        """All keys of a Secret. SecretNotFound where it is not mounted or does not exist."""


class ClusterReader(Protocol):
    """The API server as a collector sees it. All failures are `errors.SupportBundleError`."""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One JSON document."""

    def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        """All objects of a collection, page by page (`limit`/`continue`)."""

    def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, idle_seconds: float = 30
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A response body in chunks as they arrive; DeadlineExceeded when nothing comes for `idle_seconds`."""

    def forward(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[str]:
        """An `http://127.0.0.1:N` base URL that reaches the pod's port, loopback-only ports too."""

    def request(self, request: PodRequest) -> AbstractAsyncContextManager[PodAnswer]:
        """One HTTP exchange with a pod: no redirects, no proxy, no credentials of ours, any status is an answer."""

    def execute(self, command: PodCommand) -> AbstractAsyncContextManager[CommandOutput]:
        """Run a program in a container. Leaving the context early ends our interest, not the program."""

    async def add_ephemeral_container(self, namespace: str, pod: str, container: Mapping[str, Any]) -> None:
        """Add one to a running pod (a strategic merge, so one of the same name is left as it is)."""


class Member(Protocol):
    """One file of the bundle while it is written."""

    async def write(self, data: bytes) -> bool:
        """Take more bytes. False when the member's limit is reached: what was over is dropped, stop reading."""

    def note(self, key: str, value: str | int) -> None:
        """A fact for the manifest, such as `truncated` or `status`.

        `step` names the step of the collector whose file this is: others may stand in for a step that has none.
        """


class Sink(Protocol):
    """Where results go. Leaving `member` normally keeps the file; leaving it by an exception drops it whole."""

    def member(
        self, path: str, *, task: Task, limit: int, keep_partial: bool = False
    ) -> AbstractAsyncContextManager[Member]:
        """A new file. `path` is made of names that we have checked, never of text from a pod.

        `keep_partial`: what was written stays, marked `incomplete`, when time runs out or the source breaks off;
        right for logs, wrong for anything that must parse. Of a strict task what broke off does not stay.
        """

    def gap(self, gap: Gap) -> None:
        """Something wanted that is not there."""

    def allowance(self, task: Task, limit: int) -> int:
        """How many bytes this task may keep: `limit`, or its fair share where the bundle's bytes are short."""


class Start(Protocol):
    """The common instant of synchronized tasks."""

    async def wait(self, task: Task) -> datetime:
        """Say that this task is ready, and wait until all are, or for a while; returns the instant."""

    def leave(self, task: Task) -> None:
        """Nobody needs to wait for this task."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What running a task needs. `start` lets all timed profiles of a bundle begin together, `spool` holds zips."""

    namespace: str
    cluster: ClusterReader
    sink: Sink
    secrets: SecretReader
    debug: DebugImages = NO_DEBUG
    start: Start | None = None
    spool: Spool = field(default_factory=Spool)


@dataclass(frozen=True, slots=True)
class Output:
    """One kind of file that a collector writes, for the reference in docs: `pods/<pod>/<container>/current.log`."""

    path: str
    what: str
    limit: str


class Collector(Protocol):
    """One kind of collector; instances are stateless and registered in `registry.py`.

    `needs` are the rights that its tasks use, by the capability that grants them; ClusterRoles, admission policies and
    the reference are generated from these declarations.
    """

    type: ClassVar[CollectorType]
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]]
    outputs: ClassVar[tuple[Output, ...]]

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """The capabilities that the bundle must list for these options."""

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """The tasks for these pods, and what is already known to be missing. Pure."""

    async def run(self, task: Task, context: RunContext) -> Task | None:
        """Run one task. Expected failures may be raised: the caller turns them into the task's gap.

        A task that is returned is run when all others have had their share of the bundle's bytes.
        """


BODY_CHARS = 200
"""How much of a refusal's body is quoted."""


async def ok(answer: PodAnswer, what: str) -> AsyncIterator[bytes]:
    """The body of a 2xx answer.

    Raises:
        HTTPStatus: another status; the body's first characters are quoted.
    """
    if answer.status in range(200, 300):
        return answer.body
    quoted = b""
    with suppress(SupportBundleError):
        async for chunk in answer.body:
            quoted += chunk
            if len(quoted) >= BODY_CHARS:
                break
    text = printable(quoted.decode("utf-8", "replace").strip(), BODY_CHARS)
    raise HTTPStatus(answer.status, f"{what} was answered with {answer.status}: {text or 'no body'}")
