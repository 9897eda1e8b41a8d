"""Processes that outlive the command which started them, and that are ended only if they are ours.

A number alone proves nothing: the kernel gives it to somebody else once its owner has gone. So a
process is known by its number and the kernel's start time, and held by a pidfd while it is signalled.
Every process also carries a marker in its environment, by which the children of a crashed run
(containerd's shims, say) are found again.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MARKER = "SUPPORTBUNDLE_TESTCLUSTER_STATE"
_AFTER_NAME_STATE = 0
_AFTER_NAME_START = 19


@dataclass(frozen=True)
class Process:
    """A process as it was when it was started."""

    pid: int
    start: int
    """Clock ticks from boot to its start."""

    def save(self, path: Path) -> None:
        """Record it; the rename makes a half-written record impossible."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.rename(path)

    @classmethod
    def load(cls, path: Path) -> Process | None:
        """Read a record back, or None where there is none that can be understood."""
        try:
            data = json.loads(path.read_text())
            return cls(int(data["pid"]), int(data["start"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return started_at(self.pid) == self.start

    def end(self, *, patience: float) -> None:
        """Ask it to end, and kill it when `patience` seconds have passed; 0 kills at once."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not self.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                if patience and _ended(handle, signal.SIGTERM, patience):
                    return
                _ended(handle, signal.SIGKILL, 10)
        finally:
            os.close(handle)


def _ended(handle: int, number: signal.Signals, seconds: float) -> bool:
    signal.pidfd_send_signal(handle, number)
    return bool(select.select([handle], [], [], seconds)[0])


def started_at(pid: int) -> int | None:
    """Return the start time of a living process; None if there is none or only its zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name may hold spaces and brackets; the fields after the last bracket are safe to split.
    fields = stat.rpartition(")")[2].split()
    return None if fields[_AFTER_NAME_STATE] in "ZX" else int(fields[_AFTER_NAME_START])


def start(argv: Sequence[str], *, log: Path, env: Mapping[str, str], state: Path) -> Process:
    """Start a program in a session of its own, with its output appended to `log`."""
    marked = {**env, MARKER: str(state)}
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            env=marked,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is meant to outlive this command; without this, Popen complains about an abandoned child.
    child.returncode = 0
    return Process(child.pid, started_at(child.pid) or 0)


def marked(state: Path) -> Iterator[Process]:
    """Find every living process that was started for the cluster in `state`."""
    wanted = f"{MARKER}={state}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        begin = started_at(int(entry.name))
        with contextlib.suppress(OSError):
            if begin is not None and wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield Process(int(entry.name), begin)
