"""The request log: what was asked and how it ended, and nothing that must not leave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster
from supportbundle.collector.quoting import Quoting
from supportbundle.collector.requests import RequestLog
from supportbundle.errors import DeadlineExceeded, Unavailable
from supportbundle.model.exchange import PodAnswer, PodRequest
from supportbundle.sanitize import KnownSecret, Sanitizer

SECRET = "correct horse/battery+17"
KNOWN = [KnownSecret("db/password", SECRET.encode())]
CLEAN = Quoting(Sanitizer.build(KNOWN), KNOWN).clean
AT = datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC)


class Cluster(FakeCluster):
    """Forwards end at loopback, as they really do."""

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        async with super().forward(namespace, pod, port):
            yield "http://127.0.0.1:40001"


def log() -> RequestLog:
    times = iter(range(1000))
    return RequestLog(lambda: next(times) / 8, lambda: AT)


async def ask(found: RequestLog, cluster: FakeCluster, url: str, *, chunks: int = 100) -> PodAnswer | None:
    """One request, of whose body so many chunks are read."""
    async with (
        found.around(cluster).forward("apps", "web-0", 8065),
        found.around(cluster).request(PodRequest(url, "POST", headers={"Authorization": f"Bearer {SECRET}"})) as answer,
    ):
        async for _ in answer.body:
            chunks -= 1
            if not chunks:
                break
        return answer


async def test_a_line_tells_pod_status_bytes_and_time() -> None:
    url = "http://127.0.0.1:40001/api/v4/config?full=1"
    found, cluster = log(), Cluster(bodies={url: [[b"abc", b"de"]]}, statuses={url: 403})
    await ask(found, cluster, url)
    assert found.lines(CLEAN) == ["2026-11-21T12:00:00.005Z POST http://web-0:8065/api/v4/config?full=1 403 5 B 125 ms"]


@pytest.mark.parametrize("error", [Unavailable("refused"), DeadlineExceeded("slow")])
async def test_what_was_not_answered_is_told_by_its_reason(error: Unavailable | DeadlineExceeded) -> None:
    url = "http://127.0.0.1:40001/x"
    found = log()
    with pytest.raises(type(error)):
        await ask(found, Cluster(bodies={url: [[error]]}), url)
    assert f"http://web-0:8065/x {error.reason} 0 B" in found.lines(CLEAN)[0]


async def test_a_body_that_breaks_off_keeps_its_status_and_what_came() -> None:
    url = "http://127.0.0.1:40001/x"
    found = log()
    with pytest.raises(Unavailable):
        await ask(found, Cluster(bodies={url: [[b"half", Unavailable("broken")]]}), url)
    assert "/x 200 4 B" in found.lines(CLEAN)[0]
    await ask(found, Cluster(bodies={url: [[b"one", b"two"]]}), url, chunks=1)
    assert "/x 200 3 B" in found.lines(CLEAN)[1]


async def test_no_header_is_ever_noted() -> None:
    url = "http://127.0.0.1:40001/x"
    found = log()
    await ask(found, Cluster(bodies={url: [[b""]]}), url)
    assert "Bearer" not in found.lines(lambda text: text)[0]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/a?token=s3cr3t-value-9&page=2", "/a?token=<redacted>&page=2"),
        ("/a?q=correct%20horse%2Fbattery%2B17&page=2", "/a?q=<redacted>&page=2"),
        ("/hooks/correct+horse%2fbattery%2B17/run", "/hooks/<redacted>/run"),
        ("/api/v4/analytics/old?name=standard", "/api/v4/analytics/old?name=standard"),
    ],
)
async def test_secrets_in_addresses_are_taken_out_however_they_are_written(url: str, shown: str) -> None:
    whole = f"http://127.0.0.1:40001{url}"
    found = log()
    await ask(found, Cluster(bodies={whole: [[b""]]}), whole)
    (line,) = found.lines(CLEAN)
    assert f"http://web-0:8065{shown} 200" in line


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
async def test_a_line_is_one_printable_line(tail: str) -> None:
    url = f"http://127.0.0.1:40001/{tail}"
    found = log()
    await ask(found, Cluster(bodies={url: [[b""]]}), url)
    (line,) = found.lines(lambda text: text)
    assert line.isprintable()


async def test_other_things_that_a_cluster_can_do_pass_through() -> None:
    cluster = Cluster(objects={"/api": {"kind": "APIVersions"}})
    assert await log().around(cluster).get("/api") == {"kind": "APIVersions"}
