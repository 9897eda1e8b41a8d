"""Profiles: tasks, order, the common instant, and answers that are no profiles."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeSecrets, FakeSink, Piece, plan, pod, run, stored
from supportbundle.collect.profile import COLLECTOR, ProfileCollector
from supportbundle.errors import DeadlineExceeded, Forbidden, HTTPStatus, NotFound, Unavailable
from supportbundle.model.collectors import ProfileType
from supportbundle.model.plan import Task

BASE = "http://forwarded/debug/pprof"
GZ = b"\x1f\x8b rest"
FILES = "pods/web-0/profiles"
TOKEN = {"name": "Authorization", "prefix": "Bearer ", "secret": "scraper", "key": "token"}
ALL = [{"type": kind.value, "seconds": 7} for kind in ProfileType]


def spec(**options: Any) -> dict[str, Any]:
    return {"type": "Profile", "profile": {"port": 6060, **options}}


def task(**options: Any) -> Task:
    (planned,), _ = plan(COLLECTOR, spec(**options), pod())
    return planned


def bodies(base: str = BASE, **changed: list[Piece]) -> dict[str, list[list[Piece]]]:
    """A Go process that answers everything, but for what a test changes (by file)."""
    usual: dict[str, tuple[str, list[Piece]]] = {
        "heap": ("heap", [GZ]),
        "goroutine": ("goroutine", [GZ]),
        "text": ("goroutine?debug=2", [b"gorou", b"tine 1 [running]:\n"]),
        "cpu": ("profile?seconds=7", [GZ]),
        "allocs": ("allocs", [GZ]),
        "block": ("block", [GZ]),
        "mutex": ("mutex", [GZ]),
        "threads": ("threadcreate", [GZ]),
        "trace": ("trace?seconds=7", [b"go 1.26 trace\0"]),
    }
    return {f"{base}/{query}": [changed.get(name, body)] for name, (query, body) in usual.items()}


class TestPlanning:
    """One task for each running pod."""

    def test_running_pods_are_tasks_and_others_gaps(self) -> None:
        tasks, gaps = plan(COLLECTOR, spec(), pod("a"), pod("b", phase="Pending"))
        assert [(t.id, t.target, t.secrets) for t in tasks] == [("c/a", "a", ("db",))]
        assert [(g.target, g.reason) for g in gaps] == [("b", "PodNotRunning")]

    def test_what_takes_time_is_synchronized(self) -> None:
        assert task().synchronized
        assert not task(kinds=[{"type": "Heap"}]).synchronized

    def test_the_time_allowed_covers_all_profiles(self) -> None:
        assert task(kinds=[{"type": "CPU", "seconds": 300}]).timeout_seconds >= 300 + 30

    def test_an_address_is_needed_only_without_port_forward(self) -> None:
        assert plan(COLLECTOR, spec(), pod(ip=""))[0]
        assert [g.reason for g in plan(COLLECTOR, spec(via="PodIP"), pod(ip=""))[1]] == ["PodNotRunning"]

    @pytest.mark.parametrize("via", ["PortForward", "PodIP"])
    def test_a_pod_on_its_nodes_network_is_not_asked(self, via: str) -> None:
        tasks, gaps = plan(COLLECTOR, spec(via=via), pod(host_network=True))
        assert not tasks
        assert [g.reason for g in gaps] == ["NotAllowed"]

    def test_files_node_and_secrets_are_named(self) -> None:
        planned = task(kinds=[{"type": "Heap"}], headersFrom=[TOKEN])
        assert (planned.claims, planned.node, planned.credentials) == ((f"{FILES}/heap.pb.gz",), "n1", ("scraper",))

    def test_a_product_names_its_own_files(self) -> None:
        kinds = [
            {"type": "CPU", "output": "cpu.prof"},
            {"type": "Heap", "output": "heap.prof"},
            {"type": "Goroutine", "form": "Text", "output": "goroutines"},
        ]
        names = ["heap.prof", "goroutines", "cpu.prof"]
        assert task(kinds=kinds).claims == tuple(f"{FILES}/{name}" for name in names)
        profile = task(kinds=[{"type": "Goroutine", "form": "Profile"}])
        assert profile.claims == (f"{FILES}/goroutine.pb.gz",)

    def test_framing_headers_are_refused(self) -> None:
        _, gaps = plan(COLLECTOR, spec(headersFrom=[{"name": "Upgrade", "secret": "s", "key": "k"}]), pod())
        assert [g.reason for g in gaps] == ["Invalid"]

    def test_options_are_required(self) -> None:
        assert [g.reason for g in plan(COLLECTOR, {"type": "Profile"}, pod())[1]] == ["Invalid"]


async def test_every_kind_is_written_timed_ones_last(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies = bodies()
    await run(COLLECTOR, task(kinds=ALL), cluster, sink)
    assert not sink.gaps
    assert [path.removeprefix(f"{FILES}/") for path in sink.files] == [
        "heap.pb.gz",
        "goroutine.pb.gz",
        "goroutine.txt",
        "allocs.pb.gz",
        "block.pb.gz",
        "mutex.pb.gz",
        "threadcreate.pb.gz",
        "cpu.pb.gz",
        "trace.out",
    ]
    assert sink.files[f"{FILES}/goroutine.txt"].data == b"goroutine 1 [running]:\n"
    assert cluster.forwards == [("apps", "web-0", 6060)]


async def test_files_bear_the_names_that_were_given(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies = bodies()
    kinds = [{"type": "Goroutine", "form": "Text", "output": "goroutines"}, {"type": "Heap", "output": "heap.prof"}]
    await run(COLLECTOR, task(kinds=kinds), cluster, sink)
    assert {path: member.data[:4] for path, member in sink.files.items()} == {
        f"{FILES}/goroutines": b"goro",
        f"{FILES}/heap.prof": GZ[:4],
    }


async def test_the_usual_kinds(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies = {f"{BASE}/profile?seconds=5": [[GZ]], **bodies()}
    await run(COLLECTOR, task(), cluster, sink)
    assert sorted(p.removeprefix(f"{FILES}/") for p in sink.files) == [
        "cpu.pb.gz",
        "goroutine.pb.gz",
        "goroutine.txt",
        "heap.pb.gz",
    ]
    timeouts = {url.rpartition("/")[2]: float(query["timeout"]) for url, query in cluster.requests}
    assert timeouts["profile?seconds=5"] == 95
    assert timeouts["heap"] == 30


@pytest.mark.parametrize(("ip", "base"), [("10.1.2.3", "http://10.1.2.3:6060"), ("fd00::7", "http://[fd00::7]:6060")])
async def test_by_pod_ip_nothing_is_forwarded(ip: str, base: str, cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies = bodies(f"{base}/prof")
    cluster.objects = stored(pod(ip=ip))
    (planned,), _ = plan(COLLECTOR, spec(via="PodIP", path="/prof/", kinds=[{"type": "Heap"}]), pod(ip=ip))
    await run(COLLECTOR, planned, cluster, sink)
    assert list(sink.files) == [f"{FILES}/heap.pb.gz"]
    assert not cluster.forwards


async def test_an_address_of_another_pod_gets_no_header(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.objects = stored(pod(uid="another"))
    (planned,), _ = plan(COLLECTOR, spec(via="PodIP", headersFrom=[TOKEN]), pod())
    await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets({"scraper": {"token": b"t0ken"}}))
    assert sink.reasons == [("web-0", "PodGone")]
    assert not cluster.sent


async def test_every_request_carries_the_headers(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies = bodies()
    planned = task(kinds=ALL, headersFrom=[TOKEN])
    await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets({"scraper": {"token": b"t0ken\n"}}))
    assert not sink.gaps
    assert {tuple(sent.headers.items()) for sent in cluster.sent} == {(("authorization", "Bearer t0ken"),)}


async def test_without_its_secret_nothing_is_asked(cluster: FakeCluster, sink: FakeSink) -> None:
    await run(COLLECTOR, task(headersFrom=[TOKEN]), cluster, sink)
    assert sink.reasons == [("web-0", "SecretNotFound")]
    assert not cluster.forwards


class Line:
    """A start line that everybody reached 20 ms ago."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    async def wait(self, task: Task) -> datetime:
        self.waited.append(task.id)
        return NOW

    def leave(self, task: Task) -> None:
        raise AssertionError(task)


async def test_the_first_timed_profile_begins_at_the_common_instant(cluster: FakeCluster, sink: FakeSink) -> None:
    line = Line()
    collector = ProfileCollector(clock=lambda: NOW + timedelta(milliseconds=20))
    cluster.bodies = bodies()
    planned = task(kinds=[{"type": kind, "seconds": 7} for kind in ("CPU", "Trace", "Heap")])
    await run(collector, planned, cluster, sink, start=line)
    assert line.waited == [planned.id]
    notes = {path.rsplit("/", 1)[1]: file.notes for path, file in sink.files.items()}
    assert notes == {"heap.pb.gz": {}, "cpu.pb.gz": {"startSkewMs": 20}, "trace.out": {}}


class TestFailures:
    """One profile that fails costs itself; a port that never answers costs one gap."""

    KINDS = ({"type": "Heap"}, {"type": "Goroutine"}, {"type": "CPU", "seconds": 7})

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ([b"<html>login</html>"], "NotAProfile"),
            ([], "NotAProfile"),
            ([b"\x1f"], "NotAProfile"),
            ([HTTPStatus(404, "GET /debug/pprof/heap was answered with 404")], "HTTP404"),
            ([GZ, Unavailable("reset")], "Unavailable"),
            ([GZ, DeadlineExceeded("slow")], "Timeout"),
        ],
    )
    async def test_one_that_fails_is_its_own_gap(
        self, body: list[Piece], reason: str, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.bodies = bodies(goroutine=body)
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert sorted(sink.files) == [f"{FILES}/cpu.pb.gz", f"{FILES}/goroutine.txt", f"{FILES}/heap.pb.gz"]
        assert sink.reasons == [("web-0", reason)]
        assert "goroutine.pb.gz" in sink.gaps[0].message

    async def test_a_busy_profiler_is_explained(self, cluster: FakeCluster, sink: FakeSink) -> None:
        words = "Could not enable CPU profiling: cpu profiling already in use"
        cluster.bodies = bodies(cpu=[HTTPStatus(500, f"GET /x was answered with 500: {words}")])
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert sink.reasons == [("web-0", "ProfilerBusy")]
        assert "somebody else" in sink.gaps[0].message

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (Unavailable("Nothing listens on port 6060 in pod web-0."), "Unavailable"),
            (Forbidden("no"), "Forbidden"),
            (NotFound("gone"), "PodGone"),
        ],
    )
    async def test_a_port_that_never_answers_is_one_gap(
        self, error: Exception, reason: str, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.bodies = {url: [[error]] for url in bodies()}  # type: ignore[list-item]
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert sink.reasons == [("web-0", reason)]
        assert not sink.files

    async def test_a_pod_that_goes_meanwhile_keeps_what_was_read(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies = bodies(goroutine=[NotFound("gone")])
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert list(sink.files) == [f"{FILES}/heap.pb.gz"]
        assert sink.reasons == [("web-0", "PodGone")]

    async def test_one_that_is_too_large_is_dropped_whole(self, cluster: FakeCluster, sink: FakeSink) -> None:
        sink.budget = 50
        cluster.bodies = bodies(goroutine=[GZ, b"x" * 100])
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert f"{FILES}/goroutine.pb.gz" not in sink.files
        assert sink.reasons == [("web-0", "TooLarge")]

    async def test_a_compressed_one_is_never_larger_than_can_be_sanitized(
        self, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        mib = b"x" * (1 << 20)
        cluster.bodies = bodies(goroutine=[GZ, *[mib] * 16], text=[b"goroutine ", *[mib] * 16])
        await run(COLLECTOR, task(kinds=self.KINDS), cluster, sink)
        assert sink.reasons == [("web-0", "TooLarge")]
        assert "goroutine.pb.gz: It is larger than 16 MiB" in sink.gaps[0].message
        assert len(sink.files[f"{FILES}/goroutine.txt"].data) > 16 << 20
