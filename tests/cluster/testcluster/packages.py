"""What the machine must have: privileges, cgroups, and a handful of Debian packages."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .errors import ClusterError
from .progress import step
from .shell import run

PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "sysctl": "procps",
    "openssl": "openssl",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/bin/busybox": "busybox-static",
}
"""The program that is looked for, and the Debian package which brings it."""

ELSEWHERE = "on a machine like this, use a cluster that you already have: CLUSTER=current"
CGROUPS = Path("/sys/fs/cgroup")


def check_machine() -> None:
    """Say which prerequisite is missing, before anything is touched."""
    if sys.platform != "linux":
        raise ClusterError(f"the test cluster needs Linux, this is {sys.platform}", ELSEWHERE)
    if os.geteuid() != 0:
        raise ClusterError("the test cluster needs root (namespaces, mounts, cgroups)", ELSEWHERE)
    v1, v2 = CGROUPS / "memory", CGROUPS / "cgroup.controllers"
    if not (v1.is_dir() or v2.exists()) or not os.access(v1 if v1.is_dir() else CGROUPS, os.W_OK):
        raise ClusterError("there is no writable cgroup hierarchy at /sys/fs/cgroup", ELSEWHERE)
    if not Path("/proc/self/ns/net").exists():
        raise ClusterError("the kernel has no network namespaces", ELSEWHERE)


def install_missing() -> None:
    """Install the packages whose programs are missing; nothing is asked of the network otherwise."""
    missing = [package for program, package in PROGRAMS.items() if not _present(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        names = ", ".join(missing)
        raise ClusterError(f"these programs are missing and apt-get too: {names}", ELSEWHERE)
    with step(f"install {' '.join(missing)}"):
        install(missing)


def install(names: list[str]) -> None:
    """Install Debian packages."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=quiet)
    run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *names], env=quiet)


def _present(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
