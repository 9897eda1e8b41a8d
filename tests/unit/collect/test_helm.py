"""Releases by name or by the targets' labels; each by itself."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest

from support.collecting import FakeSink, plan, pod, run
from support.serving import ServingCluster
from supportbundle.collect.helm import COLLECTOR, INSTANCE_LABEL, MAX_RELEASES
from supportbundle.errors import Forbidden
from supportbundle.model.capability import Capability

SECRETS = "/api/v1/namespaces/apps/secrets"


class Releases(ServingCluster):
    """Selects by the label `name`, as the API server does."""

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        asked = dict(params or {})
        assert asked["fieldSelector"] == "type=helm.sh/release.v1"
        wanted = asked["labelSelector"].removeprefix("owner=helm,name=")
        async for item in super().items(path, params):
            if item["metadata"]["labels"]["name"] == wanted:
                yield item


@pytest.fixture
def cluster() -> Releases:
    return Releases(lists={SECRETS: []})


def secret(name: str, version: int, payload: str) -> dict[str, Any]:
    labels = {"owner": "helm", "name": name, "version": str(version), "status": "deployed"}
    return {
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{version}", "labels": labels},
        "data": {"release": payload},
    }


def packed(release: dict[str, Any]) -> str:
    return b64encode(b64encode(gzip.compress(orjson.dumps(release)))).decode()


async def collected(cluster: Releases, sink: FakeSink, *names: str) -> None:
    (task,), _ = plan(COLLECTOR, {"type": "Helm", "helm": {"releases": names}}, pod())
    await run(COLLECTOR, task, cluster, sink)


def read(sink: FakeSink, name: str) -> dict[str, Any]:
    (found,) = orjson.loads(sink.files[f"helm/apps/{name}.json"].data)
    assert isinstance(found, dict)
    return found


async def test_history_and_the_values_of_the_newest(cluster: Releases, sink: FakeSink) -> None:
    newest = {"config": {"a": 1}, "chart": {"metadata": {"name": "nginx"}}, "manifest": "kind: Secret"}
    cluster.lists[SECRETS] = [
        secret("web", 1, "not even looked at"),
        secret("web", 10, packed(newest)),
        secret("web", 9, ""),
        secret("other", 11, ""),
    ]
    await collected(cluster, sink, "web")
    found = read(sink, "web")
    assert found["chart"] == "nginx"
    assert [(entry["revision"], entry.get("values")) for entry in found["releaseHistory"]] == [
        ("1", None),
        ("9", None),
        ("10", {"a": 1}),
    ]
    assert b"kind: Secret" not in sink.files["helm/apps/web.json"].data
    assert not sink.gaps


async def test_a_release_that_is_not_there_costs_only_itself(cluster: Releases, sink: FakeSink) -> None:
    cluster.lists[SECRETS] = [secret("web", 1, packed({}))]
    await collected(cluster, sink, "gone", "web")
    assert sink.reasons == [("release/gone", "NotFound")]
    assert list(sink.files) == ["helm/apps/web.json"]


async def test_a_payload_that_cannot_be_read_leaves_the_history(cluster: Releases, sink: FakeSink) -> None:
    cluster.lists[SECRETS] = [secret("web", 1, packed({})), secret("web", 2, "garbage")]
    await collected(cluster, sink, "web")
    assert [entry["revision"] for entry in read(sink, "web")["releaseHistory"]] == ["1", "2"]
    assert sink.reasons == [("release/web", "Corrupt")]


async def test_forbidden_is_said_for_each_release(cluster: Releases, sink: FakeSink) -> None:
    cluster.failures[SECRETS] = Forbidden("no")
    await collected(cluster, sink, "a", "b")
    assert sink.reasons == [("release/a", "Forbidden"), ("release/b", "Forbidden")]


class TestPlanning:
    """Which releases."""

    def test_without_names_those_of_the_targets(self) -> None:
        labelled = [
            pod(name, labels={INSTANCE_LABEL: release}) for name, release in (("a", "y"), ("b", "x"), ("c", "y"))
        ]
        (task,), gaps = plan(COLLECTOR, {"type": "Helm"}, *labelled, pod("d"))
        assert task.params == {"releases": ["x", "y"]}
        assert task.claims == ("helm/apps/x.json", "helm/apps/y.json")
        assert not gaps

    def test_no_label_is_a_gap(self) -> None:
        tasks, gaps = plan(COLLECTOR, {"type": "Helm"}, pod())
        assert not tasks
        assert [gap.reason for gap in gaps] == ["NothingToCollect"]

    @pytest.mark.parametrize("name", ["../x", "a,owner=x", "A", "", "x" * 54, "a\nb"])
    def test_names_that_would_change_a_path_or_selector_are_refused(self, name: str) -> None:
        (task,), gaps = plan(COLLECTOR, {"type": "Helm", "helm": {"releases": [name, "good"]}}, pod())
        assert task.params == {"releases": ["good"]}
        assert [gap.reason for gap in gaps] == ["Invalid"]

    def test_only_so_many(self) -> None:
        labelled = [pod(f"p{n}", labels={INSTANCE_LABEL: f"r{n:03}"}) for n in range(MAX_RELEASES + 2)]
        (task,), gaps = plan(COLLECTOR, {"type": "Helm"}, *labelled)
        assert len(task.claims) == MAX_RELEASES
        assert [gap.reason for gap in gaps] == ["TooLarge", "TooLarge"]

    def test_only_this_capability_reads_secrets(self) -> None:
        (rule,) = COLLECTOR.needs[Capability.HELM]
        assert (rule.resources, rule.verbs) == (("secrets",), ("get", "list"))
