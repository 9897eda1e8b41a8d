"""A dry run answers what a run would take and need, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.memory import Fuse, Killed
from support.universe import CONFIG, KEY, STAGING, Universe
from supportbundle.model.capability import CLUSTER_VERB, EXTRA_VERB, VIEW_VERB
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler

BUNDLE = paths.bundle("team", "incident")


async def dry_run(universe: Universe, fuse: Fuse | None = None, **spec: Any) -> dict[str, Any]:
    """The status at the end, whatever dies on the way."""
    universe.api.objects[BUNDLE]["spec"] |= {"dryRun": True, **spec}
    universe.api.fuse = universe.store.fuse = fuse or Fuse()
    reconciler = Reconciler(universe.process())
    for _ in range(40):
        try:
            again = await reconciler.run(KEY)
        except Killed:
            universe.api.fuse.disarm()
            reconciler = Reconciler(universe.process())
            continue
        universe.run_collectors()
        if again is None:
            break
    found: dict[str, Any] = universe.api.objects[BUNDLE]["status"]
    return found


async def test_the_sample_becomes_an_estimate_and_nothing_is_kept(universe: Universe) -> None:
    status = await dry_run(universe)
    assert {"pods": 2, "tasks": 2, "bytes": 2_000_000, "seconds": 4, "sampledTasks": 2}.items() <= status[
        "estimate"
    ].items()
    assert (status["phase"], status.get("artifact")) == ("Ready", None)
    assert [c["reason"] for c in status["conditions"] if c["type"] == "Ready"] == ["DryRun"]
    assert not [key for key in universe.store.data if key.startswith((STAGING, "bundles/"))]
    for kind in ("jobs", "serviceaccounts", "rolebindings", "secrets"):
        assert universe.api.of(kind) == [], kind


async def test_a_missing_capability_is_named_and_is_part_of_the_role(universe: Universe) -> None:
    status = await dry_run(
        universe,
        capabilities=["Events"],
        collectors=[{"name": "logs", "type": "Logs"}, {"name": "events", "type": "Events"}],
    )
    assert status["estimate"]["missingCapabilities"] == ["Logs"]
    assert (status["estimate"]["tasks"], status["estimate"]["sampledTasks"]) == (3, 0)
    assert [w["reason"] for w in status["warnings"]] == ["NotAllowed"]
    role = yaml.safe_load(status["estimate"]["role"])
    granted = {(r["apiGroups"][0], resource) for r in role["rules"] for resource in r["resources"]}
    assert {("", "pods/log"), ("", "events"), ("supportbundle.dev", "supportbundledestinations")} <= granted
    assert role["metadata"]["namespace"] == "team"


async def test_the_rights_that_a_named_account_lacks_are_listed(universe: Universe) -> None:
    universe.api.access_allowed = False
    status = await dry_run(universe, serviceAccountName="robot", capabilities=["Logs"])
    assert status["estimate"]["missingRights"] == [
        "get pods/log",
        "list pods",
        "collect supportbundles.supportbundle.dev",
        "use supportbundledestinations.supportbundle.dev/default",
    ]


async def test_with_an_account_the_role_lets_the_requester_name_it(universe: Universe) -> None:
    universe.api.access_allowed = True
    estimate = (await dry_run(universe, serviceAccountName="robot"))["estimate"]
    assert "missingRights" not in estimate or estimate["missingRights"] == []
    rules = yaml.safe_load(estimate["role"])["rules"]
    assert {
        "apiGroups": [""],
        "resources": ["serviceaccounts"],
        "resourceNames": ["robot"],
        "verbs": ["impersonate"],
    } in rules
    assert ["collect"] in [rule["verbs"] for rule in rules]


async def test_the_rights_of_a_missing_capability_were_checked_by_nobody(universe: Universe) -> None:
    universe.api.access_allowed = True
    collectors = [{"name": "logs", "type": "Logs"}, {"name": "e", "type": "Events"}]
    status = await dry_run(universe, capabilities=["Events"], collectors=collectors)
    assert status["estimate"]["missingRights"] == ["get pods/log"]


async def test_all_that_was_checked_at_creation_is_not_missing(universe: Universe) -> None:
    assert not (await dry_run(universe))["estimate"].get("missingRights")


@pytest.mark.parametrize(("extra", "info"), [(True, False), (False, True), (True, True)])
async def test_what_resources_takes_beside_view_is_named(universe: Universe, *, extra: bool, info: bool) -> None:
    universe.config = CONFIG.model_copy(update={"extra_resources": extra})
    everything = {"name": "r", "type": "Resources", "resources": {"clusterInfo": info}}
    rights = (await dry_run(universe, collectors=[everything]))["estimate"]["missingRights"]
    verbs = [verb for verb, wanted in ((CLUSTER_VERB, info), (EXTRA_VERB, extra)) if wanted]
    assert rights == [f"{verb} supportbundles.supportbundle.dev" for verb in (VIEW_VERB, *verbs)]


async def test_no_matching_pod_is_an_estimate_of_nothing(universe: Universe) -> None:
    status = await dry_run(universe, target={"selector": {"matchLabels": {"app": "absent"}}})
    assert (status["estimate"]["pods"], status["estimate"]["tasks"]) == (0, 0)
    assert [w["reason"] for w in status["warnings"]] == ["TargetNotFound"]


@pytest.mark.parametrize("at", range(1, 40))
async def test_death_at_any_call_changes_no_estimate(universe: Universe, at: int) -> None:
    status = await dry_run(universe, Fuse(at=at, before=at % 2 == 0))
    assert status["estimate"]["bytes"] == 2_000_000
    assert universe.api.of("jobs") == []
