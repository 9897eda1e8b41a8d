"""The cgroups below which the kubelet puts every pod, so that `down` finds all containers by them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .packages import CGROUPS
from .settings import Settings

PATIENCE = 10


def hierarchies() -> list[Path]:
    """Return the mount points of all cgroup hierarchies: many with version 1, one with version 2."""
    mounts = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    kinds = ((fields[4], fields[fields.index("-") + 1]) for fields in mounts)
    return [Path(place) for place, kind in kinds if kind in {"cgroup", "cgroup2"}]


def create(settings: Settings) -> None:
    """Make the cluster's group in each hierarchy."""
    for root in hierarchies():
        group = root / settings.name
        controllers = root / "cgroup.controllers"
        if not controllers.exists():
            group.mkdir(exist_ok=True)
            _copy_cpuset(root, group)
        elif root == CGROUPS:  # else it is the bare second hierarchy beside version 1
            group.mkdir(exist_ok=True)
            wanted = " ".join(f"+{name}" for name in controllers.read_text().split())
            for parent in (root, group):
                (parent / "cgroup.subtree_control").write_text(wanted)


def _copy_cpuset(root: Path, group: Path) -> None:
    """A new group of version 1 has no processors until it is given some."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (root / file).exists():
            (group / file).write_text((root / file).read_text())


def remove(settings: Settings) -> None:
    """Kill what runs in the cluster's groups and remove them, leaves first."""
    groups = [root / settings.name for root in hierarchies()]
    deadline = time.monotonic() + PATIENCE
    while _kill(groups) and time.monotonic() < deadline:
        time.sleep(0.02)  # the kernel reports the end of a cgroup's processes to nobody
    for group in groups:
        for folder in [*_below(group), group]:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()


def _kill(groups: list[Path]) -> bool:
    found = False
    for group in groups:
        for folder in [*_below(group), group]:
            with contextlib.suppress(FileNotFoundError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    found = True
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
    return found


def _below(group: Path) -> Iterator[Path]:
    for parent, names, _ in os.walk(group, topdown=False):
        for name in names:
            yield Path(parent) / name
