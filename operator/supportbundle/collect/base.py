"""What a collector is, and the two things that it is given: a cluster to read and a sink to write.

A collector is one file: it declares the rights it needs, turns options into tasks (pure), and runs one task. It knows
neither the Kubernetes client nor the sanitizer: both sides are protocols, composed in `supportbundle.collector`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext


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

    def fetch(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float = 30
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The raw body of a plain HTTP GET to a pod (no redirects, no proxy, no credentials of ours)."""


class Member(Protocol):
    """One file of the bundle while it is written."""

    async def write(self, data: bytes) -> bool:
        """Take more bytes. False when the member's limit is reached: what was over is dropped, stop reading."""

    def note(self, key: str, value: str | int) -> None:
        """A fact for the manifest, such as `truncated` or `status`."""


class Sink(Protocol):
    """Where results go. Leaving `member` normally keeps the file; leaving it by an exception drops it whole."""

    def member(
        self, path: str, *, task: Task, limit: int, keep_partial: bool = False
    ) -> AbstractAsyncContextManager[Member]:
        """A new file. `path` is made of names that we have checked, never of text from a pod.

        `keep_partial`: what was written stays, marked `incomplete`, when time runs out or the source breaks off;
        right for logs, wrong for anything that must parse.
        """

    def gap(self, gap: Gap) -> None:
        """Something wanted that is not there."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What running a task needs. `synchronized_start` is the instant at which all profiles of a bundle begin."""

    namespace: str
    cluster: ClusterReader
    sink: Sink
    synchronized_start: datetime | None = None


class Collector(Protocol):
    """One kind of collector; instances are stateless and registered in `registry.py`."""

    type: ClassVar[CollectorType]
    capability: ClassVar[Capability]
    needs: ClassVar[tuple[PolicyRule, ...]]

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """The tasks for these pods, and what is already known to be missing. Pure."""

    async def run(self, task: Task, context: RunContext) -> None:
        """Run one task. Expected failures may be raised: the caller turns them into the task's gap."""
