"""Two tasks that may write the same path: what the later one would write there goes below a folder of its collector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq

from supportbundle.model.plan import Task
from supportbundle.plan.placing import claimed

Kin = Callable[[str, str], bool]
"""Whether two collectors may write the same path, because at most one of them does."""


def separate(tasks: Sequence[Task], kin: Kin = eq) -> tuple[Task, ...]:
    """The tasks in their order, with `moved` where a claim meets one of another collector.

    What somebody has given a path stays there. Broad claims (a folder near the root) come next: whoever lays out a
    whole tree keeps it together.
    """
    taken: dict[str, str] = {}
    above: dict[str, str] = {}
    moved: dict[str, tuple[str, ...]] = {}
    for task in sorted(tasks, key=_order):
        meets = _Meets(task.collector, taken, above, kin)
        claims = claimed(task)
        moved[task.id] = () if task.path else tuple(claim for claim in claims if meets(claim))
        for claim in claims:
            if claim in moved[task.id]:
                continue
            taken.setdefault(claim, task.collector)
            for folder in _folders_of(claim):
                above.setdefault(folder, task.collector)
    return tuple(task.model_copy(update={"moved": moved[task.id]}) for task in tasks)


def _order(task: Task) -> tuple[bool, int]:
    return not task.path, _breadth(task)


def _breadth(task: Task) -> int:
    return min((claim.rstrip("/").count("/") for claim in claimed(task) if claim.endswith("/")), default=1 << 30)


@dataclass(frozen=True, slots=True)
class _Meets:
    """Whether another collector has a path, a folder around it, or something inside it."""

    collector: str
    taken: Mapping[str, str]
    above: Mapping[str, str]
    kin: Kin

    def __call__(self, claim: str) -> bool:
        owners = [self.taken.get(claim), *(self.taken.get(folder) for folder in _folders_of(claim))]
        if claim.endswith("/"):
            owners.append(self.above.get(claim))
        return any(owner is not None and not self.kin(owner, self.collector) for owner in owners)


def _folders_of(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
