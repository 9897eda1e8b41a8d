"""A profiler that another one keeps busy, and a port that answers with something else."""

from __future__ import annotations

import asyncio

import pytest

from support.driving import Besieged
from supportbundle.collect.base import PodRequest
from supportbundle.kube.client import Client

pytestmark = pytest.mark.e2e


async def body(client: Client, url: str) -> bytes:
    async with client.request(PodRequest(url=url, timeout_seconds=20)) as answer:
        return b"".join([chunk async for chunk in answer.body])


async def test_a_second_cpu_profile_costs_only_itself(besieged: Besieged) -> None:
    async with besieged.client.forward(besieged.namespace, "server", 6060) as base:
        first = asyncio.create_task(body(besieged.client, f"{base}/debug/pprof/profile?seconds=5"))
        while b"pprof.Profile" not in await body(besieged.client, f"{base}/debug/pprof/goroutine?debug=2"):
            assert not first.done()
        kinds = [{"type": "CPU", "seconds": 1}, {"type": "Heap"}]
        await besieged.endure("server", {"type": "Profile", "profile": {"port": 6060, "kinds": kinds}})
        assert (await first).startswith(b"\x1f\x8b")
    assert besieged.reasons == {"ProfilerBusy"}
    assert [path.rpartition("/")[2] for path in besieged.sink.files] == ["heap.pb.gz"]


async def test_what_is_no_profile_is_not_kept_as_one(besieged: Besieged) -> None:
    for path in ("/binary", "/endless", "/status/200"):
        await besieged.endure("server", {"type": "Profile", "profile": {"port": 8080, "path": path}})
    assert not besieged.sink.files
    assert besieged.reasons <= {"HTTP404", "NotAProfile", "TooLarge"}


async def test_prometheus_text_of_a_port(besieged: Besieged) -> None:
    await besieged.endure("server", {"type": "Metrics", "metrics": {"port": 8080}})
    texts = [member.data for member in besieged.sink.files.values()]
    assert any(b"app_requests_total{" in text for text in texts)
