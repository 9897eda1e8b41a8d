"""What `make generate` writes is committed as the collectors now declare it."""

from __future__ import annotations

from pathlib import Path

import pytest

import generate

FILES = generate.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_generated_follows_from_the_collectors(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run `make generate`"
