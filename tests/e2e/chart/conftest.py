"""Where installations in other ways than the usual one are tried. Each module ends with the usual one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from support.kube import kubectl


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[str, str]]:
    """Two empty namespaces."""
    stem = f"sb-chart-{uuid.uuid4().hex[:6]}"
    found = (f"{stem}-a", f"{stem}-b")
    for name in found:
        kubectl("create", "namespace", name)
    yield found
    kubectl("delete", "namespace", *found, "--wait=false")
