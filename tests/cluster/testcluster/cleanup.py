"""Taking the cluster away without a trace, whatever state a crash has left it in.

Everything is found by what it is (its marker, its cgroup, its mount point below the state folder), not
by what a healthy run would have recorded.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path

from . import cgroups, network
from .process import marked
from .settings import Settings
from .shell import run

CNI_CACHE = Path("/var/lib/cni")
LOG_LINKS = Path("/var/log/containers")
SYSCTLS = ["kernel.panic", "kernel.panic_on_oops", "vm.overcommit_memory", "vm.panic_on_oom"]
"""The kubelet sets these for the whole machine."""
LEFT_EMPTY = [LOG_LINKS, Path("/run/containerd/s"), Path("/run/containerd"), CNI_CACHE / "results", CNI_CACHE,
              Path("/var/lib/kubelet/device-plugins"), Path("/var/lib/kubelet")]  # fmt: skip
"""Folders that the components make wherever they run; they go if nobody else has put anything there."""


def remember_sysctls(settings: Settings) -> None:
    """Record the kernel's settings before the kubelet changes them."""
    record = settings.state / "sysctls.json"
    if not record.exists():
        values = {name: _sysctl(name).read_text().strip() for name in SYSCTLS if _sysctl(name).exists()}
        record.write_text(json.dumps(values))


def remove(settings: Settings) -> None:
    """Remove every process, mount, namespace, cgroup and file of the cluster."""
    for process in marked(settings.state):
        process.end(patience=0)
    cgroups.remove(settings)
    _restore_sysctls(settings)
    _remove_shim_sockets(settings)
    _unmount_all(settings.state)
    network.remove(settings)
    _remove_cni_cache(settings.name)
    _remove_log_links(settings.state)
    shutil.rmtree(settings.state, ignore_errors=True)
    for folder in LEFT_EMPTY:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")


def _restore_sysctls(settings: Settings) -> None:
    with contextlib.suppress(OSError, ValueError):
        for name, value in json.loads((settings.state / "sysctls.json").read_text()).items():
            if name in SYSCTLS:
                _sysctl(name).write_text(value)


def _remove_shim_sockets(settings: Settings) -> None:
    # containerd keeps them in one place for all instances; each bundle names its own.
    for address in (settings.state / "containerd-run").rglob("address"):
        with contextlib.suppress(OSError):
            Path(address.read_text().strip().removeprefix("unix://")).unlink()


def _unmount_all(state: Path) -> None:
    for place in reversed(mounts_below(state, Path("/proc/self/mountinfo").read_text())):
        run(["umount", "--lazy", place])


def mounts_below(folder: Path, mountinfo: str) -> list[Path]:
    """Return the mount points at and below a folder in the order in which they were mounted."""
    places = (line.split()[4] for line in mountinfo.splitlines())
    # The kernel writes blanks in paths as octal escapes.
    paths = (Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), place)) for place in places)
    return [path for path in paths if path == folder or folder in path.parents]


def _remove_cni_cache(network_name: str) -> None:
    """Drop the CNI results of our network, and those of the loopbacks of the same containers."""
    results = CNI_CACHE / "results"
    for file in list(results.glob(f"{network_name}-*-eth0")):
        container = file.name.removeprefix(f"{network_name}-").removesuffix("-eth0")
        for other in results.glob(f"*-{container}-*"):
            other.unlink(missing_ok=True)


def _remove_log_links(state: Path) -> None:
    if LOG_LINKS.is_dir():
        for link in LOG_LINKS.iterdir():
            if link.is_symlink() and state in link.readlink().parents:
                link.unlink()
