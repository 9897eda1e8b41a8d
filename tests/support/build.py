"""Small valid values of the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from supportbundle.decide import World
from supportbundle.model.bundle import Bundle, Metadata
from supportbundle.model.capability import DEFAULT_CAPABILITIES
from supportbundle.model.conditions import Claim, ConditionStatus, ConditionType, merge
from supportbundle.model.plan import BundleRef, Plan, Shard, Task
from supportbundle.model.pod import ContainerFacts, ContainerKind, PodFacts
from supportbundle.model.spec import CollectorType, SupportBundleSpec
from supportbundle.model.status import FragmentRef, Phase, Status

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
UID = "11111111-2222-3333-4444-555555555555"


def seen_status(**changes: Any) -> Status:
    """A status whose first write has happened."""
    claim = Claim(type=ConditionType.READY, status=ConditionStatus.UNKNOWN, reason="Pending")
    base = Status(conditions=merge((), [claim], generation=1, now=NOW), started_at=NOW)
    return base.model_copy(update=changes)


def bundle(status: Status | None = None, **spec: Any) -> Bundle:
    """A bundle that asks for the logs of app=web."""
    wanted = {
        "target": {"selector": {"matchLabels": {"app": "web"}}},
        "collectors": [{"name": "logs", "type": "Logs"}],
        **spec,
    }
    return Bundle(
        metadata=Metadata(namespace="team", name="incident", uid=UID, creation_timestamp=NOW),
        spec=SupportBundleSpec.model_validate(wanted),
        status=seen_status() if status is None else status,
    )


def task(name: str = "logs/web-1/app", *, target: str = "web-1/app", **changes: Any) -> Task:
    """A logs task."""
    base = Task(id=name, collector="logs", type=CollectorType.LOGS, target=target, params={})
    return base.model_copy(update=changes)


def plan(shards: int = 1, **changes: Any) -> Plan:
    """A plan of one task a shard."""
    base = Plan(
        bundle=BundleRef(namespace="team", name="incident", uid=UID),
        created_at=NOW,
        capabilities=DEFAULT_CAPABILITIES,
        targets=shards,
        pods=tuple(f"web-{i}" for i in range(shards)),
        shards=tuple(
            Shard(index=i, budget=1 << 20, tasks=(task(f"logs/web-{i}/app", target=f"web-{i}/app"),))
            for i in range(shards)
        ),
        parallelism=4,
        max_bytes=1 << 30,
        max_duration_seconds=600,
    )
    return base.model_copy(update=changes)


def fragment(shard: int = 0) -> FragmentRef:
    """A stored fragment."""
    return FragmentRef(shard=shard, etag=f"etag-{shard}", size=100)


def world(status: Status | None = None, *, after: timedelta = timedelta(), **changes: Any) -> World:
    """The world of `bundle()`, `after` the instant of planning."""
    spec = changes.pop("spec", {})
    return World(bundle=bundle(status, **spec), now=NOW + after, **changes)


def pod(name: str = "web-1", **changes: Any) -> PodFacts:
    """A running pod with one container."""
    base = PodFacts(
        name=name,
        uid=f"uid-{name}",
        phase="Running",
        node="node-1",
        ip="10.0.0.1",
        ready=True,
        labels={"app": "web"},
        containers=(
            ContainerFacts(name="app", kind=ContainerKind.REGULAR, started=True, restarts=0, has_previous=False),
        ),
        secrets=(),
        config_maps=(),
        owner=None,
    )
    return base.model_copy(update=changes)


__all__ = ["NOW", "UID", "Phase", "bundle", "fragment", "plan", "pod", "seen_status", "task", "world"]
