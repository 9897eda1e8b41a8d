"""Recall and precision of the sanitizer over the project's corpus, by class: `python corpus.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
sys.path[0:1] = [str(_ROOT / "operator"), str(_ROOT / "tests")]  # this file would hide the package of its name

from corpus.cases import Case, lookalikes, secrets
from corpus.judging import Verdict, build, judge


def main() -> None:
    """Print a line for each class, the totals, and what was missed or touched."""
    sanitizer = build()
    missed = _table("secrets, taken out", (judge(sanitizer, case) for case in secrets()))
    touched = _table("look-alikes, left alone", (judge(sanitizer, case) for case in lookalikes()))
    recall, precision = _share(secrets(), missed), _share(lookalikes(), touched)
    print(f"recall {recall:.2%} of {len(secrets())}, {len(touched)} of {len(lookalikes())} look-alikes touched "
          f"({precision:.2%} left alone)")  # fmt: skip
    for verdict in (*missed, *touched):
        print(f"  {verdict.case.place} [{verdict.case.group}] {verdict.case.text.strip()[:90]!r}: {verdict.wrong[0]}")


def _table(title: str, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One line for each class; returns what went wrong."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.case.group, []).append(verdict)
    print(f"{title:26}{'cases':>7}{'right':>7}{'':>9}")
    for name, members in groups.items():
        right = sum(1 for verdict in members if not verdict.wrong)
        print(f"  {name:24}{len(members):7}{right:7}{right / len(members):9.1%}")
    return [verdict for members in groups.values() for verdict in members if verdict.wrong]


def _share(cases: tuple[Case, ...], wrong: list[Verdict]) -> float:
    return 1 - len(wrong) / len(cases)


if __name__ == "__main__":
    main()
