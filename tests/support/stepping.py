"""What tests of API collectors share: steps, a pod that answers them by name, and what came of them."""

from __future__ import annotations

import json
from typing import Any

from support.collecting import FakeCluster, FakeSink, Piece, plan, pod, run, with_constants
from supportbundle.collect.api import COLLECTOR
from supportbundle.model.plan import Task

HERE = "pods/web-0/api/"
URL = "http://forwarded"
Steps = list[dict[str, Any]]


def spec(*steps: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"type": "API", "api": {"port": 8080, "steps": list(steps), **options}}


def asked(name: str, **more: Any) -> dict[str, Any]:
    """A step that writes what it asks for."""
    return {"name": name, "path": f"/{name}", "output": f"{name}.json", **more}


def task(*steps: dict[str, Any], **options: Any) -> Task:
    (planned,), gaps = plan(COLLECTOR, spec(*steps, **options), pod())
    assert not gaps, gaps
    return planned


def serving(base: str = URL, **bodies: Any) -> FakeCluster:
    """Answers by the names of steps: documents, bytes, or pieces of a body."""
    return FakeCluster(bodies={f"{base}/{name}": [_pieces(body)] for name, body in bodies.items()})


def _pieces(body: Any) -> list[Piece]:
    if isinstance(body, list) and body and isinstance(body[0], bytes | Exception):
        return body
    return [body if isinstance(body, bytes) else json.dumps(body).encode()]


def refusing(cluster: FakeCluster, **statuses: int) -> FakeCluster:
    cluster.statuses |= {f"{URL}/{name}": status for name, status in statuses.items()}
    return cluster


async def collected(cluster: FakeCluster, sink: FakeSink, *steps: dict[str, Any], **options: Any) -> dict[str, bytes]:
    """What the zip holds of it, constants too."""
    planned = task(*steps, **options)
    await run(COLLECTOR, planned, cluster, sink)
    return with_constants(sink, planned, HERE)


def told(sink: FakeSink) -> list[tuple[str, str]]:
    """Reason and beginning of each gap."""
    assert {gap.target for gap in sink.gaps} <= {"web-0"}
    return [(gap.reason, gap.message.partition(":")[0]) for gap in sink.gaps]
