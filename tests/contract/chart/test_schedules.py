"""What the chart adds for schedules: a webhook that is off until somebody asks for it, and examples that work."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.config import OperatorConfig
from supportbundle.decide.cron import read_cron
from supportbundle.model.bundle import Metadata
from supportbundle.model.schedule import parse_schedule

Object = dict[str, Any]
ROOT = Path(__file__).parents[3]
NAME = "sb-supportbundle-operator"
WEBHOOK = ("webhook.alertmanager.enabled=true", "webhook.alertmanager.existingSecret=alerts")
EXAMPLES = sorted((ROOT / "docs/examples").glob("schedule-*.yaml"))


def container(deployment: Object) -> Object:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_nothing_listens_for_alerts_by_itself(
    render: Callable[..., list[Object]], settings: Callable[..., Mapping[str, Any]], one: Callable[..., Object]
) -> None:
    assert not OperatorConfig.model_validate(settings()).alertmanager_webhook
    assert f"{NAME}-webhook" not in {o["metadata"]["name"] for o in render()}
    assert "webhook" not in {port["name"] for port in container(one("Deployment", ""))["ports"]}


def test_the_webhook_has_a_port_a_service_and_the_token_of_the_secret(
    settings: Callable[..., Mapping[str, Any]], one: Callable[..., Object]
) -> None:
    assert OperatorConfig.model_validate(settings(*WEBHOOK)).alertmanager_webhook
    deployment, service = one("Deployment", "", *WEBHOOK), one("Service", "-webhook", *WEBHOOK)
    assert {"name": "webhook", "containerPort": 9095} in container(deployment)["ports"]
    assert service["spec"]["ports"] == [{"name": "webhook", "port": 80, "targetPort": "webhook"}]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["webhook"]["secret"] == {"secretName": "alerts", "items": [{"key": "token", "path": "token"}]}


def test_a_webhook_without_a_secret_is_no_webhook(helm: Callable[..., Any]) -> None:
    chart = str(ROOT / "helm/supportbundle-operator")
    done = helm("template", "sb", chart, "--kube-version", "1.30.0", "--set", WEBHOOK[0])
    assert done.returncode != 0
    assert "webhook.alertmanager.existingSecret" in done.stderr


def test_the_operator_may_make_bundles_and_write_no_schedule(one: Callable[..., Object]) -> None:
    rules = [rule for rule in one("ClusterRole", "")["rules"] if "supportbundle.dev" in rule["apiGroups"]]
    verbs = {resource: rule["verbs"] for rule in rules for resource in rule["resources"] if "resourceNames" not in rule}
    assert verbs["supportbundleschedules"] == ["get", "list", "watch"]
    assert verbs["supportbundleschedules/status"] == ["patch"]
    assert "update" not in verbs["supportbundles"]


def test_no_right_of_the_operators_own_counts_for_a_schedules_bundle(render: Callable[..., list[Object]]) -> None:
    """`authorizer` is whoever creates the bundle, which is the operator; only what schedules skip may ask it."""
    policies = [
        o
        for o in render()
        if o["kind"] == "ValidatingAdmissionPolicy" and o["metadata"]["name"].startswith(f"{NAME}-requester")
    ]
    assert len(policies) > 5
    for policy in policies:
        for validation in policy["spec"]["validations"]:
            asks = re.search(r"\bauthorizer\b", validation["expression"])
            assert not asks or "|| variables.scheduled ||" in validation["expression"], validation["expression"]
            assert "request.userInfo" not in validation.get("messageExpression", "") or asks
        asking = [v for v in policy["spec"]["variables"] if "authorizer" in v["expression"]]
        assert {v["name"] for v in asking} <= {"rights", "sendersRights"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_schedules_and_what_they_need(path: Path, render: Callable[..., list[Object]]) -> None:
    roles = {
        o["metadata"]["name"] for o in render("fullnameOverride=supportbundle-operator") if o["kind"] == "ClusterRole"
    }
    for obj in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if obj["kind"] == "RoleBinding":
            assert obj["roleRef"]["name"] in roles
        if obj["kind"] != "SupportBundleSchedule":
            continue
        meta = Metadata.model_validate({**obj["metadata"], "uid": "u", "creationTimestamp": "2026-11-21T12:00:00Z"})
        schedule = parse_schedule({**obj, "metadata": meta.model_dump(by_alias=True)})
        assert read_cron(schedule.spec, "u", meta.creation_timestamp) or schedule.spec.triggers
        assert schedule.spec.bundle_template.spec.service_account_name == "bundles"
