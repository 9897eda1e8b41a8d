"""Steps that fail or are overtaken: the status explains, and nothing is left behind that nobody knows of."""

from __future__ import annotations

import asyncio
import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.build import NOW
from support.memory import SlowStore
from support.universe import ARTIFACT, CONFIG, KEY, STAGING, Universe
from supportbundle.errors import Invalid, StoreDenied, SupportBundleError, Unavailable
from supportbundle.model import names
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.setup import BUCKET_SECONDS, ensure_bucket

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
    with contextlib.suppress(Invalid):
        await reconciler.run(KEY)
    assert universe.api.of("jobs") == universe.api.of("rolebindings") == []


async def test_a_bundle_cancelled_while_its_zip_is_made_leaves_no_zip(universe: Universe) -> None:
    reconciler = await steps(universe, "Assembling")
    universe.store.data[ARTIFACT] = b"a zip that nobody was told of"
    universe.api.objects[BUNDLE]["spec"]["cancel"] = True
    await reconciler.run(KEY)
    assert status(universe)["phase"] == "Cancelled"
    assert await reconciler.run(KEY) is None
    assert universe.store.data == {}


async def test_the_first_word_about_a_bundle_asks_no_store(universe: Universe) -> None:
    universe.store.failure = Unavailable("no answer")
    await Reconciler(universe.process()).run(KEY)
    assert ready(universe)["reason"] == "Pending"


async def test_a_bundle_deleted_while_it_runs_leaves_nothing(universe: Universe) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    universe.run_collectors()
    del universe.api.objects[BUNDLE]
    assert await reconciler.run(KEY) is None
    assert universe.store.data == {}
    assert universe.api.of("jobs") == universe.api.of("secrets") == universe.api.of("serviceaccounts") == []


async def test_a_bundle_deleted_while_its_zip_is_made_leaves_no_zip(universe: Universe) -> None:
    store = SlowStore(universe.store.fuse)
    universe = replace(universe, store=store, pool=ThreadPoolExecutor(1))
    reconciler = await steps(universe, "Assembling")
    assembly = asyncio.create_task(reconciler.run(KEY))
    await asyncio.to_thread(store.begun.wait, 10)
    del universe.api.objects[BUNDLE]
    store.go_on.set()
    assert await assembly is None
    assert await reconciler.run(KEY) is None
    assert store.data == {}


async def test_a_zip_that_was_said_to_be_ready_outlives_its_resource(universe: Universe) -> None:
    reconciler = await steps(universe, "Complete")
    await reconciler.run(KEY)
    del universe.api.objects[BUNDLE]
    await reconciler.run(KEY)
    assert list(universe.store.data) == [ARTIFACT]


async def test_where_a_bundle_is_staged_stands_in_the_status_until_its_zip_is_where_it_stays(
    universe: Universe,
) -> None:
    reconciler = Reconciler(universe.process())
    while "staging" not in status(universe):
        assert universe.store.writes == [], "nothing is stored before it is said where"
        await reconciler.run(KEY)
    assert status(universe)["staging"] == {"destination": "default", "bucket": "bucket", "prefix": ""}
    await steps(universe, "Complete")
    assert "staging" not in status(universe)


@pytest.mark.parametrize("going", [True, False], ids=["namespace-goes", "namespace-stays"])
async def test_a_pod_that_goes_ends_the_bundle_only_if_its_namespace_goes_too(
    universe: Universe, *, going: bool
) -> None:
    reconciler = await steps(universe, "Collecting", collect=False)
    deleted = {"deletionTimestamp": "2026-11-21T12:00:00Z"}
    (job,) = (path for path in universe.api.objects if "/jobs/" in path)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": True}
    owner["uid"] = universe.api.objects[job]["metadata"]["uid"]
    labels = names.labels(KEY.name, KEY.uid)
    described = {"name": "p", "namespace": "team", "labels": labels, "creationTimestamp": "2026-11-21T12:00:00Z"}
    universe.api.put(
        "/api/v1/namespaces/team/pods/p",
        {"metadata": {**described, **deleted, "ownerReferences": [owner]}, "status": {"phase": "Failed"}},
    )
    universe.api.put(paths.namespace("team"), {"metadata": {"name": "team", **(deleted if going else {})}})
    await reconciler.run(KEY)
    assert ready(universe)["reason"] == ("NamespaceTerminating" if going else "Collecting")
    await reconciler.run(KEY)
    assert bool(universe.api.of("jobs")) != going


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


async def test_a_plan_that_no_secret_can_hold_ends_the_bundle_before_anything_is_made(universe: Universe) -> None:
    noise = random.Random(1)  # noqa: S311 - bytes that do not pack, the same each time
    collectors = [
        {"name": f"e{n}", "type": "Exec", "exec": {"command": [noise.randbytes(500).hex() for _ in range(40)]}}
        for n in range(50)
    ]
    universe.api.objects[BUNDLE]["spec"] |= {"collectors": collectors, "capabilities": ["Exec"]}
    await steps(universe, "PlanTooLarge")
    assert status(universe)["phase"] == "Failed"
    assert "Narrow the target" in ready(universe)["message"]
    assert universe.store.data == {}


class Booting:
    """A clock, and a store whose bucket is missing at first."""

    def __init__(self, universe: Universe) -> None:
        self.now = NOW
        universe.store.failure = StoreDenied("object storage answered NoSuchBucket (404).")


def with_bucket(universe: Universe, booting: Booting, *, create: bool) -> Deps:
    s3 = S3Options(bucket="bucket")
    config = CONFIG.model_copy(
        update={"create_bucket": create, "default_destination": DestinationSpec(type=DestinationType.S3, s3=s3)}
    )
    return replace(universe.process(), config=config, clock=lambda: booting.now)


async def test_a_bundle_waits_for_a_bucket_that_the_operator_makes(universe: Universe) -> None:
    booting = Booting(universe)
    reconciler = Reconciler(with_bucket(universe, booting, create=True))
    for _ in range(4):
        await reconciler.run(KEY)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Pending", "StoreDenied")
    assert "NoSuchBucket" in ready(universe)["message"]
    universe.store.failure = None
    for _ in range(4):
        await reconciler.run(KEY)
    assert status(universe)["phase"] == "Collecting"


@pytest.mark.parametrize(("create", "after"), [(False, timedelta(0)), (True, timedelta(minutes=3))])
async def test_a_bucket_that_nobody_makes_is_not_waited_for(
    universe: Universe, *, create: bool, after: timedelta
) -> None:
    booting = Booting(universe)
    reconciler = Reconciler(with_bucket(universe, booting, create=create))
    for _ in range(2):
        await reconciler.run(KEY)
    booting.now += after
    await reconciler.run(KEY)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Failed", "StoreDenied")


async def test_the_bucket_is_tried_until_it_is_there_and_the_log_says_so_once(
    universe: Universe, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            universe.store.failure = None

    deps = with_bucket(universe, Booting(universe), create=True)
    with caplog.at_level("WARNING"):
        await ensure_bucket(deps, pause)
    assert pauses == [BUCKET_SECONDS] * 5
    assert len(caplog.records) == 1
    await ensure_bucket(with_bucket(universe, Booting(universe), create=False), pause)
    assert len(pauses) == 5
