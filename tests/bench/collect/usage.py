"""CPU seconds of the processes that take part, from /proc: the test cluster's parts are processes of this machine."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

PARTS = ("kube-apiserver", "kubelet", "containerd", "etcd", "kube-controller", "kube-scheduler", "versitygw")
"""As /proc names them: at most 15 characters."""
COMMANDS = {"operator": "operator", "collect": "collector"}
"""`supportbundle COMMAND`, and what it is called in the table."""
TICK = os.sysconf("SC_CLK_TCK")
LOOK = 0.2
"""Seconds between two looks; what a process used after the last look at it is not seen."""
SETTLING = 5.0
"""Seconds in which a new process may still become another program."""


class Usage:
    """CPU seconds by part while the context is open.

    What was there before is looked at twice, what begins meanwhile (a Job's pods) again and again until it ends: with
    hundreds of pods on the machine anything more would be seen in what is measured.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._before: dict[int, tuple[str, float]] = {}
        self._others = set[int]()
        self._began: dict[int, float] = {}
        self._new: dict[int, tuple[str, float]] = {}
        self._sums = Counter[str]()

    def __enter__(self) -> Self:
        for pid in _pids():
            self._others.add(pid)
            with suppress(OSError):
                if part := _part(pid):
                    self._before[pid] = part, _cpu(pid)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._look()
        for pid, (part, used) in self._before.items():
            with suppress(OSError):
                self._sums[part] += _cpu(pid) - used
        for part, used in self._new.values():
            self._sums[part] += used

    def seconds(self) -> dict[str, float]:
        """By part, the largest first."""
        return dict(self._sums.most_common())

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        for pid in _pids():
            if pid in self._others:
                continue
            with suppress(OSError):  # it may end at any time
                if part := _part(pid):
                    self._new[pid] = part, _cpu(pid)
                elif now - self._began.setdefault(pid, now) > SETTLING:
                    self._others.add(pid)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - five times a second


def _part(pid: int) -> str:
    name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    if name in PARTS:
        return name
    if name == "containerd-shim":
        return "shims"
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    for program, command in pairwise(words):
        if program.endswith("/supportbundle"):
            return COMMANDS.get(command, "")
    return ""


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
