"""Who stands in for whom: collectors that run only where others have written nothing. Pure.

A fallback is decided pod by pod where both collectors know pods, so that one pod of several may be read another way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from supportbundle.model.gap import Gap
from supportbundle.model.plan import StandsInFor, Task


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """What each collector stands in for, `collector` or `collector/step`, by its name; without cycles.

    Those of `by_file` run as well where just a file of their own is missing.
    """

    by_name: Mapping[str, str]
    by_file: Collection[str] = ()

    def ancestors(self, name: str) -> Iterator[str]:
        """What `name` stands in for, what that stands in for, and so on."""
        while (wanted := self.by_name.get(name)) is not None:
            yield wanted
            name = collector_of(wanted)

    def kin(self, one: str, other: str) -> bool:
        """Whether one stands in for the other, so that they may write the same file."""
        return one == other or any(
            collector_of(found) == theirs
            for mine, theirs in ((one, other), (other, one))
            for found in self.ancestors(mine)
        )

    def backed(self, name: str) -> bool:
        """Whether a collector stands in for the whole of this one."""
        return name in self.by_name.values()


def collector_of(wanted: str) -> str:
    """The collector that is meant by `collector` or `collector/step`."""
    return wanted.partition("/")[0]


def pod_of(target: str, pods: Collection[str]) -> str:
    """The pod that a task or a gap is about; empty where it is about the namespace."""
    name = target.partition("/")[0]
    return name if name in pods else ""


def problems(
    collectors: Mapping[str, str | None], steps: Mapping[str, Collection[str]] | None = None
) -> Iterator[tuple[str, str]]:
    """Collectors whose fallback makes no sense, and why, as a sentence that begins small.

    `collectors` are all by name, with what they stand in for; `steps` those of each, where they are known.
    """
    wanted = {name: found for name, found in collectors.items() if found}
    for name, found in wanted.items():
        collector, _, step = found.partition("/")
        if collector not in collectors:
            yield name, f"fallbackFor names {collector}, which is no collector here"
        elif step and steps is not None and step not in steps.get(collector, ()):
            yield name, f"fallbackFor names {found}, and collector {collector} has no such step"
        elif _circles(name, wanted):
            yield name, f"fallbackFor leads from {name} back to itself"


def _circles(name: str, wanted: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    at = name
    while at in wanted and at not in seen:
        seen.add(at)
        at = collector_of(wanted[at])
    return at == name


def linked(tasks: Sequence[Task], gaps: Sequence[Gap], fallbacks: Fallbacks, pods: Collection[str]) -> tuple[Task, ...]:
    """The tasks in their order, each fallback with the tasks that it waits for.

    One whose predecessors were never planned, for whatever reason, waits for nobody.
    """
    if not fallbacks.by_name:
        return tuple(tasks)
    linker = _Linker(tasks, gaps, fallbacks, pods)
    return tuple(linker.linked(task) for task in tasks)


def looking_at_files(tasks: Sequence[Task], fallbacks: Fallbacks) -> tuple[Task, ...]:
    """The tasks, once it is settled where their files stand; those of `by_file` know which must be there.

    One of which only a folder is known looks at none.
    """
    return tuple(_looking(task) if task.collector in fallbacks.by_file else task for task in tasks)


def _looking(task: Task) -> Task:
    if task.stands_in_for is None:
        return task
    files = tuple(task.place(claim) for claim in task.claims if not claim.endswith("/"))
    return task.model_copy(update={"stands_in_for": task.stands_in_for.model_copy(update={"files": files})})


class _Linker:
    def __init__(self, tasks: Sequence[Task], gaps: Sequence[Gap], fallbacks: Fallbacks, pods: Collection[str]) -> None:
        self._fallbacks = fallbacks
        self._pods = pods
        self._tasks: dict[str, list[Task]] = {}
        self._known: set[tuple[str, str]] = set()
        for task in tasks:
            self._tasks.setdefault(task.collector, []).append(task)
        about = [(task.collector, task.target) for task in tasks] + [(gap.collector, gap.target) for gap in gaps]
        self._known.update((collector, pod_of(target, pods)) for collector, target in about)

    def linked(self, task: Task) -> Task:
        pod = pod_of(task.target, self._pods)
        for wanted in self._fallbacks.ancestors(task.collector):
            collector, _, step = wanted.partition("/")
            found = self._tasks.get(collector, ())
            if pod and (collector, pod) in self._known:
                found = [each for each in found if pod_of(each.target, self._pods) == pod]
            if found:
                waits = StandsInFor(tasks=tuple(each.id for each in found), step=step)
                return task.model_copy(update={"stands_in_for": waits})
        return task
