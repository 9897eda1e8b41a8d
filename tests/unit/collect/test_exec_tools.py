"""Exec: tools that are known by name, and debugging containers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeOutput, FakeSink, run
from support.executing import ERR, LS, OUT, STDOUT, CommandNotFound, output, task
from supportbundle.collect.ephemeral import Time
from supportbundle.collect.exec import COLLECTOR, ExecCollector
from supportbundle.collect.tools import FLUSH_SECONDS, TOOLS, filled
from supportbundle.errors import DeadlineExceeded, Unavailable
from supportbundle.model.collectors import ExecTool
from supportbundle.model.plan import DebugImages

JCMD = ("jcmd", "7", "Thread.print", "-l")
FLIGHT = "/tmp/supportbundle-t0k.jfr"  # noqa: S108 - of a target
START = ("jcmd", "1", "JFR.start", "name=supportbundle-t0k", "duration=30s", f"filename={FLIGHT}")
STOP = ("jcmd", "1", "JFR.stop", "name=supportbundle-t0k")
CAT, RM = ("cat", FLIGHT), ("rm", "-f", FLIGHT)
RECORDING = "pods/web-0/profiles/recording.jfr"


class Sleeper:
    """Notes how long somebody wants to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class TestTools:
    """Programs that are known by name."""

    @pytest.fixture
    def sleeper(self) -> Sleeper:
        return Sleeper()

    @pytest.fixture
    def collector(self, sleeper: Sleeper) -> ExecCollector:
        return ExecCollector(wall=Time(clock=lambda: NOW, pause=sleeper.pause), token=lambda: "t0k")

    async def test_standard_output_is_the_file(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {JCMD: [output((OUT, b"7:\nFull "), (ERR, b"w"), (OUT, b"thread dump"))]}
        await run(COLLECTOR, task(tool="JVMThreads", process=7), cluster, sink)
        assert sink.files["pods/web-0/profiles/jvm-threads.txt"].data == b"7:\nFull thread dump"
        assert not sink.gaps

    async def test_a_heading_alone_is_no_file(self, cluster: FakeCluster, sink: FakeSink) -> None:
        trace = b"java.io.IOException: Read-only file system\n" + b"\tat jdk.attach/sun.tools.attach.X(X.java:1)\n" * 20
        cluster.outputs = {JCMD: [output((OUT, b"7:\n"), (ERR, trace), code=1)]}
        await run(COLLECTOR, task(tool="JVMThreads", process=7), cluster, sink)
        assert not sink.files
        assert sink.reasons == [("web-0/app", "NonZeroExit")]
        assert "exit code 1: java.io.IOException: Read-only file system. The tool needs `jcmd`" in sink.gaps[0].message

    async def test_a_report_of_node_begins_with_an_empty_line(self, cluster: FakeCluster, sink: FakeSink) -> None:
        planned = task(tool="NodeReport")
        (step,) = TOOLS[ExecTool.NODE_REPORT].steps
        argv = filled(step, process=1, seconds=10, token="", ephemeral=False)
        cluster.outputs = {argv: [output((OUT, b"\n"), (OUT, b"{}"))]}
        await run(COLLECTOR, planned, cluster, sink)
        assert sink.files["pods/web-0/profiles/node-report.json"].data == b"\n{}"

    async def test_a_recording_is_started_waited_for_read_and_removed(
        self, collector: ExecCollector, sleeper: Sleeper, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.outputs = {
            START: [output((OUT, b"Started recording 1."))],
            CAT: [output((OUT, b"F"), (OUT, b"LR\0"), (OUT, b"data"))],
            STOP: [output((OUT, b"Could not find recording"), code=1)],
            RM: [output()],
        }
        await run(collector, task(tool="JVMFlightRecording", seconds=30), cluster, sink)
        assert [c.command for c in cluster.commands] == [START, CAT, STOP, RM]
        assert sleeper.slept == [32]
        assert sink.files[RECORDING].data == b"FLR\0data"
        assert not sink.gaps

    @pytest.mark.parametrize(
        ("cat", "reason", "words"),
        [
            (output((ERR, b"cat: No such file"), code=1), "NonZeroExit", "No such file"),
            (output((OUT, b"<html>login")), "UnexpectedOutput", "<html>login"),
            (output(), "UnexpectedOutput", "Could not start"),
            (output((OUT, b"FLR\0xxx"), Unavailable("reset")), "Unavailable", "reset"),
            (output((OUT, b"FLR\0" + b"x" * 2000)), "TooLarge", "larger"),
        ],
    )
    async def test_a_recording_is_whole_or_not_there_and_always_removed(
        self,
        cat: FakeOutput,
        reason: str,
        words: str,
        collector: ExecCollector,
        cluster: FakeCluster,
        sink: FakeSink,
    ) -> None:
        cluster.outputs = {START: [output((OUT, b"Could not start"))], CAT: [cat], STOP: [output()], RM: [output()]}
        planned = task(tool="JVMFlightRecording", seconds=30, maxBytes="1Ki")
        await run(collector, planned, cluster, sink)
        assert not sink.files
        assert sink.reasons == [("web-0/app", reason)]
        assert words in sink.gaps[0].message
        assert cluster.commands[-1].command == RM

    async def test_what_cannot_be_removed_is_said(
        self, collector: ExecCollector, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        file = output((OUT, b"FLR\0"))
        cluster.outputs = {START: [output()], CAT: [file], STOP: [output()], RM: [Unavailable("reset")]}
        await run(collector, task(tool="JVMFlightRecording", seconds=30), cluster, sink)
        assert list(sink.files) == [RECORDING]
        assert sink.reasons == [("web-0/app", "LeftBehind")]
        assert f"`{' '.join(RM)}` did not run" in sink.gaps[0].message

    async def test_a_recording_that_outlasts_its_time_is_stopped_before_its_file_is_removed(
        self, collector: ExecCollector, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.outputs = {START: [DeadlineExceeded("slow")], STOP: [output()], RM: [output()]}
        await run(collector, task(tool="JVMFlightRecording", seconds=30), cluster, sink)
        assert [c.command for c in cluster.commands] == [START, STOP, RM]
        assert sink.reasons == [("web-0/app", "Timeout")]

    def test_clearing_up_has_time_of_its_own(self) -> None:
        bare = task(tool="PythonStacks").timeout_seconds
        assert task(tool="JVMFlightRecording", seconds=30).timeout_seconds == bare + 30 + FLUSH_SECONDS + 2 * 10

    async def test_a_tool_that_is_not_there_costs_one_gap(
        self, collector: ExecCollector, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.outputs = {START: [CommandNotFound("no")], STOP: [CommandNotFound("no")], RM: [output()]}
        await run(collector, task(tool="JVMFlightRecording", seconds=30), cluster, sink)
        assert sink.reasons == [("web-0/app", "CommandNotFound")]
        assert "'jcmd'" in sink.gaps[0].message

    @pytest.mark.parametrize("tool", list(ExecTool))
    async def test_each_tool_fills_every_place(self, tool: ExecTool, sink: FakeSink) -> None:
        class Recorder(FakeCluster):
            def execute(self, command: Any) -> Any:
                self.outputs[command.command] = [output((OUT, b"".join(TOOLS[tool].magic[:1]) + b"x" * 32))]
                return super().execute(command)

        cluster = Recorder()
        await run(ExecCollector(wall=Time(pause=Sleeper().pause)), task(tool=tool.value, process=42), cluster, sink)
        assert len(sink.files) == 1
        words = [word for c in cluster.commands for word in c.command if len(word) < 200]
        assert not [word for word in words if "{" in word]
        assert "42" in words


class Started(FakeCluster):
    """A pod whose debugging containers all run."""

    async def get(self, path: str, params: Any = None) -> dict[str, Any]:
        assert (path, params) == ("/api/v1/namespaces/apps/pods/web-0", None)
        names = [spec["name"] for _, spec in self.ephemeral]
        return {
            "spec": {"ephemeralContainers": [{"name": name} for name in names]},
            "status": {
                "ephemeralContainerStatuses": [
                    {"name": name, "state": {"running": {"startedAt": NOW.isoformat()}}} for name in names
                ]
            },
        }


IMAGES = DebugImages(files="sb:1", tools="tools:1")


class TestDebugging:
    """Commands in a debugging container."""

    async def test_it_runs_beside_the_target(self, sink: FakeSink) -> None:
        started = Started(outputs={LS: [output((OUT, b"ok"))]})
        planned = task(command=LS, ephemeral=True)
        await run(COLLECTOR, planned, started, sink, debug=IMAGES)
        ((where, added),) = started.ephemeral
        assert where == "web-0"
        assert (added["image"], added["command"][0]) == ("tools:1", "sleep")
        assert started.commands[0].container == added["name"]
        assert sink.files[STDOUT].data == b"ok"

    async def test_a_jvm_is_reached_through_its_own_tmp(self, sink: FakeSink) -> None:
        outputs = {
            filled(step, process=1, seconds=10, token="", ephemeral=True): [output((OUT, b"1:\nFull thread dump"))]
            for step in TOOLS[ExecTool.JVM_THREADS].steps
        }
        started = Started(outputs=outputs)  # type: ignore[arg-type]
        await run(COLLECTOR, task(tool="JVMThreads", ephemeral=True), started, sink, debug=IMAGES)
        programs = [command.command for command in started.commands]
        assert [argv[0] for argv in programs] == ["sh", "jcmd", "rm"]
        assert programs[-1][-1] == "/proc/1/root/tmp/.attach_pid1"
        assert not sink.gaps

    async def test_without_an_image_it_is_refused(self, cluster: FakeCluster, sink: FakeSink) -> None:
        await run(COLLECTOR, task(command=LS, ephemeral=True), cluster, sink)
        assert sink.reasons == [("web-0/app", "NotAllowed")]
