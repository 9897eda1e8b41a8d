"""Gaps with the next step that a collector's author knows. Pure, so a repeat of the assembly says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from supportbundle.model.gap import MESSAGE_LIMIT, Gap
from supportbundle.model.hint import Hint


def advised(gaps: Iterable[Gap], hints: Mapping[str, Sequence[Hint]]) -> Iterator[Gap]:
    """The gaps in their order, each with the first hint of its collector that is about it at its end.

    A message that leaves no room for it is cut: what to do matters more than the rest of what a server said.
    """
    for gap in gaps:
        said = next((hint.say for hint in hints.get(gap.collector, ()) if _about(hint, gap)), "")
        yield _with(gap, said) if said else gap


def _about(hint: Hint, gap: Gap) -> bool:
    return hint.reason == gap.reason and hint.contains in gap.message


def _with(gap: Gap, said: str) -> Gap:
    room = MESSAGE_LIMIT - len(said) - 1
    told = gap.message if len(gap.message) <= room else f"{gap.message[: room - 1]}…"
    return Gap.say(gap.reason, f"{told} {said}".strip(), target=gap.target, collector=gap.collector)
