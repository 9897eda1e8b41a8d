"""Two tasks that may write the same path: what the later one would write there goes below a folder of its collector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from supportbundle.model.plan import Task


def separate(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks in their order, with `moved` where a claim meets one of another collector.

    Broad claims (a folder near the root) come first: whoever lays out a whole tree keeps it together.
    """
    taken: dict[str, str] = {}
    above: dict[str, str] = {}
    moved: dict[str, tuple[str, ...]] = {}
    for task in sorted(tasks, key=_breadth):
        moved[task.id] = tuple(claim for claim in task.claims if _meets(claim, task.collector, taken, above))
        for claim in task.claims:
            if claim in moved[task.id]:
                continue
            taken.setdefault(claim, task.collector)
            for folder in _folders_of(claim):
                above.setdefault(folder, task.collector)
    return tuple(task.model_copy(update={"moved": moved[task.id]}) for task in tasks)


def _breadth(task: Task) -> int:
    return min((claim.rstrip("/").count("/") for claim in task.claims if claim.endswith("/")), default=1 << 30)


def _meets(claim: str, collector: str, taken: dict[str, str], above: dict[str, str]) -> bool:
    """Whether another collector has the path, a folder around it, or something inside it."""
    owners = [taken.get(claim), *(taken.get(folder) for folder in _folders_of(claim))]
    if claim.endswith("/"):
        owners.append(above.get(claim))
    return any(owner is not None and owner != collector for owner in owners)


def _folders_of(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
