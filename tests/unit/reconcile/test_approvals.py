"""A bundle whose delivery somebody must approve: the words, the links, and that nothing is left of what was denied."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.build import NOW, UID
from support.universe import ARTIFACT, KEY, SPEC, STAGING, Universe
from supportbundle.model import names
from supportbundle.model.destination import ApprovalRule
from supportbundle.reconcile import paths
from supportbundle.reconcile.approvals import Answers
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.orphans import find_powers, take_back

BUNDLE = paths.bundle("team", "incident")
SAID = NOW + timedelta(minutes=1)


@pytest.fixture
def strict(universe: Universe) -> Universe:
    """The destination asks for approval within an hour."""
    rule = ApprovalRule(required=True, timeout=timedelta(hours=1))
    return replace(universe, spec=SPEC.model_copy(update={"approval": rule}))


def status(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE].get("status", {})
    return found


def ready(universe: Universe) -> dict[str, Any]:
    return next(c for c in status(universe)["conditions"] if c["type"] == "Ready")


def say(universe: Universe, name: str, decision: str, *, by: str = "ann", uid: str = UID) -> str:
    path = paths.named(names.APPROVALS, "team", name)
    spec = {"bundle": {"name": "incident", "uid": uid}, "decision": decision, "by": by, "reason": "because"}
    meta = {"name": name, "namespace": "team", "creationTimestamp": SAID.isoformat()}
    universe.api.put(path, {"metadata": meta, "spec": spec})
    return path


def heard(universe: Universe, path: str) -> tuple[str, str]:
    [condition] = universe.api.objects[path]["status"]["conditions"]
    return condition["status"], condition["reason"]


async def staged(universe: Universe) -> Reconciler:
    reconciler = Reconciler(universe.process())
    for _ in range(30):
        await reconciler.run(KEY)
        if ready(universe)["reason"] == "AwaitingApproval":
            assert names.staged_key(STAGING) in universe.store.data
            return reconciler
        universe.run_collectors()
    raise AssertionError(status(universe))


async def test_a_denied_bundle_leaves_nothing(strict: Universe) -> None:
    reconciler = await staged(strict)
    word = say(strict, "no", "Denied")
    await reconciler.run(KEY)
    assert (status(strict)["phase"], ready(strict)["reason"]) == ("Failed", "ApprovalDenied")
    assert "ann denied the delivery: because" in ready(strict)["message"]
    assert status(strict)["approval"] | {"at": ""} == {
        "state": "Denied", "by": "ann", "at": "", "name": "no", "reason": "because"
    }  # fmt: skip
    assert heard(strict, word) == ("True", "Denied")
    assert await reconciler.run(KEY) is None
    assert "staging" not in status(strict)
    assert strict.store.data == {}


async def test_silence_denies(strict: Universe) -> None:
    reconciler = await staged(strict)
    strict.now = NOW + timedelta(minutes=61)
    for _ in range(2):
        await reconciler.run(KEY)
    assert (status(strict)["phase"], ready(strict)["reason"]) == ("Failed", "ApprovalTimedOut")
    assert strict.store.data == {}


async def test_the_first_word_is_taken_and_recorded_before_anything_is_delivered(strict: Universe) -> None:
    reconciler = await staged(strict)
    first, second, foreign = (
        say(strict, "a", "Approved"),
        say(strict, "b", "Denied", by="bob"),
        say(strict, "c", "Denied", uid="99999999-2222-3333-4444-555555555555"),
    )
    await reconciler.run(KEY)
    assert status(strict)["approval"]["by"] == "ann"
    assert ready(strict)["reason"] == "Approved"
    assert heard(strict, first) == ("True", "Approved")
    assert heard(strict, second) == ("False", "AlreadyDecided")
    assert "status" not in strict.api.objects[foreign]
    assert names.staged_key(STAGING) in strict.store.data
    assert ARTIFACT not in strict.store.data


@pytest.mark.parametrize("decision", ["Approved", "Review"])
async def test_a_word_that_is_older_than_the_zip_counts_for_nothing(strict: Universe, decision: str) -> None:
    strict.now = SAID + timedelta(minutes=1)
    reconciler = await staged(strict)
    assert status(strict)["staged"]["at"] == "2026-11-21T12:02:00Z"
    word = say(strict, "early", decision)
    await reconciler.run(KEY)
    assert heard(strict, word) == ("False", "TooEarly")
    assert ready(strict)["reason"] == "AwaitingApproval"
    assert strict.api.of("roles") == []


async def test_nobodys_word_counts_while_nobody_checks_names(strict: Universe) -> None:
    reconciler = await staged(strict)
    strict.api.objects[paths.policy("p")]["metadata"]["creationTimestamp"] = "2030-01-01T00:00:00Z"
    word = say(strict, "a", "Approved")
    reconciler = Reconciler(strict.process())
    await reconciler.run(KEY)
    assert heard(strict, word) == ("False", "CreatedUnchecked")
    assert ready(strict)["reason"] == "AwaitingApproval"


LINK = names.review_name(UID, "ann")


async def test_a_reviewer_gets_a_link_that_is_renewed_and_goes_with_the_decision(strict: Universe) -> None:
    reconciler = await staged(strict)
    word = say(strict, "look", "Review")
    await reconciler.run(KEY)
    assert heard(strict, word) == ("True", "LinkReady")
    secret = strict.api.objects[paths.named("secrets", "system", LINK)]
    assert base64.b64decode(secret["data"]["url"]).decode() == f"memory:{names.staged_key(STAGING)}?seconds=900"
    [rule] = strict.api.objects[paths.named("roles", "system", LINK)]["rules"]
    assert rule == {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [LINK], "verbs": ["get"]}
    [subject] = strict.api.objects[paths.named("rolebindings", "system", LINK)]["subjects"]
    assert subject["name"] == "ann"
    strict.now = NOW + timedelta(minutes=50)
    await reconciler.run(KEY)
    secret = strict.api.objects[paths.named("secrets", "system", LINK)]
    assert base64.b64decode(secret["data"]["url"]).endswith(b"?seconds=600"), "the deadline is in ten minutes"
    assert "memory:" not in str(status(strict)) + str(strict.api.objects[word])
    say(strict, "no", "Denied", by="bob")
    for _ in range(2):
        await reconciler.run(KEY)
    assert strict.api.of("roles") == strict.api.of("secrets") == strict.api.of("rolebindings") == []
    assert heard(strict, word) == ("False", "ReviewClosed")


async def test_a_review_that_is_taken_back_has_no_link(strict: Universe) -> None:
    reconciler = await staged(strict)
    word = say(strict, "look", "Review")
    await reconciler.run(KEY)
    del strict.api.objects[word]
    await reconciler.run(KEY)
    assert strict.api.of("roles") == strict.api.of("secrets") == []


async def test_a_link_of_a_bundle_that_is_over_is_swept(strict: Universe) -> None:
    reconciler = await staged(strict)
    say(strict, "look", "Review")
    await reconciler.run(KEY)
    deps = strict.process()
    found = await find_powers(NOW, deps)
    await take_back(found, {UID}, deps)
    assert LINK in strict.api.of("secrets")
    await take_back(found, set(), deps)
    assert strict.api.of("roles") == strict.api.of("secrets") == strict.api.of("rolebindings") == []


@pytest.mark.parametrize("required", [True, False])
async def test_words_that_no_step_would_hear_are_answered_too(universe: Universe, *, required: bool) -> None:
    rule = ApprovalRule(required=required)
    world = replace(universe, spec=SPEC.model_copy(update={"approval": rule}))
    path = say(world, "early", "Approved")
    answers = Answers(world.process())
    await answers.run(Key("team", "early", world.api.objects[path]["metadata"]["uid"]))
    assert heard(world, path) == ("False", "TooEarly" if required else "NotRequired")
    del world.api.objects[BUNDLE]
    path = say(world, "lost", "Approved")
    await answers.run(Key("team", "lost", world.api.objects[path]["metadata"]["uid"]))
    assert heard(world, path) == ("False", "NoSuchBundle")
