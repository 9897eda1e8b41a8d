"""A profile of a few strings."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def profile() -> Callable[[list[str]], bytes]:
    """A message of the published profile.proto that holds a string table and nothing else."""

    def build(strings: list[str]) -> bytes:
        return b"".join(bytes([6 << 3 | 2, len(text)]) + text.encode() for text in strings) + b"\x48\x01"

    return build
