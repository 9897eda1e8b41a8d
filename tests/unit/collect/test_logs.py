"""Logs: which tasks, which requests, and what is kept when something goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import NOW, FakeCluster, FakeSecrets, FakeSink, Piece, container, plan, pod, run
from supportbundle.collect.base import RunContext
from supportbundle.collect.logs import COLLECTOR
from supportbundle.errors import DeadlineExceeded, Forbidden, Invalid, NotFound, Unavailable, Unsanitizable
from supportbundle.model.plan import Task
from supportbundle.model.pod import ContainerKind

LOG = "/api/v1/namespaces/apps/pods/web-0/log"
CURRENT, PREVIOUS = "pods/web-0/app/current.log", "pods/web-0/app/previous.log"


def both(options: dict[str, Any] | None = None) -> list[Task]:
    """The previous log and the current one of a container that crashed."""
    tasks, gaps = plan(COLLECTOR, {"type": "Logs", "logs": options}, pod("web-0", container(has_previous=True)))
    assert not gaps
    return tasks


def task(options: dict[str, Any] | None = None) -> Task:
    tasks, gaps = plan(COLLECTOR, {"type": "Logs", "logs": options}, pod("web-0", container()))
    assert not gaps
    return tasks[0]


class TestPlanning:
    """From options and pods to tasks and known gaps."""

    def test_every_started_container_is_a_task_and_every_other_a_gap(self) -> None:
        target = pod(
            "web-0",
            container("migrate", kind=ContainerKind.INIT),
            container("app"),
            container("sidecar", started=False, waiting="ImagePullBackOff"),
            container("debugger", kind=ContainerKind.EPHEMERAL),
        )
        tasks, gaps = plan(COLLECTOR, {"type": "Logs"}, target)
        assert [t.id for t in tasks] == ["c/web-0/migrate/current", "c/web-0/app/current", "c/web-0/debugger/current"]
        assert [t.target for t in tasks] == ["web-0/migrate", "web-0/app", "web-0/debugger"]
        assert [(g.target, g.reason) for g in gaps] == [("web-0/sidecar", "ContainerNotStarted")]
        assert "ImagePullBackOff" in gaps[0].message

    def test_only_named_containers(self) -> None:
        target = pod("web-0", container("app"), container("sidecar", started=False))
        tasks, gaps = plan(COLLECTOR, {"type": "Logs", "logs": {"containers": ["app"]}}, target)
        assert [t.target for t in tasks] == ["web-0/app"]
        assert not gaps

    def test_the_secrets_of_the_pod_are_needed(self) -> None:
        assert task().secrets == ("db",)

    @pytest.mark.parametrize(
        ("options", "since"),
        [
            ({}, None),
            ({"since": "1h"}, "2026-03-04T04:06:07Z"),
            ({"sinceTime": "2026-03-01T00:00:00+02:00"}, "2026-02-28T22:00:00Z"),
            ({"since": "1h", "sinceTime": "2026-03-01T00:00:00Z"}, "2026-03-04T04:06:07Z"),
            ({"since": "100h", "sinceTime": "2026-03-04T00:00:00Z"}, "2026-03-04T00:00:00Z"),
        ],
    )
    async def test_times_are_resolved_at_planning(
        self, options: dict[str, Any], since: str | None, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.bodies[LOG] = [[b"x\n"]]
        await run(COLLECTOR, task(options), cluster, sink)
        assert cluster.requests[0][1].get("sinceTime") == since
        assert NOW.hour == 5

    async def test_options_become_the_apis(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"x\n"]]
        for each in both({"tailLines": 7, "timestamps": False}):
            await run(COLLECTOR, each, cluster, sink)
        assert cluster.requests == [
            (LOG, {"container": "app", "tailLines": "7", "previous": "true"}),
            (LOG, {"container": "app", "tailLines": "7"}),
        ]

    async def test_previous_is_not_read_where_there_is_none(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"x\n"]]
        await run(COLLECTOR, task(), cluster, sink)
        for each in both({"previous": False}):
            await run(COLLECTOR, each, cluster, FakeSink())
        assert [query.get("previous") for _, query in cluster.requests] == [None, None]


class TestReading:
    """What of a log is kept."""

    @given(st.lists(st.binary(min_size=1, max_size=50).filter(lambda piece: b" " not in piece), max_size=10))
    async def test_bytes_are_kept_unchanged(self, pieces: list[bytes]) -> None:
        cluster, sink = FakeCluster(bodies={LOG: [list(pieces)]}), FakeSink()
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[CURRENT].data == b"".join(pieces)
        assert not sink.gaps

    async def test_a_silent_container_leaves_an_empty_file(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[]]
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[CURRENT].data == b""

    async def test_a_break_in_the_middle_keeps_what_came(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"one\n", DeadlineExceeded("stalled")], [b"now\n"]]
        for each in both():
            await run(COLLECTOR, each, cluster, sink)
        assert sink.files[PREVIOUS].data == b"one\n"
        assert "incomplete" in sink.files[PREVIOUS].notes
        assert sink.files[CURRENT].data == b"now\n"
        assert sink.reasons == [("web-0/app", "Timeout")]

    async def test_what_cannot_be_sanitized_is_not_kept(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"one\n"]]
        sink.reject = Unsanitizable("no")
        await run(COLLECTOR, task(), cluster, sink)
        assert not sink.files
        assert sink.reasons == [("web-0/app", "Unsanitizable")]


class TestTooLong:
    """A log beyond its limit keeps its newest lines."""

    LINES = tuple(b"line %05d\n" % n for n in range(1000))
    LIMIT = 1100 * 8

    def options(self) -> dict[str, Any]:
        return {"maxBytesPerContainer": str(self.LIMIT)}

    async def test_the_newest_lines_are_asked_for(self, cluster: FakeCluster, sink: FakeSink) -> None:
        newest = int(self.LIMIT * 0.97) // 11
        cluster.bodies[LOG] = [list(self.LINES), list(self.LINES[-newest:])]
        await run(COLLECTOR, task(self.options()), cluster, sink)
        assert cluster.requests[1][1]["tailLines"] == str(newest)
        assert sink.files[CURRENT].data == b"".join(self.LINES[-newest:])
        assert sink.files[CURRENT].notes == {"newestLines": newest, "logBytes": 11_000}
        assert sink.reasons == [("web-0/app", "TooLarge")]
        assert f"newest {newest} lines, at most 8.6 KiB of 10.7 KiB" in sink.gaps[0].message

    async def test_lines_within_one_chunk_are_counted(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"".join(self.LINES)], [b"".join(self.LINES[-700:])]]
        await run(COLLECTOR, task(self.options()), cluster, sink)
        assert cluster.requests[1][1]["tailLines"] == str(int(self.LIMIT * 0.97) // 11)
        assert sink.files[CURRENT].data == b"".join(self.LINES[-700:])

    async def test_lines_that_grow_are_asked_for_again(self, cluster: FakeCluster, sink: FakeSink) -> None:
        long = [b"x" * 87 + b"\n"] * 700
        cluster.bodies[LOG] = [list(self.LINES), list(long), long[:40]]
        await run(COLLECTOR, task(self.options()), cluster, sink)
        assert [query.get("tailLines") for _, query in cluster.requests] == [None, "776", "40"]
        assert sink.files[CURRENT].data == b"".join(long[:40])

    async def test_in_the_end_something_is_kept_in_any_case(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"x" * 50_000]]
        await run(COLLECTOR, task(self.options()), cluster, sink)
        assert sink.files[CURRENT].data == b"x" * self.LIMIT
        assert len(cluster.requests) == 3

    async def test_a_log_without_end_is_not_counted_for_ever(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[b"y" * 999 + b"\n"] * 10_000, [b"y" * 999 + b"\n"] * 8]
        await run(COLLECTOR, task(self.options()), cluster, sink)
        assert "of more than 275.4 KiB" in sink.gaps[0].message
        assert sink.files[CURRENT].data == (b"y" * 999 + b"\n") * 8


class TestShare:
    """A bundle whose bytes are short."""

    LINES = tuple(b"line %05d\n" % n for n in range(1000))

    async def test_a_log_beyond_its_share_waits_for_what_others_leave(
        self, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        sink.share = [5000, 20_000]
        cluster.bodies[LOG] = [list(self.LINES), list(self.LINES)]
        later = await COLLECTOR.run(task(), RunContext("apps", cluster, sink, FakeSecrets()))
        assert later is not None
        assert (later.id, sink.files, sink.gaps) == (task().id, {}, [])
        assert await COLLECTOR.run(later, RunContext("apps", cluster, sink, FakeSecrets())) is None
        assert sink.files[CURRENT].data == b"".join(self.LINES)
        assert "tailLines" not in cluster.requests[1][1]
        assert not sink.gaps

    async def test_in_the_end_the_newest_lines_of_its_share_are_kept(
        self, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        sink.share = [5000, 5500]
        cluster.bodies[LOG] = [list(self.LINES), list(self.LINES[-485:])]
        later = await COLLECTOR.run(task(), RunContext("apps", cluster, sink, FakeSecrets()))
        assert later is not None
        assert await COLLECTOR.run(later, RunContext("apps", cluster, sink, FakeSecrets())) is None
        assert cluster.requests[1][1]["tailLines"] == "485"
        assert sink.files[CURRENT].data == b"".join(self.LINES[-485:])
        assert "its share of limits.maxBytes" in sink.gaps[0].message

    async def test_nothing_left_is_a_gap_without_a_request(self, cluster: FakeCluster, sink: FakeSink) -> None:
        sink.share = [100]
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.reasons == [("web-0/app", "TooLarge")]
        assert not cluster.requests

    def test_what_preceded_crashes_comes_first_if_asked(self) -> None:
        crashed = container("crashed", restarts=2, has_previous=True)
        tasks, _ = plan(
            COLLECTOR, {"type": "Logs", "logs": {"around": "Restarts"}}, pod("web-0", container("calm"), crashed)
        )
        order = [t.id for t in sorted(tasks, key=lambda t: -t.priority)]
        assert order == ["c/web-0/crashed/previous", "c/web-0/crashed/current", "c/web-0/calm/current"]


class TestRaces:
    """Pods and containers that change while they are read."""

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (NotFound('pods "web-0" not found'), "PodGone"),
            (Forbidden("no"), "Forbidden"),
            (Unavailable("dial tcp: connection refused"), "Unavailable"),
            (Invalid('container "app" in pod "web-0" is waiting to start: PodInitializing'), "ContainerNotStarted"),
            (Invalid('container "app" in pod "web-0" is not available'), "ContainerNotStarted"),
            (Invalid('previous terminated container "app" in pod "web-0" not found'), "PreviousGone"),
        ],
    )
    async def test_each_has_its_reason(
        self, error: Exception, reason: str, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.bodies[LOG] = [[error]]  # type: ignore[list-item]
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.reasons == [("web-0/app", reason)]
        assert not sink.files

    async def test_a_lost_previous_log_does_not_take_the_current_one(
        self, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.bodies[LOG] = [[Invalid("previous terminated container")], [b"now\n"]]
        for each in both():
            await run(COLLECTOR, each, cluster, sink)
        assert list(sink.files) == [CURRENT]

    KUBELET = b"unable to retrieve container logs for containerd://0123"

    async def test_a_replaced_container_is_read_again(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[self.KUBELET], [b"new container\n"]]
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[CURRENT].data == b"new container\n"
        assert not sink.gaps

    async def test_a_container_that_stays_away_is_a_gap(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies[LOG] = [[self.KUBELET]]
        await run(COLLECTOR, task(), cluster, sink)
        assert not sink.files
        assert sink.reasons == [("web-0/app", "ContainerGone")]
        assert "unable to retrieve" in sink.gaps[0].message
        assert len(cluster.requests) == 2

    async def test_a_program_that_prints_the_kubelets_words_is_not_lost(
        self, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        lines: list[Piece] = [self.KUBELET + b"\n"]
        cluster.bodies[LOG] = [lines]
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[CURRENT].data == self.KUBELET + b"\n"
