"""The key of a destination's pseudonyms: made once, handed to the collectors, and nowhere else to be seen."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
from typing import Any, cast

import pytest

from support.build import bundle, pod
from support.universe import KEY, Universe
from supportbundle.errors import Conflict, Forbidden, Invalid, NotFound
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.plan import Plan
from supportbundle.plan import Surroundings, build_plan
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.pseudonyms import KEY_BYTES, ensure_key, known_key

SECRET = paths.named("secrets", "system", names.pseudonym_secret("default"))
RUN = paths.named("secrets", "team", names.run_name(KEY.uid))


async def launched(universe: Universe, **sanitization: Any) -> dict[str, Any]:
    """The run's Secret once the collectors are started."""
    universe.api.objects[paths.bundle("team", "incident")]["spec"]["sanitization"] = sanitization
    reconciler = Reconciler(universe.process())
    for _ in range(10):
        await reconciler.run(KEY)
        if RUN in universe.api.objects:
            return universe.api.objects[RUN]
    raise AssertionError(json.dumps(universe.api.objects[paths.bundle("team", "incident")].get("status"), indent=1))


def key_of(universe: Universe) -> bytes:
    return base64.b64decode(universe.api.objects[SECRET]["data"]["key"])


async def test_the_key_is_made_when_a_bundle_asks_and_given_to_its_collectors(universe: Universe) -> None:
    run = await launched(universe, pseudonymize=["IP"])
    assert len(key_of(universe)) == KEY_BYTES
    assert base64.b64decode(run["data"]["pseudonyms.key"]) == key_of(universe)
    metadata = universe.api.objects[SECRET]["metadata"]
    assert "ownerReferences" not in metadata
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "supportbundle-operator"


async def test_no_key_is_made_for_bundles_that_do_not_ask(universe: Universe) -> None:
    run = await launched(universe)
    assert SECRET not in universe.api.objects
    assert "pseudonyms.key" not in run["data"]


async def test_the_key_stands_in_two_secrets_and_nowhere_else(
    universe: Universe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await launched(universe, pseudonymize=["IP", "User"], users=["alice"])
    key = key_of(universe)
    forms = [base64.b64encode(key).decode(), key.hex()]
    stored = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in universe.store.data.values()]
    elsewhere = [json.dumps(obj) for path, obj in universe.api.objects.items() if path not in {SECRET, RUN}]
    for form in forms:
        assert form not in caplog.text
        assert not any(form in text for text in elsewhere)
        assert not any(form.encode() in data for data in stored)
    assert not any(key in data for data in stored)


async def test_all_bundles_of_a_destination_have_one_key_and_others_another(universe: Universe) -> None:
    client = cast("Client", universe.api)
    first = await ensure_key(client, "system", "default")
    assert await ensure_key(client, "system", "default") == first
    assert await ensure_key(client, "system", "other") != first


async def test_of_two_operators_the_first_ones_key_stands(universe: Universe) -> None:
    class Late:
        """Sees no Secret until it tries to make one."""

        looked = False

        async def get(self, path: str) -> dict[str, Any]:
            if not self.looked:
                self.looked = True
                raise NotFound("not yet")
            return await universe.api.get(path)

        async def create(self, path: str, _: object) -> dict[str, Any]:
            raise Conflict(f"{path} exists")

    first = await ensure_key(cast("Client", universe.api), "system", "default")
    assert await ensure_key(cast("Client", Late()), "system", "default") == first


@pytest.mark.parametrize("data", [None, {}, {"key": ""}, {"key": "c2hvcnQ="}, {"key": "%%%"}])
async def test_a_secret_without_a_key_is_refused_and_not_overwritten(universe: Universe, data: object) -> None:
    universe.api.put(SECRET, {"metadata": {"name": names.pseudonym_secret("default")}, "data": data})
    with pytest.raises(Invalid, match="supportbundle-pseudonyms-default"):
        await ensure_key(cast("Client", universe.api), "system", "default")
    assert universe.api.objects[SECRET]["data"] == data


async def test_revealing_reads_the_key_and_makes_none(universe: Universe) -> None:
    client = cast("Client", universe.api)
    with pytest.raises(NotFound, match="no bundle has asked for pseudonyms"):
        await known_key(client, "system", "default")
    assert SECRET not in universe.api.objects
    key = await ensure_key(client, "system", "default")
    assert await known_key(client, "system", "default") == key


async def test_who_may_not_read_the_secret_is_told_the_right() -> None:
    class Closed:
        async def get(self, _: str) -> dict[str, Any]:
            raise Forbidden("User ann cannot get it.")

    with pytest.raises(Forbidden, match="right get on secrets/supportbundle-pseudonyms-default in namespace system"):
        await known_key(cast("Client", Closed()), "system", "default")


def test_the_names_of_secrets_are_valid_and_differ() -> None:
    long = ["a" * 253, "a" * 252 + "b", "default"]
    found = [names.pseudonym_secret(name) for name in long]
    assert len(set(found)) == len(found)
    assert all(len(name) <= 253 for name in found)


def test_the_plan_says_what_to_replace_and_names_the_nodes() -> None:
    wanted = {"pseudonymize": ["Hostname", "User"], "hostnames": ["db1"], "domains": ["corp.example"], "users": ["ann"]}
    asked = bundle(sanitization=wanted)
    found = Surroundings(pods=[pod("web-1"), pod("other", node="node-2", labels={})])
    plan: Plan = build_plan(asked, found, {}, asked.metadata.creation_timestamp)
    pseudonyms = plan.sanitization.pseudonyms
    assert pseudonyms is not None
    assert pseudonyms.seen == ("node-1", "node-2")
    assert (pseudonyms.hosts, pseudonyms.domains, pseudonyms.users) == (("db1",), ("corp.example",), ("ann",))
    assert build_plan(bundle(), found, {}, asked.metadata.creation_timestamp).sanitization.pseudonyms is None


def test_names_that_nothing_would_look_for_are_refused() -> None:
    for wanted in ({"hostnames": ["db1"]}, {"domains": ["x.y"], "pseudonymize": ["User"]}, {"users": ["ann"]}):
        with pytest.raises(ValueError, match=r"needs? the kind"):
            bundle(sanitization=wanted)


def test_concurrent_launches_agree(universe: Universe) -> None:
    async def both() -> list[bytes]:
        client = cast("Client", universe.api)
        return await asyncio.gather(*(ensure_key(client, "system", "default") for _ in range(4)))

    assert len(set(asyncio.run(both()))) == 1
