"""Exec: both streams, exit codes and limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.collecting import FakeCluster, FakeOutput, FakeSecrets, FakeSink, container, plan, pod, run
from support.executing import ERR, LS, OUT, STDERR, STDOUT, TOKEN, CommandNotFound, output, spec, target, task
from support.packing import zipped
from supportbundle.collect.base import Channel
from supportbundle.collect.exec import COLLECTOR, ExecCollector
from supportbundle.errors import NotFound, Unavailable
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec


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
