"""Expressions mean the same in every Python that may run them."""

from __future__ import annotations

import re
from pathlib import Path

import supportbundle

POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


def test_no_group_is_possessive() -> None:
    """Before 3.11.5 they miss matches (python/cpython#106052), and with them secrets; `(?>(?:...)*)` does not."""
    package = Path(supportbundle.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}"
        for path in sorted(package.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if POSSESSIVE_GROUP.search(line)
    ]
    assert found == []
