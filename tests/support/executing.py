"""What tests of Exec collectors share: tasks for one pod, and what commands in it write."""

from __future__ import annotations

from typing import Any

from support.collecting import FakeOutput, container, plan, pod
from supportbundle.collect.base import Channel
from supportbundle.collect.exec import COLLECTOR
from supportbundle.errors import NotFound, SupportBundleError
from supportbundle.model.plan import Task

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
