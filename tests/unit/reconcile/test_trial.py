"""The trial that `helm test` runs: it says what it sees, and ends as the bundle ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from support.memory import Fuse, MemoryApi
from supportbundle.errors import DeadlineExceeded
from supportbundle.kube.client import Client
from supportbundle.model.bundle import parse_bundle
from supportbundle.reconcile import paths
from supportbundle.reconcile.trial import Trial, TrialFailed, manifest

PATH = paths.bundle("ops", "sb-test")
SINCE = "2026-11-21T00:00:00Z"


class Operator:
    """Writes one condition each time that the trial pauses."""

    def __init__(self, api: MemoryApi, *statuses: tuple[str, str, str]) -> None:
        self._api = api
        self._statuses: Iterator[tuple[str, str, str]] = iter(statuses)

    async def work(self, _: float) -> None:
        kind, reason, message = next(self._statuses)
        condition = {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": SINCE}
        ready: dict[str, Any] = {**condition, "type": "Ready", "status": "True" if kind == "Ready" else "False"}
        self._api.objects[PATH]["status"] = {"conditions": [condition, ready] if kind != "Ready" else [ready]}


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi(Fuse())


def trial(api: MemoryApi, said: list[str], *statuses: tuple[str, str, str]) -> Trial:
    return Trial(cast("Client", api), "ops", "sb-test", said.append, Operator(api, *statuses).work)


async def test_a_ready_bundle_is_a_working_installation(api: MemoryApi) -> None:
    said: list[str] = []
    statuses = (("Reconciling", "Collecting", "1 of 1."), ("Ready", "Complete", "The bundle is ready."))
    await trial(api, said, *statuses).run(None, 60)
    assert said == [
        "SupportBundle ops/sb-test is made.",
        "The operator has not looked at it yet.",
        "Collecting: 1 of 1.",
        "Complete: The bundle is ready.",
    ]


async def test_a_bundle_that_ends_badly_fails_with_the_cause_and_where_to_look(api: MemoryApi) -> None:
    said: list[str] = []
    with pytest.raises(TrialFailed, match=r"kubectl -n ops describe sbundle sb-test"):
        await trial(api, said, ("Stalled", "StoreDenied", "The bucket is missing.")).run(None, 60)
    assert said[-1] == "StoreDenied: The bucket is missing."


async def test_a_bundle_that_nobody_looks_at_fails_in_time(api: MemoryApi) -> None:
    with pytest.raises(DeadlineExceeded, match="did not end within 0 s"):
        await trial(api, []).run(None, 0)


async def test_the_bundle_of_the_trial_before_is_replaced(api: MemoryApi) -> None:
    api.put(PATH, {"metadata": {"name": "sb-test", "uid": "old"}, "status": {"phase": "Ready"}})
    await trial(api, [], ("Ready", "Complete", "Done.")).run("helper", 60)
    assert api.objects[PATH]["metadata"]["uid"] != "old"
    assert api.objects[PATH]["spec"]["serviceAccountName"] == "helper"


@pytest.mark.parametrize("account", [None, "helper"])
def test_the_bundle_of_the_trial_is_one_that_the_operator_reads(account: str | None) -> None:
    made = manifest("sb-test", account)
    made["metadata"] |= {"namespace": "ops", "uid": "u", "creationTimestamp": SINCE}
    assert parse_bundle(made).spec.service_account_name == account
