"""Discovery: every kind that is well named, and a stale group costs only itself."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster
from support.serving import ServingCluster
from supportbundle.collect.discovery import discover
from supportbundle.errors import Forbidden, Unavailable

Document = dict[str, Any]


def resource(name: str, kind: str, **fields: Any) -> Document:
    return {"name": name, "kind": kind, "namespaced": True, "verbs": ["get", "list"], "singularName": "", **fields}


def group(name: str, version: str = "v1", *older: str) -> Document:
    versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in (version, *older)]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def serving(core: list[Document], groups: dict[str, list[Document]]) -> ServingCluster:
    cluster = ServingCluster()
    cluster.objects["/api/v1"] = {"kind": "APIResourceList", "groupVersion": "v1", "resources": core}
    cluster.objects["/apis"] = {"kind": "APIGroupList", "groups": [group(name) for name in groups]}
    for name, resources in groups.items():
        cluster.objects[f"/apis/{name}/v1"] = {"groupVersion": f"{name}/v1", "resources": resources}
    return cluster


async def test_all_kinds_core_first() -> None:
    cluster = serving(
        [resource("pods", "Pod", shortNames=["po"]), resource("pods/log", "Pod", verbs=["get"])],
        {"apps": [resource("deployments", "Deployment"), resource("deployments/scale", "Scale")]},
    )
    found = await discover(cluster)
    assert [(kind.full_name, kind.api_version, kind.listable) for kind in found.kinds] == [
        ("pods", "v1", True),
        ("deployments.apps", "apps/v1", True),
    ]
    assert not found.failed


async def test_a_stale_group_costs_only_itself() -> None:
    cluster = serving([resource("pods", "Pod")], {"apps": [resource("deployments", "Deployment")], "stale.io": []})
    cluster.failures["/apis/stale.io/v1"] = Unavailable("the server is currently unable to handle the request")
    found = await discover(cluster)
    assert [kind.full_name for kind in found.kinds] == ["pods", "deployments.apps"]
    assert list(found.failed) == ["stale.io"]
    assert [entry["name"] for entry in found.groups_json()] == ["apps"]


async def test_only_the_preferred_version_is_followed() -> None:
    cluster = serving([], {})
    cluster.objects["/apis"] = {"groups": [group("batch", "v1", "v1beta1")]}
    cluster.objects["/apis/batch/v1"] = {"resources": [resource("jobs", "Job")]}
    found = await discover(cluster)
    assert found.groups_json() == [group("batch")]
    assert [path for path, _ in cluster.requests] == ["/api/v1", "/apis", "/apis/batch/v1"]


async def test_without_the_core_group_there_is_nothing() -> None:
    with pytest.raises(Forbidden):
        await discover(ServingCluster(failures={"/api/v1": Forbidden("no")}))


async def test_the_documents_are_those_that_sbctl_reads() -> None:
    """For `/api/v1` it takes the list of `v1` that has no apiVersion; all others by their groupVersion."""
    cluster = serving([resource("pods", "Pod")], {"apps": [resource("deployments", "Deployment")]})
    core, apps = (await discover(cluster)).resources_json()
    assert (core["kind"], core["groupVersion"], "apiVersion" in core) == ("APIResourceList", "v1", False)
    assert (apps["groupVersion"], apps["apiVersion"]) == ("apps/v1", "v1")
    assert core["resources"][0] == {**resource("pods", "Pod"), "shortNames": [], "categories": []}


NAMES = ["..", "../x", "pods/../../x", "a b", "", "Pods", "x" * 64, "a\n", 'a"', "pods\u0000", "ok"]


@pytest.mark.parametrize("name", NAMES[:-1])
async def test_names_that_would_change_a_path_are_no_kinds(name: str) -> None:
    core = [resource(name, "Pod"), resource("good", "Good"), resource("bad", f"Bad{name}/")]
    cluster = serving(core, {})
    cluster.objects["/apis"] = {"groups": [group(name), group("a.b", name), {"name": "a.b"}, 7]}
    found = await discover(cluster)
    assert [kind.full_name for kind in found.kinds] == ["good"]
    assert [path for path, _ in cluster.requests] == ["/api/v1", "/apis"]


json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([*NAMES, "v1", "apps", "apps/v1", "Pod"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "kind", "verbs", "namespaced", "preferredVersion"]), children)
    ),
    max_leaves=12,
)


@given(st.lists(json, max_size=4) | json, st.lists(json, max_size=4) | json)
async def test_any_document_yields_only_well_named_kinds(resources: object, groups: object) -> None:
    cluster = FakeCluster(objects={"/api/v1": {"resources": resources}, "/apis": {"groups": groups}})
    found = await discover(cluster)
    for kind in found.kinds:
        assert re.fullmatch(r"[a-z0-9-]+", kind.resource.name)
        assert re.fullmatch(r"[A-Za-z0-9]+", kind.resource.kind)
    assert orjson.dumps([found.groups_json(), found.resources_json()])
