"""A stricter CRD does not silence what is stored: the status of objects that would be refused today can be written.

Tried on a copy of the CRD in a group of its own: one version of it without any rule, then the real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support.kube import ROOT, CommandFailed, apply, established, kubectl, until

pytestmark = pytest.mark.e2e
GROUP = "ratcheting.supportbundle.test"
PLURAL = f"supportbundles.{GROUP}"
STRICT = frozenset({"x-kubernetes-validations", "pattern", "enum", "maxLength", "maxItems", "minimum", "maximum"})
LOGS = {"name": "logs", "type": "Logs"}
TARGET = {"selector": {"matchLabels": {"app": "web"}}}
FORBIDDEN: dict[str, dict[str, Any]] = {
    "no-collector": {"target": TARGET, "collectors": []},
    "no-target": {"collectors": [LOGS]},
    "foreign-options": {"target": TARGET, "collectors": [{**LOGS, "http": {"port": 80}}]},
    "missing-capability": {"target": TARGET, "capabilities": ["Events"], "collectors": [LOGS]},
    "unknown-type": {"target": TARGET, "collectors": [{"name": "x", "type": "Telepathy"}]},
    "no-duration": {"target": TARGET, "collectors": [LOGS], "ttl": "a week or so"},
    "long-name": {"target": TARGET, "collectors": [{**LOGS, "name": "n" * 100}]},
}
STATUS = {"status": {"phase": "Failed", "observedGeneration": 1}}


def copy_of_the_crd() -> dict[str, Any]:
    crd: dict[str, Any] = yaml.safe_load((ROOT / "crds" / "supportbundle.dev_supportbundles.yaml").read_text())
    crd["metadata"] = {"name": PLURAL}
    crd["spec"]["group"] = GROUP
    crd["spec"]["names"].pop("shortNames", None)
    crd["spec"]["names"].pop("categories", None)
    return crd


def lenient(node: Any) -> Any:
    """A schema without rules and bounds; names of properties are no keywords."""
    if isinstance(node, list):
        return [lenient(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: lenient(child) for name, child in value.items()} if key == "properties" else lenient(value)
        for key, value in node.items()
        if key not in STRICT
    }


def bundle(name: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "SupportBundle",
        "metadata": {"name": name},
        "spec": FORBIDDEN[name],
    }


@pytest.fixture(scope="module")
def stored(pair: tuple[str, str]) -> Iterator[str]:
    """A namespace with objects of the lenient time, which has ended."""
    real = copy_of_the_crd()
    versions = [{**version, "schema": lenient(version["schema"])} for version in real["spec"]["versions"]]
    apply("default", {**real, "spec": {**real["spec"], "versions": versions}})
    try:
        established(PLURAL)
        until("the new kind to be served", lambda: served(pair[0]), seconds=30)
        apply(pair[0], *(bundle(name) for name in FORBIDDEN))
        apply("default", real)
        until("the strict rules to hold", lambda: refused(pair[0]), seconds=30)
        yield pair[0]
    finally:
        kubectl("delete", "crd", PLURAL, "--wait=false")


def served(namespace: str) -> bool:
    try:
        kubectl("-n", namespace, "get", PLURAL)
    except CommandFailed:
        return False
    return True


def refused(namespace: str) -> bool:
    """Whether none of them could be created today."""
    for name in FORBIDDEN:
        fresh = {**bundle(name), "metadata": {"name": f"{name}-again"}}
        try:
            kubectl("-n", namespace, "create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(fresh).encode())
        except CommandFailed:
            continue
        return False
    return True


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_status_of_what_would_be_refused_today_can_be_written(stored: str, name: str) -> None:
    kubectl(*("-n", stored, "patch", PLURAL, name, "--subresource=status", "--type=merge", "-p", json.dumps(STATUS)))
    assert json.loads(kubectl("-n", stored, "get", PLURAL, name, "-o", "json"))["status"]["phase"] == "Failed"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_it_can_be_labelled_and_lose_a_finalizer(stored: str, name: str) -> None:
    for metadata in ({"labels": {"seen": "yes"}, "finalizers": ["supportbundle.test/x"]}, {"finalizers": None}):
        patch = json.dumps({"metadata": metadata})
        kubectl("-n", stored, "patch", PLURAL, name, "--type=merge", "-p", patch)
