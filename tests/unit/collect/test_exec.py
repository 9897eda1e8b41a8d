"""Exec: both streams, exit codes, limits, tools, and debugging containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeOutput, FakeSecrets, FakeSink, container, plan, pod, run
from support.packing import zipped
from supportbundle.collect.base import Channel
from supportbundle.collect.ephemeral import Time
from supportbundle.collect.exec import COLLECTOR, ExecCollector
from supportbundle.collect.tools import FLUSH_SECONDS, TOOLS, filled
from supportbundle.errors import DeadlineExceeded, NotFound, SupportBundleError, Unavailable
from supportbundle.model.capability import Capability
from supportbundle.model.collectors import ExecTool
from supportbundle.model.plan import DebugImages, Task
from supportbundle.model.spec import CollectorSpec

OUT, ERR = Channel.STDOUT, Channel.STDERR
LS = ("ls", "-l")
STDOUT, STDERR = "pods/web-0/exec/c.txt", "pods/web-0/exec/c.stderr.txt"
TOKEN = {"secret": "login", "key": "token"}
Pieces = list[tuple[Channel, bytes] | SupportBundleError]


class CommandNotFound(NotFound):
    """As the client raises it."""

    reason = "CommandNotFound"


def spec(**options: Any) -> dict[str, Any]:
    return {"type": "Exec", "exec": options or {"command": LS}}


def target(**facts: Any) -> Any:
    return pod("web-0", container(running=True, user=1000), **facts)


def task(**options: Any) -> Task:
    (planned,), gaps = plan(COLLECTOR, spec(**options), target())
    assert not gaps
    return planned


def output(*pieces: tuple[Channel, bytes] | SupportBundleError, code: int = 0) -> FakeOutput:
    return FakeOutput(list(pieces), code)


class TestStandardInput:
    """What a command reads."""

    @pytest.mark.parametrize("value", [b"s3cret", b"s3cret\n"])
    async def test_it_is_a_secrets_value_as_a_line(self, cluster: FakeCluster, sink: FakeSink, value: bytes) -> None:
        cluster.outputs[LS] = [output((OUT, b"a"))]
        secrets = FakeSecrets({"login": {"token": value}})
        await run(COLLECTOR, task(command=LS, stdin_from=TOKEN), cluster, sink, secrets=secrets)
        assert ([c.stdin for c in cluster.commands], sink.gaps) == ([b"s3cret\n"], [])
        assert sink.files[STDOUT].data == b"a"

    async def test_without_the_secret_nothing_runs(self, cluster: FakeCluster, sink: FakeSink) -> None:
        await run(COLLECTOR, task(command=LS, stdin_from=TOKEN), cluster, sink)
        assert (sink.reasons, cluster.commands, sink.files) == ([("web-0/app", "SecretNotFound")], [], {})


class TestPlanning:
    """Where a command runs."""

    def test_the_default_container_of_each_running_pod(self) -> None:
        pods = (
            pod("a", container("app", running=True), container("side", running=True)),
            pod("b", container(waiting="CrashLoopBackOff")),
            pod("c", phase="Pending"),
        )
        tasks, gaps = plan(COLLECTOR, spec(), *pods)
        assert [(t.target, t.claims, t.secrets, t.node) for t in tasks] == [
            ("a/app", ("pods/a/exec/c.txt", "pods/a/exec/c.stderr.txt"), ("db",), "n1")
        ]
        assert [(g.target, g.reason) for g in gaps] == [("b/app", "ContainerNotStarted"), ("c", "PodNotRunning")]

    def test_a_container_that_is_not_there(self) -> None:
        _, gaps = plan(COLLECTOR, spec(command=LS, container="nope"), target())
        assert [g.reason for g in gaps] == ["ContainerNotFound"]

    def test_a_secret_for_standard_input_is_mounted(self) -> None:
        wanted = CollectorSpec.model_validate({"name": "c", **spec(command=LS, stdin_from=TOKEN)})
        assert wanted.uses_secrets
        assert not CollectorSpec.model_validate({"name": "c", **spec()}).uses_secrets
        assert task(command=LS, stdin_from=TOKEN).credentials == ("login",)

    def test_one_pod(self) -> None:
        tasks, gaps = plan(COLLECTOR, spec(command=LS, pods="One"), pod("a", ready=False), target())
        assert ([t.target for t in tasks], gaps) == (["web-0/app"], [])

    @pytest.mark.parametrize("options", [{"command": LS, "tool": "JVMThreads"}, {"process": 2}])
    def test_either_a_command_or_a_tool(self, options: dict[str, Any]) -> None:
        assert [g.reason for g in plan(COLLECTOR, spec(**options), target())[1]] == ["Invalid"]

    def test_tools_have_files_of_their_own(self) -> None:
        assert task(tool="JVMFlightRecording").claims == ("pods/web-0/profiles/recording.jfr",)
        assert task(tool="JVMThreads", output="before").claims == ("pods/web-0/profiles/before.txt",)

    def test_a_recording_has_its_time_besides(self) -> None:
        recording = task(tool="JVMFlightRecording", seconds=300)
        assert recording.timeout_seconds > task(tool="JVMThreads", seconds=300).timeout_seconds + 299

    @pytest.mark.parametrize("ephemeral", [False, True])
    def test_process_1_of_a_shared_namespace_is_no_tools_target(self, *, ephemeral: bool) -> None:
        shared = target(share_process_namespace=True)
        tasks, gaps = plan(COLLECTOR, spec(tool="JVMThreads", ephemeral=ephemeral), shared)
        assert ([g.reason for g in gaps], tasks) == (["WrongProcess"], [])
        for options in ({"tool": "JVMThreads", "process": 7}, {"command": LS}):
            tasks, gaps = plan(COLLECTOR, spec(**options, ephemeral=ephemeral), shared)
            assert (len(tasks), gaps) == (1, [])

    def test_debugging_containers_need_a_capability(self) -> None:
        specs = [CollectorSpec.model_validate({"name": "c", **spec(command=LS, ephemeral=e)}) for e in (False, True)]
        assert [COLLECTOR.requires(s) for s in specs] == [
            {Capability.EXEC},
            {Capability.EXEC, Capability.DEBUG},
        ]


class TestCommand:
    """What a command writes."""

    async def test_streams_stay_apart(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output((OUT, b"a"), (ERR, b"warn"), (OUT, b"\xff\0"))]}
        times = iter((5.0, 5.125))
        await run(ExecCollector(clock=lambda: next(times)), task(), cluster, sink)
        assert sink.files[STDOUT].data == b"a\xff\0"
        assert sink.files[STDERR].data == b"warn"
        assert sink.files[STDOUT].notes == {"exitCode": 0, "milliseconds": 125}
        assert not sink.gaps
        assert (cluster.commands[0].pod, cluster.commands[0].container) == ("web-0", "app")

    async def test_no_file_for_a_stream_that_is_not_used(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output()]}
        await run(COLLECTOR, task(), cluster, sink)
        assert list(sink.files) == [STDOUT]

    async def test_a_failure_keeps_the_output_and_quotes_the_reason(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output((OUT, b"half"), (ERR, b"x" * 5000 + b"\nno \x1b[31msuch thing\n"), code=2)]}
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[STDOUT].notes["exitCode"] == 2
        assert sink.reasons == [("web-0/app", "NonZeroExit")]
        assert "exit code 2" in sink.gaps[0].message
        assert "no \\x1b[31msuch thing" in sink.gaps[0].message

    async def test_a_program_that_is_not_there(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output(CommandNotFound("no"))]}
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.reasons == [("web-0/app", "CommandNotFound")]
        assert "ephemeral: true" in sink.gaps[0].message
        assert not sink.files

    async def test_a_pod_that_is_gone(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [NotFound("gone")]}
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.reasons == [("web-0/app", "PodGone")]

    async def test_a_broken_connection_keeps_what_came(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output((OUT, b"half"), Unavailable("reset"))]}
        await run(COLLECTOR, task(), cluster, sink)
        assert sink.files[STDOUT].data == b"half"
        assert sink.files[STDOUT].notes == {"incomplete": 1}
        assert sink.reasons == [("web-0/app", "Unavailable")]

    async def test_the_limit_holds_for_both_streams_together(self, cluster: FakeCluster, sink: FakeSink) -> None:
        unread = Unavailable("must not be read")
        cluster.outputs = {LS: [output((OUT, b"o" * 600), (ERR, b"e" * 600), unread)]}
        await run(COLLECTOR, task(command=LS, maxBytes="1Ki"), cluster, sink)
        assert (len(sink.files[STDOUT].data), len(sink.files[STDERR].data)) == (600, 424)
        assert "truncated" in sink.files[STDERR].notes
        assert "exitCode" not in sink.files[STDOUT].notes
        assert sink.reasons == [("web-0/app", "TooLarge")]

    async def test_the_bundles_own_limit_is_said_once_by_the_sink(self, cluster: FakeCluster, sink: FakeSink) -> None:
        sink.budget = 100
        cluster.outputs = {LS: [output((OUT, b"o" * 600), Unavailable("must not be read"))]}
        await run(COLLECTOR, task(), cluster, sink)
        assert len(sink.files[STDOUT].data) == 100
        assert not sink.gaps

    async def test_one_that_never_ends_keeps_what_came(self, sink: FakeSink) -> None:
        class Hanging(FakeOutput):
            async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
                yield OUT, b"half"
                await asyncio.Event().wait()

        cluster = FakeCluster(outputs={LS: [Hanging()]})
        await run(COLLECTOR, task(command=LS, timeout="1s"), cluster, sink)
        assert sink.files[STDOUT].data == b"half"
        assert sink.reasons == [("web-0/app", "Timeout")]


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


class TestUnwrapping:
    """A command that writes a zip, and paths of one file."""

    wanted: dict[str, Any] = {"command": LS, "unwrap": True, "output": "packet"}  # noqa: RUF012 - never changed

    async def test_the_members_of_its_zip_are_files(self, cluster: FakeCluster, sink: FakeSink) -> None:
        data = zipped({"a/b.json": b"{}"})
        cluster.outputs = {LS: [output((OUT, data[:9]), (ERR, b"packing\n"), (OUT, data[9:]))]}
        planned = task(**self.wanted)
        await run(COLLECTOR, planned, cluster, sink)
        assert {path: member.data for path, member in sink.files.items()} == {"pods/web-0/exec/packet/a/b.json": b"{}"}
        assert (planned.claims, planned.folder) == (("pods/web-0/exec/packet/",), "pods/web-0/exec/packet/")

    async def test_nothing_is_kept_of_one_that_fails(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.outputs = {LS: [output((OUT, zipped({"a": b"x"})), (ERR, b"no licence\n"), code=1)]}
        await run(COLLECTOR, task(**self.wanted), cluster, sink)
        assert not sink.files
        assert [(gap.reason, "no licence" in gap.message) for gap in sink.gaps] == [("NonZeroExit", True)]


@pytest.mark.parametrize(("path", "files"), [("x.txt", 1), ("{pod/}{file}", 2)])
async def test_the_place_of_one_file_is_for_standard_output(
    path: str, files: int, cluster: FakeCluster, sink: FakeSink
) -> None:
    (planned,), _ = plan(COLLECTOR, {**spec(), "path": path}, target())
    cluster.outputs = {LS: [output((OUT, b"out"), (ERR, b"err"), code=2)]}
    await run(COLLECTOR, planned, cluster, sink)
    assert (len(planned.claims), len(sink.files)) == (files, files)
    assert "err" in sink.gaps[0].message


async def test_the_output_of_a_failure_is_no_file_where_something_stands_in(
    cluster: FakeCluster, sink: FakeSink
) -> None:
    """The sink drops what an error ends in a strict task; here it keeps it and marks it."""
    cluster.outputs = {LS: [output((OUT, b"out"), code=2)]}
    await run(COLLECTOR, task().model_copy(update={"strict": True}), cluster, sink)
    assert [member.notes for member in sink.files.values()] == [{"incomplete": 1}]
    assert sink.reasons == [("web-0/app", "NonZeroExit")]
