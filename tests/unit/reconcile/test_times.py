"""Where the time of a bundle went, as the metrics tell it: a reviewer's nights are not the operator's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.build import NOW, UID
from support.memory import MemoryStore
from support.universe import KEY, SPEC, Universe
from supportbundle.metrics import Metrics
from supportbundle.model import names
from supportbundle.model.destination import ApprovalRule
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler


def seconds(metrics: Metrics) -> dict[str, float]:
    """What each histogram of times has added up, by stage; `all` for bundles as a whole."""
    families = (*metrics.stages.collect(), *metrics.duration.collect())
    samples = [sample for family in families for sample in family.samples if sample.name.endswith("_sum")]
    return {sample.labels.get("stage", "all"): sample.value for sample in samples}


async def test_the_wait_for_an_approval_is_a_stage_of_its_own(universe: Universe) -> None:
    rule = ApprovalRule(required=True, timeout=timedelta(days=2))
    theirs = MemoryStore(universe.api.fuse, beside=universe.store)
    world = replace(universe, spec=SPEC.model_copy(update={"approval": rule}), outside=theirs)
    world.stores.copies = True
    deps = world.process()
    reconciler = Reconciler(deps)
    path, approval = paths.bundle("team", "incident"), paths.named(names.APPROVALS, "team", "yes")
    for _ in range(60):
        await reconciler.run(KEY)
        world.run_collectors()
        phase = world.api.objects[path]["status"]["phase"]
        if phase == "AwaitingApproval" and approval not in world.api.objects:
            world.now = NOW + timedelta(days=1)
            meta = {"name": "yes", "namespace": "team", "creationTimestamp": world.now.isoformat()}
            word = {"bundle": {"name": "incident", "uid": UID}, "decision": "Approved", "by": "ann", "reason": "x"}
            world.api.put(approval, {"metadata": meta, "spec": word})
        if phase == "Ready":
            break
    assert seconds(deps.metrics) == {
        "Waiting": 0, "Collecting": 0, "Assembling": 0, "AwaitingApproval": 86400, "Delivering": 0, "all": 0,
    }  # fmt: skip
