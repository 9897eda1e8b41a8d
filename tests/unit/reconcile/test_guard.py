"""Without the admission policies only accounts that an admin has marked may collect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from support.build import bundle
from supportbundle.errors import NotFound
from supportbundle.kube.client import Client
from supportbundle.model.capability import CLUSTER_VERB
from supportbundle.reconcile.guard import Checks, Guard

TOKEN = [{"name": "x", "secret": "s", "key": "k"}]
PLAIN = {"name": "h", "type": "HTTP", "http": {"port": 80}}
WITH_TOKEN = {"name": "h", "type": "HTTP", "http": {"port": 80, "headersFrom": TOKEN}}
SHAPES = {"name": "c", "type": "Config", "config": {"secretShapes": True}}
PROFILE = {"name": "p", "type": "Profile", "profile": {"port": 80, "headersFrom": TOKEN}}
AUTHORITY = {"name": "h", "type": "HTTP", "http": {"port": 80, "tls": {"caFrom": {"secret": "s", "key": "k"}}}}


class Api:
    """A cluster without policies, and an account that holds these verbs on these resources."""

    def __init__(self, *held: tuple[str, str]) -> None:
        self._held = held

    async def get(self, path: str) -> dict[str, Any]:
        raise NotFound(path)

    async def create(self, _: str, review: Mapping[str, Any]) -> dict[str, Any]:
        asked = review["spec"]["resourceAttributes"]
        return {"status": {"allowed": (asked["verb"], asked["resource"]) in self._held}}


class Policies:
    """A cluster in which these policies came into force at these hours of a day."""

    def __init__(self, **hours: int) -> None:
        self.hours = {f"x-{name.replace('_', '-')}": hour for name, hour in hours.items()}
        self.asked = 0

    async def get(self, path: str) -> dict[str, Any]:
        self.asked += 1
        name = path.rsplit("/", 1)[1]
        if name not in self.hours:
            raise NotFound(path)
        meta = {"creationTimestamp": hour(self.hours[name]).isoformat()}
        return {"metadata": meta, "spec": {"policyName": name, "validationActions": ["Deny"]}}

    def guard(self, *more: str) -> Guard:
        return Guard(cast("Client", self), (*self.hours, *more), lambda: 0.0)


def hour(number: int) -> datetime:
    return datetime(2026, 11, 21, number, tzinfo=UTC)


async def test_only_the_policies_on_a_kind_say_since_when_its_authors_are_checked() -> None:
    api = Policies(requester=1, requester_logs=2, schedules=3, approvals=4, operator_never=9)
    guard = api.guard()
    assert [await guard.since(checks) for checks in Checks] == [hour(2), hour(3), hour(4)]
    assert await guard.saw(Checks.APPROVALS, hour(5))
    assert not await guard.saw(Checks.APPROVALS, hour(4))
    del api.hours["x-requester-logs"]
    other = api.guard("x-requester-logs")
    assert [await other.since(checks) for checks in Checks] == [None, hour(3), hour(4)]


async def test_a_policy_that_an_upgrade_adds_makes_no_stranger_of_a_bundle_that_it_does_not_check() -> None:
    assert await Policies(requester=1, schedules=23).guard().refusal(bundle()) is None
    refusal = await Policies(requester=23, schedules=1).guard().refusal(bundle())
    assert refusal is not None
    assert refusal.reason == "CreatedUnchecked"


async def test_now_asks_for_the_named_policies_whatever_was_heard_before() -> None:
    api = Policies(requester=1, schedules=3, approvals=4)
    guard = api.guard()
    await guard.since(Checks.SCHEDULES)
    api.hours["x-schedules"], api.asked = 5, 0
    assert await guard.since(Checks.SCHEDULES) == hour(3)
    assert await guard.since(Checks.SCHEDULES, now=True) == hour(5)
    assert api.asked == 2


MARKED = (("collect", "supportbundles"), ("use", "supportbundledestinations"))


async def refused(api: Api, collector: dict[str, Any], account: str | None = "robot", **more: Any) -> bool:
    spec = bundle(
        collectors=[collector], capabilities=["HTTP", "Config", "Profiles"], serviceAccountName=account, **more
    )
    return await Guard(cast("Client", api), ("p",), lambda: 0.0).refusal(spec) is not None


async def test_a_marked_account_may_collect_and_nobody_else() -> None:
    assert not await refused(Api(*MARKED), PLAIN)
    assert await refused(Api(*MARKED), PLAIN, account=None)
    assert await refused(Api(*MARKED[:1]), PLAIN)
    assert await refused(Api(), PLAIN)


STEPS = {
    "name": "a",
    "type": "API",
    "api": {"port": 80, "steps": [{"name": "x", "path": "/", "output": "x"}], "headersFrom": TOKEN},
}


@pytest.mark.parametrize("collector", [STEPS, WITH_TOKEN, SHAPES, PROFILE, AUTHORITY])
async def test_whoever_uses_secrets_must_be_allowed_to_read_them(collector: dict[str, Any]) -> None:
    assert await refused(Api(*MARKED), collector)
    assert not await refused(Api(*MARKED, ("get", "secrets")), collector)


async def test_facts_of_the_cluster_take_their_own_right_because_the_operator_reads_them() -> None:
    info = {"name": "r", "type": "Resources", "resources": {"clusterInfo": True}}
    assert await refused(Api(*MARKED), info)
    assert not await refused(Api(*MARKED, (CLUSTER_VERB, "supportbundles")), info)
    assert not await refused(Api(*MARKED), {"name": "r", "type": "Resources"})


async def test_a_template_takes_the_right_to_use_it_and_the_secrets_that_it_is_given() -> None:
    named: dict[str, Any] = {"name": "preset"}
    assert await refused(Api(*MARKED), PLAIN, templateRef=named)
    user = (*MARKED, ("use", "supportbundletemplates"))
    assert not await refused(Api(*user), PLAIN, templateRef=named)
    given = named | {"secrets": {"token": {"name": "mm-admin"}}}
    assert await refused(Api(*user), PLAIN, templateRef=given)
    assert not await refused(Api(*user, ("get", "secrets")), PLAIN, templateRef=given)
