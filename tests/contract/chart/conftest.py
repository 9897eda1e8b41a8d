"""Helm as the user runs it, over the chart of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.strict import documents

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "supportbundle-operator"
CACHE = Path(
    os.environ.get("SUPPORTBUNDLE_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supportbundle-operator"
)
Object = dict[str, Any]
Render = Callable[..., list[Object]]
Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Runs helm with these arguments; never raises for its exit code."""
    found = shutil.which("helm") or next(map(str, CACHE.glob("bin/*/helm")), None)
    if found is None:
        pytest.fail("helm is neither on the PATH nor built for the test cluster; `make cluster` builds it.")

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([found, *args], capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture(scope="session")
def render(helm: Helm) -> Render:
    """The chart's objects with these values set, in the release `sb` of namespace `ops`; read and never changed."""

    @cache
    def rendered(*settings: str) -> list[Object]:
        flags = [flag for setting in settings for flag in ("--set", setting)]
        done = helm("template", "sb", str(CHART), "-n", "ops", "--kube-version", "1.30.0", *flags)
        assert done.returncode == 0, done.stderr
        return [document for document in documents(done.stdout) if document]

    return rendered


@pytest.fixture(scope="session")
def one(render: Render) -> Callable[..., Object]:
    """The only object of this kind and name (without the release's prefix)."""

    def pick(kind: str, suffix: str, *settings: str) -> Object:
        name = f"sb-supportbundle-operator{suffix}"
        found = [o for o in render(*settings) if o["kind"] == kind and o["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name}: {len(found)}"
        return found[0]

    return pick


@pytest.fixture(scope="session")
def settings(one: Callable[..., Object]) -> Callable[..., Mapping[str, Any]]:
    """The operator's settings file as the chart writes it."""

    def load(*values: str) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = yaml.safe_load(one("ConfigMap", "", *values)["data"]["config.yaml"])
        return loaded

    return load
