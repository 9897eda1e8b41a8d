"""Tools as data, and the one that is a script: it must never end a process that does not expect the signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supportbundle.collect.tools import TOOLS, filled
from supportbundle.model.collectors import ExecTool

PLACE = "/tmp/supportbundle-t.jfr"  # noqa: S108 - of a target

# A process that writes a report as Node does, in its working directory, when the signal comes.
REPORTING = """
import os, signal, sys
def report(*_):
    name = f"report.20260304.050607.{os.getpid()}.0.001.json"
    with open(name, "w") as file:
        file.write('{"header": 1}')
if "handle" in sys.argv:
    signal.signal(signal.SIGUSR2, report)
print("ready", flush=True)
while True:
    signal.pause()
"""


@contextmanager
def process(cwd: Path, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", REPORTING, *argv]
    # An environment of its own: pytest's names the test, and so the option.
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, env={}) as running:
        assert running.stdout
        running.stdout.readline()
        try:
            yield running
        finally:
            running.kill()


def node_report(pid: int) -> subprocess.CompletedProcess[bytes]:
    (step,) = TOOLS[ExecTool.NODE_REPORT].steps
    argv = filled(step, process=pid, seconds=1, token="t", ephemeral=False)
    return subprocess.run(argv, capture_output=True, check=False, timeout=25)


def test_every_tool_is_described() -> None:
    assert set(TOOLS) == set(ExecTool)
    for tool in TOOLS.values():
        assert sum(step.kept for step in tool.steps) == 1
        assert tool.needs
        assert tool.least >= max((len(magic) for magic in tool.magic), default=1)
    assert len({tool.stem for tool in TOOLS.values()}) == len(TOOLS)


def test_from_a_debugging_container_files_lie_below_the_process() -> None:
    cat = next(step for step in TOOLS[ExecTool.JVM_FLIGHT_RECORDING].steps if step.kept)
    assert filled(cat, process=7, seconds=1, token="t", ephemeral=False) == ("cat", PLACE)
    outside = filled(cat, process=7, seconds=1, token="t", ephemeral=True)
    assert outside == ("cat", f"/proc/7/root{PLACE}")


def test_a_jvm_looks_after_itself_from_inside() -> None:
    for kind in (ExecTool.JVM_THREADS, ExecTool.JVM_HEAP_HISTOGRAM, ExecTool.JVM_FLIGHT_RECORDING):
        tool = TOOLS[kind]
        assert tool.program == "jcmd"
        assert tool.wanted(ephemeral=True) == tool.steps
        assert not any(step.outside for step in tool.wanted(ephemeral=False))


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux")
class TestNodeReport:
    """The script against real processes."""

    def test_the_new_report_is_read_and_removed(self, tmp_path: Path) -> None:
        with process(tmp_path, "handle", "--report-on-signal") as running:
            done = node_report(running.pid)
            assert running.poll() is None
        assert (done.returncode, done.stderr) == (0, b"")
        assert json.loads(done.stdout) == {"header": 1}
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("argv", "words"),
        [(("--report-on-signal",), b"does not handle SIGUSR2"), (("handle",), b"without --report-on-signal")],
    )
    def test_a_process_that_does_not_expect_it_lives_on(
        self, argv: tuple[str, ...], words: bytes, tmp_path: Path
    ) -> None:
        with process(tmp_path, *argv) as running:
            done = node_report(running.pid)
            assert running.poll() is None
            running.send_signal(signal.SIGTERM)
        assert done.returncode == 3
        assert words in done.stderr
