"""Steps that fail or are overtaken: the status explains, and nothing is left behind that nobody knows of."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from support.universe import ARTIFACT, KEY, STAGING, Universe
from supportbundle.errors import Invalid, StoreDenied, SupportBundleError, Unavailable
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler

BUNDLE = paths.bundle("team", "incident")


def status(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE].get("status", {})
    return found


def ready(universe: Universe) -> dict[str, Any]:
    return next(c for c in status(universe)["conditions"] if c["type"] == "Ready")


async def steps(universe: Universe, until: str, *, collect: bool = True) -> Reconciler:
    """Steps of one process until the Ready condition has this reason."""
    reconciler = Reconciler(universe.process())
    for _ in range(30):
        await reconciler.run(KEY)
        if status(universe) and ready(universe)["reason"] == until:
            return reconciler
        if collect:
            universe.run_collectors()
    raise AssertionError(status(universe))


@pytest.mark.parametrize("error", [StoreDenied("keys are being rotated"), Unavailable("no answer")])
async def test_a_store_that_fails_for_a_while_costs_nothing(universe: Universe, error: SupportBundleError) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.run_collectors()
    universe.store.failure = error
    for _ in range(3):
        with contextlib.suppress(Unavailable):
            await reconciler.run(KEY)
        assert ready(universe)["reason"] == error.reason
        assert status(universe)["phase"] == "Collecting"
    universe.store.failure = None
    for _ in range(5):
        await reconciler.run(KEY)
    assert ready(universe)["reason"] == "Complete"


async def test_a_failure_that_no_repetition_can_mend_ends_the_bundle_and_its_power(universe: Universe) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.store.failure = Invalid("the destination makes no sense", "An admin must correct it.")
    await reconciler.run(KEY)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Failed", "Invalid")
    assert "An admin must correct it." in ready(universe)["message"]
    assert universe.api.of("jobs") == universe.api.of("rolebindings") == []


async def test_a_bundle_cancelled_while_its_zip_is_made_leaves_no_zip(universe: Universe) -> None:
    reconciler = await steps(universe, "Assembling")
    universe.store.data[ARTIFACT] = b"a zip that nobody was told of"
    universe.api.objects[BUNDLE]["spec"]["cancel"] = True
    await reconciler.run(KEY)
    assert status(universe)["phase"] == "Cancelled"
    assert universe.store.data == {}


async def test_a_bundle_deleted_while_it_runs_leaves_nothing(universe: Universe) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.run_collectors()
    del universe.api.objects[BUNDLE]
    assert await reconciler.run(KEY) is None
    assert universe.store.data == {}
    assert universe.api.of("jobs") == universe.api.of("secrets") == universe.api.of("serviceaccounts") == []


@pytest.mark.parametrize(
    "claim", [b"{}", b"not json", b'{"shard":0,"tasksDone":-1,"targetsDone":0,"bytes":0,"at":"2026-11-21T00:00:00Z"}',
              b'{"shard":0,"tasksDone":1,"targetsDone":0,"bytes":' + b"9" * 40 + b',"at":"2026-11-21T00:00:00Z"}',
              b"x" * 10_000]
)  # fmt: skip
async def test_a_hostile_progress_is_no_progress(universe: Universe, claim: bytes) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.store.data[names.progress_key(STAGING, 0)] = claim
    await reconciler.run(KEY)
    assert status(universe)["progress"]["tasks"]["done"] == 0
    universe.run_collectors()
    for _ in range(4):
        await reconciler.run(KEY)
    assert status(universe)["phase"] == "Ready"


async def test_a_corrupt_fragment_costs_its_own_tasks_and_is_named(universe: Universe) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.store.data[names.fragment_key(STAGING, 0)] = b"garbage"
    for _ in range(4):
        await reconciler.run(KEY)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Failed", "CollectionFailed")
    assert {w["reason"] for w in status(universe)["warnings"]} == {"Corrupt"}
    assert ARTIFACT not in universe.store.data


async def test_a_bundle_older_than_the_policies_is_refused(universe: Universe) -> None:
    universe.api.objects[paths.policy("p")]["metadata"]["creationTimestamp"] = "2030-01-01T00:00:00Z"
    await steps(universe, "CreatedUnchecked")
    assert universe.store.data == {}


@pytest.mark.parametrize(
    "spec", [{"validationActions": ["Audit"]}, {"matchResources": {"x": 1}}, {"policyName": "other"}]
)
async def test_a_binding_that_does_not_bind_everybody_counts_as_missing(
    universe: Universe, spec: dict[str, Any]
) -> None:
    universe.api.objects[paths.policy_binding("p")]["spec"] |= spec
    await steps(universe, "PoliciesMissing")


@pytest.mark.parametrize(("allowed", "reason"), [(False, "PoliciesMissing"), (True, "Collecting")])
async def test_without_policies_only_an_account_marked_for_collecting_may(
    universe: Universe, *, allowed: bool, reason: str
) -> None:
    del universe.api.objects[paths.policy("p")]
    universe.api.objects[BUNDLE]["spec"]["serviceAccountName"] = "mine"
    universe.api.access_allowed = allowed
    await steps(universe, reason, collect=False)
