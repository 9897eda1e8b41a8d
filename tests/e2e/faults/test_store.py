"""Object storage that is slow, refuses, lies about lengths or loses its answers, while a bundle runs."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from support import breaking, sbundle
from support.faultproxy import Fault, FaultProxy, answers, lost, slow, truncated
from support.kube import condition, kubectl
from supportbundle.storage.s3 import S3Store

pytestmark = pytest.mark.e2e
SHAKY = {"name": "e2e-shaky"}
BUSY = answers(503, "SlowDown")
DENIED = answers(403, "AccessDenied")
PASSING: dict[str, list[tuple[str, str, Fault, int]]] = {
    "busy": [
        ("ListObjects", "staging/", BUSY, 4),
        ("PutObject", "plan", BUSY, 4),
        ("PutObject", "fragments/", BUSY, 3),
        ("*", "bundles/", BUSY, 4),
    ],
    "lost": [
        ("PutObject", "plan", lost, 1),
        ("PutObject", "fragments/", lost, 1),
        ("*", "bundles/", lost, 4),
    ],
    "odd": [
        ("PutObject", "fragments/", DENIED, 2),
        ("GetObject", "staging/", truncated, 4),
        ("*", "", slow(0.5), 20),
    ],
}
"""Operation, part of the key, what happens, and how often; the first that matches strikes."""


@pytest.mark.parametrize("faults", PASSING)
def test_a_store_that_recovers_costs_time_and_nothing_else(
    workload: str, proxy: FaultProxy, bucket: S3Store, faults: str
) -> None:
    with ExitStack() as stack:
        rules = [
            stack.enter_context(proxy.on(operation, fault, key=key, times=times))
            for operation, key, fault, times in PASSING[faults]
        ]
        sbundle.create(workload, f"passing-{faults}", destination=SHAKY)
        obj = sbundle.ready(workload, f"passing-{faults}", seconds=120)
    assert all(rule.met for rule in rules), rules
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
    assert len(breaking.zips(bucket, obj)) == 1


def test_a_store_that_stays_busy_is_named_with_its_word(workload: str, proxy: FaultProxy) -> None:
    with proxy.on("*", BUSY):
        sbundle.create(workload, "store-busy", destination=SHAKY)
        message = breaking.told(workload, "store-busy", "Unavailable")
    assert "SlowDown (503)" in message
    assert "tried again" in message
    assert sbundle.ready(workload, "store-busy", seconds=120)


def test_refused_credentials_stop_a_bundle_that_waits(workload: str, proxy: FaultProxy) -> None:
    with proxy.on("*", DENIED):
        sbundle.create(workload, "store-denied", destination=SHAKY)
        stalled = condition(sbundle.finished(workload, "store-denied", seconds=60), "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "StoreDenied")
    assert "s3:PutObject" in stalled["message"]


def test_refused_credentials_are_waited_for_while_a_bundle_runs(workload: str, proxy: FaultProxy) -> None:
    """Keys that are being rotated: what was collected must not be lost to them."""
    sbundle.create(workload, "store-rotated", destination=SHAKY)
    with proxy.on("*", DENIED, key="fragments/|bundles/"):
        breaking.told(workload, "store-rotated", "Collecting")
        with proxy.on("ListObjects", DENIED):
            breaking.told(workload, "store-rotated", "StoreDenied")
    kubectl("-n", workload, "annotate", "sbundle", "store-rotated", "tests/rotated=true")  # or it looks in 15 s
    assert sbundle.ready(workload, "store-rotated", seconds=120)


def test_a_clock_that_is_wrong_is_named_and_waited_for(workload: str, proxy: FaultProxy) -> None:
    with proxy.on("*", answers(403, "RequestTimeTooSkewed")):
        sbundle.create(workload, "store-skewed", destination=SHAKY)
        message = breaking.told(workload, "store-skewed", "Unavailable", "StoreDenied")
    assert "clock" in message
    assert "s3:PutObject" not in message
    assert sbundle.ready(workload, "store-skewed", seconds=120)
