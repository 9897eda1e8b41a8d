"""The cluster's own network namespace: nothing leaves the machine, and no address or port collides."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ClusterError
from .settings import NODE_ADDRESS, NODE_LINK, Settings
from .shell import run

CLONE_NEWNET = 0x40000000
OWN = "/proc/self/ns/net"


def exists(settings: Settings) -> bool:
    """Whether the namespace is there; after a reboot its file may be left, with nothing mounted on it."""
    return os.path.ismount(settings.netns)


def create(settings: Settings) -> None:
    """Make the namespace and the node's address where they are missing."""
    if not exists(settings):
        run(["ip", "netns", "add", settings.name],
            next_step="the machine must allow network namespaces; else use CLUSTER=current")  # fmt: skip
    inside = ["ip", "-n", settings.name]
    run([*inside, "link", "set", "lo", "up"])
    if f" {NODE_LINK}:" not in run([*inside, "-o", "link", "show"]):
        run([*inside, "link", "add", NODE_LINK, "type", "bridge"])
    run([*inside, "address", "replace", f"{NODE_ADDRESS}/24", "dev", NODE_LINK])
    run([*inside, "link", "set", NODE_LINK, "up"])
    # Service addresses are rewritten on their way out, so there must be a way out.
    run([*inside, "route", "replace", "default", "dev", NODE_LINK])
    forward = "net.ipv4.ip_forward=1"
    run(["nsenter", f"--net={settings.netns}", "sysctl", "-qw", forward])


def enter(settings: Settings) -> None:
    """Move this process, and whatever it starts from now on, into the namespace.

    Not through `ip netns exec`, which mounts a fresh /sys and so loses the cgroups.
    """
    try:
        _switch(settings.netns)
    except OSError as error:
        raise ClusterError(f"the test cluster is not up ({error})", "call tests/cluster/up") from error


@contextmanager
def inside(settings: Settings) -> Iterator[None]:
    """Enter the namespace for a while; what comes after may need the world outside."""
    outside = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(settings)
        yield
    finally:
        _setns(outside)
        os.close(outside)


def _switch(namespace: Path) -> None:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(handle)
    finally:
        os.close(handle)


def _setns(handle: int) -> None:
    # os.setns is new in Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove(settings: Settings) -> None:
    """Remove the namespace and with it every link, route and iptables rule of the cluster."""
    if settings.netns.exists():
        run(["ip", "netns", "delete", settings.name])
    folder = settings.netns.parent
    # `ip` has mounted this folder on itself; it does so again for whoever comes next.
    if folder.is_dir() and not any(folder.iterdir()) and folder.is_mount():
        run(["umount", folder])
        folder.rmdir()
