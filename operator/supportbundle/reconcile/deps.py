"""Everything that reconciliation is given: connections, settings, the clock. Built once, passed down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from supportbundle.config import OperatorConfig
from supportbundle.kube.client import Client
from supportbundle.metrics import Metrics
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.spec import CollectorType
from supportbundle.model.status import Staging
from supportbundle.plan import Planner
from supportbundle.reconcile.census import Census
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.rulecheck import RuleCheck
from supportbundle.reconcile.stores import Stores

T = TypeVar("T")


def utc_now() -> datetime:
    """Whole seconds of UTC, as Kubernetes writes times."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Tries:
    """Of one delivery: when the first began, how many there were, and what stopped the last, until when."""

    first: datetime
    count: int = 0
    trouble: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a bundle is put together, and what for; the staging only once that is written down."""

    destination: str
    encrypted: bool
    staging: Staging | None


@dataclass(slots=True)
class Memory:
    """What a process remembers by uid.

    Immutable plans, progress by etag, when URLs were signed, when the status was written (monotonic seconds), where it
    stages, since when it is refused, when reviewers' links were signed, how its delivery went so far.

    Losing it costs requests, or leaves the staging of a deleted bundle to the sweep; never correctness.
    """

    plans: dict[str, Plan] = field(default_factory=dict)
    progress: dict[str, dict[str, Progress]] = field(default_factory=dict)
    signed: dict[str, datetime] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    refused: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    links: dict[str, dict[str, datetime]] = field(default_factory=dict)
    deliveries: dict[str, Tries] = field(default_factory=dict)

    def forget(self, uid: str) -> None:
        """The bundle is over."""
        tables = (self.plans, self.progress, self.signed, self.written, self.origins, self.refused)
        for table in (*tables, self.links, self.deliveries):
            table.pop(uid, None)


@dataclass(frozen=True, slots=True)
class Deps:
    """The operator's collaborators.

    `fence` is asked before each act: LostLeadership once another pod may work. `api_servers` tells addresses and ports.
    """

    client: Client
    stores: Stores
    guard: Guard
    config: OperatorConfig
    planners: Mapping[CollectorType, Planner]
    metrics: Metrics
    cluster_id: str
    namespace: str
    pool: Executor
    clock: Callable[[], datetime] = utc_now
    memory: Memory = field(default_factory=Memory)
    census: Census = field(default_factory=Census)
    check_rules: RuleCheck = field(default_factory=RuleCheck)
    fence: Callable[[], None] = lambda: None
    api_servers: Callable[[], tuple[tuple[str, int], ...]] = tuple

    async def blocking(self, work: Callable[[], T]) -> T:
        """Run a call of the synchronous S3 client beside the loop."""
        self.fence()
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)
