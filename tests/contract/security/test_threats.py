"""The threat model is no promise: each of its rows names tests that show the defence, and those tests exist."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
HEADER = ["who", "what they try", "defence", "shown by"]


def rows() -> list[list[str]]:
    """The cells of SECURITY.md's table of threats."""
    text = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")
    tables = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert tables[0] == HEADER
    return tables[2:]


ROWS = rows()


@cache
def functions(file: Path) -> frozenset[str]:
    """The names of all functions of a module, nested in classes too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:40])
def test_each_threat_has_a_defence_that_a_test_shows(row: list[str]) -> None:
    assert len(row) == len(HEADER), row
    assert all(row), row
    for reference in row[3].split(", "):
        path, _, name = reference.strip("`").partition("::")
        file = TESTS / path
        assert file.is_file(), reference
        assert name.startswith("test_"), reference
        assert name in functions(file), reference


def test_no_threat_is_told_twice() -> None:
    told = [(row[0], row[1]) for row in ROWS]
    assert len(told) == len(set(told))
