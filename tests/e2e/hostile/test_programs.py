"""Programs that never end or never stop writing, and images in which there is none."""

from __future__ import annotations

from typing import Any

import pytest

from support.driving import Besieged, Spent

pytestmark = pytest.mark.e2e
LIMIT = 1 << 20
MEMORY = 24 << 20
SECONDS = 4
SLACK = 10.0


def run(*command: str, **options: Any) -> dict[str, Any]:
    usual = {"command": command, "timeout": f"{SECONDS}s", "maxBytes": LIMIT}
    return {"type": "Exec", "exec": usual | options}


def assert_bounded(spent: Spent) -> None:
    assert spent.seconds < SECONDS + SLACK
    assert spent.memory < MEMORY


@pytest.mark.parametrize("script", ["exec yes", "exec cat /dev/urandom", "exec yes >&2", "yes >&2 & exec yes"])
async def test_endless_output_is_cut_at_its_limit(besieged: Besieged, noisy: str, script: str) -> None:
    assert_bounded(await besieged.endure(noisy, run("sh", "-c", script)))
    assert sum(len(member.data) for member in besieged.sink.files.values()) == LIMIT
    assert besieged.reasons == {"TooLarge"}


async def test_a_program_without_an_end_is_a_timeout(besieged: Besieged) -> None:
    assert_bounded(await besieged.endure("shell", run("sh", "-c", "echo begun; sleep 100000")))
    assert besieged.reasons == {"Timeout"}
    assert [member.data for member in besieged.sink.files.values()] == [b"begun\n"]


async def test_an_argument_is_no_shell(besieged: Besieged) -> None:
    await besieged.endure("shell", run("echo", "$(id); rm -rf /", "--", "\n"))
    assert [member.data for member in besieged.sink.files.values()] == [b"$(id); rm -rf / -- \n\n"]


async def test_an_image_without_a_shell_says_so(besieged: Besieged) -> None:
    assert_bounded(await besieged.endure("server", run("sh", "-c", "true")))
    assert besieged.reasons == {"CommandNotFound"}
