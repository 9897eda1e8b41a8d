"""The corpus: texts with secrets that must go, and look-alikes that must stay. README.md explains the files' format."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from corpus.invent import Invented, invent

_HERE: Final = Path(__file__).parent
_PLACEHOLDER: Final = re.compile(r"\{\{([=+~]?)([^{} ](?:[^{}]|\}(?!\}))*)\}\}")


@dataclass(frozen=True, slots=True)
class Case:
    """One text. `secrets` must not survive in it, `kept` must; a look-alike has no secrets and stays as it is."""

    group: str
    place: str
    text: str
    secrets: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    path: str = "x"

    @property
    def is_line(self) -> bool:
        """Whether it may stand among other lines of a log."""
        return "\n" not in self.text


@cache
def secrets() -> tuple[Case, ...]:
    """Every case that holds at least one secret."""
    return tuple(_cases("secrets"))


@cache
def lookalikes() -> tuple[Case, ...]:
    """Every case that holds none."""
    return tuple(_cases("lookalikes"))


def _cases(folder: str) -> Iterator[Case]:
    for path in sorted((_HERE / folder).glob("*.txt")):
        yield from _read(path)


def _read(path: Path) -> Iterator[Case]:
    group = ""
    block: list[str] | None = None
    name = "x"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if block is not None:
            if line == ">>>":
                yield _case(group, f"{path.name}:{number}", "\n".join(block) + "\n", name)
                block = None
            else:
                block.append(line)
        elif line.startswith("== "):
            group = line[3:].strip()
        elif line.startswith("<<<"):
            block, name = [], line[3:].strip() or "x"
        elif line and not line.startswith("## "):
            yield _case(group, f"{path.name}:{number}", line, "x")


def _case(group: str, place: str, template: str, path: str) -> Case:
    """A case of its template; the values depend on the template alone, so that a new case changes no other."""
    dice = random.Random(template)  # noqa: S311 - reproducible, not secret
    gone: list[str] = []
    kept: list[str] = []

    def fill(match: re.Match[str]) -> str:
        sign, body = match.groups()
        if sign == "+":
            kept.append(body)
            return body
        kind, _, argument = body.partition(":")
        made = Invented(body, (body,)) if sign == "=" else invent(kind, argument, dice)
        gone.extend(made.secrets if sign != "~" else ())
        return made.text

    text = _PLACEHOLDER.sub(fill, template)
    return Case(group, place, text, tuple(gone), tuple(kept), path)
