"""SIGKILL at random instants: one zip each time, of the same bytes as if nobody had been killed."""

from __future__ import annotations

import logging
import os
import random
import time
from typing import Any

import pytest

from support import breaking, sbundle
from support.kube import condition, get
from supportbundle.decide.report import Outcome
from supportbundle.model import names
from supportbundle.model.bundle import parse_bundle
from supportbundle.model.destination import parse_destination
from supportbundle.reconcile.assemble import Assembler
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.stores import Place
from supportbundle.storage.s3 import S3Store

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)
KILLS = int(os.environ.get("SUPPORTBUNDLE_KILLS", "5"))
AT_ONCE = 5
"""Bundles that one kill meets, each at another instant of its life."""
CROWD = 1.5
"""How much longer a bundle takes when so many run at once."""
SHAKY = {"name": "e2e-shaky"}
COLLECTORS = (
    *sbundle.LOGS,
    {"name": "heap", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "Heap"}, {"type": "Goroutine"}]}},
)


@pytest.mark.usefixtures("kept")
def test_an_operator_killed_at_random_instants_leaves_one_zip_of_the_same_bytes(workload: str, bucket: S3Store) -> None:
    seed = int(os.environ.get("SUPPORTBUNDLE_SEED") or random.SystemRandom().randrange(10**6))
    log.info("SUPPORTBUNDLE_SEED=%d", seed)
    instants = random.Random(seed)  # noqa: S311 - chance, not secrecy
    life = CROWD * one_life(workload, f"random-{seed}-alive")
    for first in range(0, KILLS, AT_ONCE):
        if first:
            breaking.fresh_operator()
        bundles = [f"random-{seed}-{number}" for number in range(first, min(first + AT_ONCE, KILLS))]
        met = run_and_kill(workload, bundles, [instants.uniform(0, life) for _ in bundles])
        for name in bundles:
            obj = sbundle.ready(workload, name, seconds=240)
            assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
            assert undisturbed(bucket, obj), f"{name}, killed while {met[name]}"


def one_life(namespace: str, name: str) -> float:
    """Seconds from apply to Ready."""
    began = time.monotonic()
    sbundle.create(namespace, name, COLLECTORS, capabilities=["Logs", "Profiles"], destination=SHAKY)
    sbundle.ready(namespace, name)
    return time.monotonic() - began


def run_and_kill(namespace: str, bundles: list[str], instants: list[float]) -> dict[str, str]:
    """Create each bundle so many seconds before the kill; returns in which phase each was met."""
    ages = sorted(instants, reverse=True)
    began = time.monotonic()
    for name, age in zip(bundles, ages, strict=True):
        time.sleep(max(0.0, ages[0] - age - (time.monotonic() - began)))  # the instant is what is tested
        sbundle.create(namespace, name, COLLECTORS, capabilities=["Logs", "Profiles"], destination=SHAKY)
    time.sleep(max(0.0, ages[0] - (time.monotonic() - began)))  # as above
    met = {name: breaking.phase(namespace, name) or "unseen" for name in bundles}
    breaking.kill_operator()
    log.info("killed: %s", met)
    return met


def undisturbed(bucket: S3Store, obj: dict[str, Any]) -> bool:
    """Whether there is one zip, equal to what one assembly without any fault makes of plan and fragments."""
    bundle = parse_bundle(obj)
    assert bundle.status.collection
    assert bundle.status.artifact
    key = bundle.status.artifact.key
    prefix = names.staging_prefix(breaking.cluster_id(), bundle.metadata.namespace, bundle.metadata.uid)
    plan = read_plan(bucket.get(names.plan_key(prefix)))
    place = Place(parse_destination(get("default", "sbdest", SHAKY["name"])), bucket)
    reference = f"reference/{bundle.metadata.uid}.zip"
    outcome: Outcome = Assembler(place, plan, bundle.status.collection, prefix, reference).run(bundle)
    assert outcome.artifact
    assert outcome.artifact.manifest_sha256 == bundle.status.artifact.manifest_sha256
    assert breaking.zips(bucket, obj) == [key]
    assert bucket.abort_uploads(key) == 0, "an upload was left open"
    return bucket.get(key) == bucket.get(reference)


def test_a_killed_collector_is_replaced(workload: str) -> None:
    sbundle.create(workload, "collector-killed", COLLECTORS, capabilities=["Logs", "Profiles"])
    breaking.kill(breaking.collector_pod(workload, "collector-killed"))
    obj = sbundle.ready(workload, "collector-killed", seconds=120)
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
