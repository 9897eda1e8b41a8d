"""Only the very process that was started is ever ended: never one that merely has its number."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.testcluster.process import Process, marked, start, started_at

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the test cluster is for Linux")


def launch(argv: list[str], folder: Path) -> Process:
    log = folder / "log"
    process = start(argv, log=log, env=dict(os.environ), state=folder)
    while "up" not in log.read_text():
        assert process.alive
        os.sched_yield()
    return process


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = launch(SLEEPER, tmp_path)
    yield process
    process.end(patience=0)
    os.waitpid(process.pid, os.WNOHANG)


def test_a_started_process_is_alive_and_survives_its_record(sleeper: Process, tmp_path: Path) -> None:
    sleeper.save(tmp_path / "run" / "x.json")
    assert Process.load(tmp_path / "run" / "x.json") == sleeper
    assert sleeper.alive


def test_a_recycled_number_is_neither_alive_nor_ended(sleeper: Process) -> None:
    stranger = replace(sleeper, start=sleeper.start + 1)
    assert not stranger.alive
    stranger.end(patience=0)
    assert sleeper.alive


def test_a_zombie_is_not_alive(sleeper: Process) -> None:
    sleeper.end(patience=5)
    assert not sleeper.alive
    assert started_at(sleeper.pid) is None


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = launch(STUBBORN, tmp_path)
    handle = os.pidfd_open(process.pid)
    process.end(patience=0.2)
    assert select.select([handle], [], [], 0)[0]
    os.close(handle)
    os.waitpid(process.pid, 0)


def test_ending_what_is_gone_is_no_error() -> None:
    Process(2**22 - 1, 1).end(patience=0)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"pid": null, "start": 1}'])
def test_a_damaged_record_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert Process.load(tmp_path / "x.json") is None
    assert Process.load(tmp_path / "absent.json") is None


def test_the_marker_finds_a_process_without_its_record(sleeper: Process, tmp_path: Path) -> None:
    assert sleeper in set(marked(tmp_path))
    assert not set(marked(tmp_path / "other"))
