"""The page of docs tells of every check, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

from supportbundle.findings.registry import CHECKS

DOCS = Path(__file__).resolve().parents[3] / "docs" / "findings.md"


def test_every_check_has_its_row() -> None:
    _, _, table = DOCS.read_text(encoding="utf-8").partition("## The checks")
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == sorted(check.name for check in CHECKS)
    assert len({check.name for check in CHECKS}) == len(CHECKS)
