"""The path of a sanitizing rule: which values of a JSON or YAML document it means, wherever the document comes from.

`$.SqlSettings.DataSource` begins at the document's root, `**.Secret` anywhere. A step is a name, `['any name']`, `*`
(any name or position), `[*]` (any position), `[3]` (that position, from 0) or `**` (any steps, also none).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from supportbundle.errors import Invalid

LONGEST: Final = 256
MAX_STEPS: Final = 20
_MAX_ANYWHERE: Final = 4
"""`**` in one path: each doubles at worst what has to be followed."""
_STEP: Final = re.compile(
    r"""\.(?P<any>\*\*|\*) | \.(?P<name>[^\s.\[\]*'"\\:{},\x00-\x1f\x7f]+)
      | \['(?P<quoted>[^'"\\\x00-\x1f\x7f]+)'\] | \[(?P<position>\*|\d{1,9})\]""",
    re.VERBOSE,
)


class StepKind(Enum):
    """What a step of a path goes through."""

    NAME = "name"
    POSITION = "position"
    ANY_POSITION = "any-position"
    ANY = "any"
    ANYWHERE = "anywhere"


class Step(NamedTuple):
    """One step; `name` and `position` count only for their kinds."""

    kind: StepKind
    name: str = ""
    position: int = 0


def parse(path: str) -> tuple[Step, ...]:
    """The steps of `path` below the root.

    Raises:
        Invalid: if it is no path, or holds no name to look for.
    """
    rest = path[:LONGEST].removeprefix("$") if path.startswith("$") else f".{path[:LONGEST]}"
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise _invalid(path, f"{rest[position : position + 20]!r} is no step")
        steps.append(_step(match))
        position = match.end()
    kinds = [step.kind for step in steps]
    if len(path) > LONGEST or len(steps) > MAX_STEPS or kinds.count(StepKind.ANYWHERE) > _MAX_ANYWHERE:
        raise _invalid(path, f"it is longer than {LONGEST} characters, {MAX_STEPS} steps or {_MAX_ANYWHERE} times `**`")
    if StepKind.NAME not in kinds:
        raise _invalid(path, "it names nothing")
    if kinds[-1] is StepKind.ANYWHERE:
        raise _invalid(path, "it ends in `**`")
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["any"]:
        return Step(StepKind.ANYWHERE if match["any"] == "**" else StepKind.ANY)
    if match["position"]:
        at = match["position"]
        return Step(StepKind.ANY_POSITION) if at == "*" else Step(StepKind.POSITION, position=int(at))
    return Step(StepKind.NAME, name=match["name"] or match["quoted"])


def _invalid(path: str, why: str) -> Invalid:
    return Invalid(
        f"{path[:80]!r} is no path: {why}.",
        "Write it like $.SqlSettings.DataSource, **.Secret or $.items[*].data['a.b'].",
    )
