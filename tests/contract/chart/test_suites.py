"""The chart's own suites (tests/*_test.yaml), run by helm-unittest as chart authors know it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import chartvalues

CACHE = Path(
    os.environ.get("SUPPORTBUNDLE_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supportbundle-operator"
)


def program() -> str:
    """helm-unittest, wherever `tests/tools` has put it."""
    found = shutil.which("helm-unittest") or next(map(str, CACHE.glob("bin/unittest-*/helm-unittest")), None)
    if found is None:
        pytest.fail("helm-unittest is not built; run tests/tools")
    return found


def test_every_suite_passes() -> None:
    suites = sorted((chartvalues.CHART / "tests").glob("*_test.yaml"))
    assert suites
    command = [program(), "--strict", str(chartvalues.CHART)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Test Suites: {len(suites)} passed, {len(suites)} total" in done.stdout


def test_the_suites_are_not_part_of_the_packed_chart() -> None:
    ignored = (chartvalues.CHART / ".helmignore").read_text(encoding="utf-8").splitlines()
    assert "/tests/" in ignored
