"""Plans of collectors that stand in for each other, without the collectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from support.build import NOW, bundle, pod, task
from supportbundle.model.capability import Capability
from supportbundle.model.gap import Gap
from supportbundle.model.placing import Missing
from supportbundle.model.plan import Plan, Task
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan import PlanContext, Surroundings, build_plan


class Prepared:
    """A planner whose collectors write one file in each pod, but for those pods in which they plan a gap.

    One that is called `all` is about the namespace.
    """

    def __init__(self, gaps: Mapping[str, Sequence[str]], *, promise: bool = False) -> None:
        self._gaps = gaps
        self._promise = promise

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        del spec
        return frozenset({Capability.LOGS})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        if spec.name.startswith("all"):
            yield task(f"{spec.name}/list", target="list", collector=spec.name, claims=("list.json",))
            return
        for found in context.pods:
            if found.name in self._gaps.get(spec.name, ()):
                yield Gap.say("PodNotRunning", "gone", target=found.name, collector=spec.name)
                continue
            file = f"pods/{found.name}/{spec.name}/current.log"
            yield task(
                f"{spec.name}/{found.name}",
                target=f"{found.name}/app",
                collector=spec.name,
                claims=(file,),
                node=found.node,
                constants={file: Missing.NULL} if self._promise else {},
            )


def planned(
    *collectors: Mapping[str, Any],
    pods: Sequence[str] = ("p1", "p2"),
    gaps: Mapping[str, Sequence[str]] | None = None,
    promise: bool = False,
    **spec: Any,
) -> Plan:
    """The plan of collectors of type Logs with these fields, over pods on two nodes.

    `promise`: the collectors themselves want their files to be there in any case.
    """
    wanted = bundle(collectors=[{"type": "Logs", **fields} for fields in collectors], **spec)
    found = [pod(name, node=f"node-{index % 2}") for index, name in enumerate(pods)]
    return build_plan(wanted, Surroundings(found), {CollectorType.LOGS: Prepared(gaps or {}, promise=promise)}, NOW)


def by_id(plan: Plan) -> dict[str, Task]:
    """All tasks."""
    return {each.id: each for shard in plan.shards for each in shard.tasks}
