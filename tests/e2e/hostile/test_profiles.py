"""A profiler that another one keeps busy, and a port that answers with something else."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from support.collecting import FakeMember, FakeSink
from supportbundle.collect.base import PodRequest
from supportbundle.kube.client import Client

pytestmark = pytest.mark.e2e


class Collecting(Protocol):
    """The fixture, for its types."""

    client: Client
    namespace: str
    sink: FakeSink
    only: FakeMember
    reasons: set[str]

    async def collect(self, app: str, spec: dict[str, Any]) -> object: ...


async def body(client: Client, url: str) -> bytes:
    async with client.request(PodRequest(url=url, timeout_seconds=20)) as answer:
        return b"".join([chunk async for chunk in answer.body])


async def test_a_second_cpu_profile_costs_only_itself(collecting: Collecting) -> None:
    async with collecting.client.forward(collecting.namespace, "server", 6060) as base:
        first = asyncio.create_task(body(collecting.client, f"{base}/debug/pprof/profile?seconds=5"))
        while b"pprof.Profile" not in await body(collecting.client, f"{base}/debug/pprof/goroutine?debug=2"):
            assert not first.done()
        kinds = [{"type": "CPU", "seconds": 1}, {"type": "Heap"}]
        await collecting.collect("server", {"type": "Profile", "profile": {"port": 6060, "kinds": kinds}})
        assert (await first).startswith(b"\x1f\x8b")
    assert collecting.reasons == {"ProfilerBusy"}
    assert [path.rpartition("/")[2] for path in collecting.sink.files] == ["heap.pb.gz"]


async def test_what_is_no_profile_is_not_kept_as_one(collecting: Collecting) -> None:
    for path in ("/binary", "/endless", "/status/200"):
        await collecting.collect("server", {"type": "Profile", "profile": {"port": 8080, "path": path}})
    assert not collecting.sink.files
    assert collecting.reasons <= {"HTTP404", "NotAProfile", "TooLarge"}


async def test_prometheus_text_of_a_port(collecting: Collecting) -> None:
    await collecting.collect("server", {"type": "Metrics", "metrics": {"port": 8080}})
    texts = [member.data for member in collecting.sink.files.values()]
    assert any(b"app_requests_total{" in text for text in texts)
