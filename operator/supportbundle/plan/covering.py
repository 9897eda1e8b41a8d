"""Which gaps leave nothing open, because a fallback has written what another collector could not. Pure.

It follows from the plan and from what the zip holds, so a repeat of the assembly says the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from supportbundle.model.gap import Covered, Gap
from supportbundle.model.plan import Plan, Task
from supportbundle.plan.fallbacks import Fallbacks, collector_of, pod_of


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the zip: where it stands and whose it is."""

    path: str
    collector: str
    target: str
    step: str = ""


def sorted_out(
    plan: Plan, files: Iterable[Written], gaps: Iterable[Gap]
) -> tuple[tuple[Gap, ...], tuple[Covered, ...]]:
    """The gaps that are open, and those that another collector has covered, both in their order.

    A fallback covers what it stands in for, and that covers the gaps of a fallback that was not needed: in the same pod
    where both know pods. One that looks at files was needed if one of its own is missing. A collector that wrote
    something keeps its gaps.
    """
    if not plan.fallbacks:
        return tuple(gaps), ()
    ledger = _Ledger(plan, tuple(files))
    open_gaps: list[Gap] = []
    covered: list[Covered] = []
    for gap in gaps:
        by = ledger.covering(gap)
        if by:
            covered.append(Covered(gap=gap, by=by))
        else:
            open_gaps.append(gap)
    return tuple(open_gaps), tuple(covered)


class _Ledger:
    def __init__(self, plan: Plan, files: Collection[Written]) -> None:
        self._fallbacks = Fallbacks(plan.fallbacks, frozenset(plan.fallbacks_by_file))
        self._pods = frozenset(plan.pods)
        self._paths = frozenset(file.path for file in files)
        self._missing = self._missed(task for shard in plan.shards for task in shard.tasks)
        self._wrote: dict[str, set[str]] = {}
        for file in files:
            pod = pod_of(file.target, self._pods)
            self._wrote.setdefault(file.collector, set()).add(pod)
            if file.step:
                self._wrote.setdefault(f"{file.collector}/{file.step}", set()).add(pod)

    def covering(self, gap: Gap) -> str:
        """The collector that has written instead; empty if none has."""
        pod = pod_of(gap.target, self._pods)
        for failed in self._failed(gap):
            if not self._has(failed, pod, alone=True):
                for other in self._others(failed, pod):
                    if self._has(other, pod, alone=False):
                        return collector_of(other)
        return ""

    def _failed(self, gap: Gap) -> Iterator[str]:
        """What the gap may be about: a step, if its message begins so (`config: …`, `config (a.json): …`), or all."""
        for wanted in dict.fromkeys(self._fallbacks.by_name.values()):
            collector, _, step = wanted.partition("/")
            if step and collector == gap.collector and gap.message.startswith((f"{step}: ", f"{step} (")):
                yield wanted
        yield gap.collector

    def _others(self, failed: str, pod: str) -> Iterator[str]:
        """Fallbacks for it, and for those; then what it is itself a fallback for, if it was not needed."""
        below = [name for name, wanted in self._fallbacks.by_name.items() if wanted == failed]
        while below:
            name = below.pop(0)
            yield name
            below += [other for other, wanted in self._fallbacks.by_name.items() if wanted == name]
        name = collector_of(failed)
        for wanted in self._fallbacks.ancestors(name):
            if not self._spared(name, pod):
                return
            yield wanted
            name = collector_of(wanted)

    def _spared(self, name: str, pod: str) -> bool:
        """Whether a fallback was not needed, if what it stands in for wrote anything."""
        if name not in self._fallbacks.by_file:
            return True
        missing = self._missing.get(name, {})
        pods = {pod, ""} & missing.keys() if pod else missing.keys()
        return bool(pods) and not any(missing[each] for each in pods)

    def _missed(self, tasks: Iterable[Task]) -> dict[str, dict[str, bool]]:
        """For each collector that looks at files and each of its pods, whether one of those is missing."""
        found: dict[str, dict[str, bool]] = {}
        for task in tasks:
            if task.collector in self._fallbacks.by_file:
                pods = found.setdefault(task.collector, {})
                pod = pod_of(task.target, self._pods)
                files = task.stands_in_for.files if task.stands_in_for else ()
                pods[pod] = pods.get(pod, False) or not self._paths.issuperset(files)
        return found

    def _has(self, name: str, pod: str, *, alone: bool) -> bool:
        """Whether it wrote for the pod. What is about the namespace is for every pod, if not `alone`."""
        wrote = self._wrote.get(name, set())
        return bool(wrote) if not pod else pod in wrote or (not alone and "" in wrote)
