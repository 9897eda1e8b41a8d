"""Templates on a real cluster: the example of docs filled in, and what authors and users hear of mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support import sbundle
from support.kube import ROOT, apply, condition, get, kubectl, until

pytestmark = pytest.mark.e2e
EXAMPLES = ROOT / "docs" / "examples"
TEMPLATE: dict[str, Any] = yaml.safe_load((EXAMPLES / "template.yaml").read_text(encoding="utf-8"))
BUNDLE: dict[str, Any] = yaml.safe_load((EXAMPLES / "bundle-from-template.yaml").read_text(encoding="utf-8"))
TOKEN = "status-token-planted-81"


@pytest.fixture(scope="module")
def example(workload: str) -> Iterator[str]:
    """The example's template, and the namespace with the workload that it is about."""
    apply("default", TEMPLATE)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-status"}, "stringData": {"token": TOKEN}}
    apply(workload, secret)
    until("the template's condition", lambda: told(TEMPLATE)["status"] == "True", seconds=20)
    yield workload
    kubectl("delete", "sbtemplate", TEMPLATE["metadata"]["name"], "broken", "--ignore-not-found")


def told(template: dict[str, Any]) -> dict[str, str]:
    """Status, reason and message of a template's condition Ready for the spec as it is now."""
    obj = get("default", "sbtemplate", template["metadata"]["name"])
    found = condition(obj, "Ready")
    fresh = found.get("observedGeneration") == obj["metadata"]["generation"]
    return {key: found.get(key, "") if fresh else "" for key in ("status", "reason", "message")}


def asking(name: str, **spec: Any) -> dict[str, Any]:
    return {**BUNDLE, "metadata": {"name": name}, "spec": {**BUNDLE["spec"], **spec}}


def test_the_example_is_filled_in_and_what_is_outside_the_capabilities_is_a_gap(example: str) -> None:
    apply(example, asking("templated", capabilities=["Logs", "Events", "HTTP"]))
    status = sbundle.ready(example, "templated")["status"]
    uid = get("default", "sbtemplate", "web-service")["metadata"]["uid"]
    assert status["template"] == {"name": "web-service", "uid": uid, "generation": 1}
    assert condition({"status": status}, "Ready")["reason"] == "PartiallyCollected"
    [gap] = [warning for warning in status["warnings"] if warning["reason"] == "NotAllowed"]
    assert (gap["collector"], gap["message"]) == ("profiles", "Add Profiles to spec.capabilities of a new bundle.")
    members = sbundle.unpack(sbundle.fetch(example, "templated"))
    manifest = json.loads(members["manifest.json"])
    parameters = {"app": "web", "port": "8080", "since": "24h", "debugPort": "6060"}
    assert manifest["template"] == status["template"] | {"parameters": parameters, "secrets": ["token"]}
    made = {path.rsplit("/", 1)[-1] for path in members}
    assert {"current.log", "health-of-web.txt", "status"} <= made, made
    assert [path for path in members if "events" in path], made
    assert not [path for path in members if "profiles/" in path]
    assert not [path for path, data in members.items() if TOKEN.encode() in data]


def test_what_was_shipped_is_there_and_serves_any_workload(example: str) -> None:
    shipped = {"metadata": {"name": "kubernetes"}}
    until("the shipped template's condition", lambda: told(shipped)["status"] == "True", seconds=20)
    spec = {
        "collectors": [{"name": "logs", "type": "Logs", "logs": {"previous": False}}],
        "target": {"selector": {"matchLabels": {"app": "crashy"}}},
        "templateRef": {"name": "kubernetes"},
    }
    apply(example, {**asking("any"), "spec": spec})
    status = sbundle.ready(example, "any")["status"]
    assert status["progress"]["targets"]["total"] == 1
    members = sbundle.unpack(sbundle.fetch(example, "any"))
    assert [path for path in members if path.endswith("/current.log")]
    assert not [path for path in members if path.endswith("/previous.log")], "the bundle's own collector holds"
    assert [path for path in members if "environment" in path]
    told_of = {
        member["source"]["collector"]
        for member in json.loads(members["manifest.json"])["members"]
        if "source" in member
    }
    assert told_of == {"logs", "events", "config", "findings"}


def test_the_example_of_any_workload_is_whole(example: str) -> None:
    kubectl("-n", example, "apply", "-f", str(EXAMPLES / "kubernetes.yaml"))
    obj = sbundle.ready(example, "kubernetes")
    members = sbundle.unpack(sbundle.fetch(example, "kubernetes"))
    findings = json.loads(members["findings.json"])
    looping = [found for found in findings["findings"] if found["check"] == "restart-loops"]
    assert any(found["object"]["name"].startswith("crashy-") for found in looping), findings
    assert condition(obj, "ProblemsFound")["status"] == "True"
    for ending in ("/current.log", "/previous.log", "/environment.env"):
        assert [path for path in members if path.endswith(ending)], (ending, sorted(members))


def test_an_author_and_a_user_hear_what_is_wrong_with_a_template(example: str) -> None:
    broken = {**TEMPLATE, "metadata": {"name": "broken"}, "spec": json.loads(json.dumps(TEMPLATE["spec"]))}
    broken["spec"]["collectors"][2]["http"]["path"] = "/$(where)"
    apply("default", broken)
    until("the condition", lambda: told(broken)["status"] == "False", seconds=20)
    said = told(broken)
    assert said["reason"] == "InvalidTemplate"
    assert "collector health: there is no parameter where; declare it in spec.parameters" in said["message"]
    apply(example, asking("of-broken", templateRef={"name": "broken", "parameters": {"app": "web"}}))
    stalled = condition(sbundle.finished(example, "of-broken", seconds=60), "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidTemplate")
    broken["spec"]["collectors"][2]["http"]["path"] = "/healthz"
    apply("default", broken)
    until("the condition", lambda: told(broken)["status"] == "True", seconds=20)


def test_a_bundle_hears_which_parameter_is_missing_and_waits_for_a_template_that_is(example: str) -> None:
    apply(example, asking("lacking", templateRef={"name": "web-service"}))
    stalled = condition(sbundle.finished(example, "lacking", seconds=60), "Stalled")
    assert stalled["reason"] == "InvalidParameters"
    assert "Template web-service needs the parameter app (Value of the label app" in stalled["message"]
    apply(example, asking("early", templateRef={"name": "later"}))

    def waits() -> bool:
        return condition(get(example, "sbundle", "early"), "Ready").get("reason") == "TemplateNotFound"

    until("the wait for the template", waits, seconds=30)
    assert condition(get(example, "sbundle", "early"), "Stalled")["status"] == "False"
    kubectl("-n", example, "delete", "sbundle", "early")
