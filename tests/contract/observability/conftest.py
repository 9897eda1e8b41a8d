"""The real promtool, from tests/tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CACHE = Path(
    os.environ.get("SUPPORTBUNDLE_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supportbundle-operator"
)
Promtool = Callable[..., str]


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Runs promtool with these arguments; returns what it says, and fails with that."""
    found = shutil.which("promtool") or next(map(str, CACHE.glob("bin/tools-*/promtool")), None)
    if found is None:
        pytest.fail("promtool is neither on the PATH nor built; tests/tools builds it.")

    def run(*args: str, stdin: bytes = b"") -> str:
        done = subprocess.run([found, *args], input=stdin, capture_output=True, check=False, timeout=60)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, said
        return said

    return run
