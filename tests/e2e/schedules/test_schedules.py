"""Schedules on a real cluster: crashes, failed Jobs, alerts and the clock make bundles, each once, and they say why."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import breaking, leading, sbundle
from support.kube import (
    OPERATOR,
    RELEASE,
    ROOT,
    SYSTEM,
    CommandFailed,
    apply,
    condition,
    get,
    items,
    kubectl,
    run,
    until,
)

pytestmark = pytest.mark.e2e
NAMESPACE = "sb-e2e-schedules"
TOKEN = "correct-horse-battery-staple"
WEBHOOK = ("webhook.alertmanager.enabled=true", "webhook.alertmanager.existingSecret=e2e-alerts")
RBAC = "rbac.authorization.k8s.io"


TEMPLATES = {
    "apiGroups": ["supportbundle.dev"],
    "resources": ["supportbundletemplates"],
    "resourceNames": ["kubernetes"],
    "verbs": ["use"],
}


def account(name: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    """A ServiceAccount that may collect logs, and what grants it that and more."""
    rules = [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["supportbundle.dev"], "resources": ["supportbundles"], "verbs": ["collect"]},
        {"apiGroups": ["supportbundle.dev"], "resources": ["supportbundledestinations"], "verbs": ["use"]},
        *more,
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        },
    ]


def schedule(name: str, **fields: Any) -> dict[str, Any]:
    """One that collects logs as the account watcher."""
    spec = {
        "serviceAccountName": "watcher",
        "capabilities": ["Logs"],
        "target": {"selector": {}},
        "collectors": list(sbundle.LOGS),
    }
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleSchedule",
        "metadata": {"name": name},
        "spec": {"bundleTemplate": {"spec": spec}, **fields},
    }


def templated(name: str, account: str, when: str) -> dict[str, Any]:
    """One that leaves to the shipped template what is collected."""
    found = schedule(name, schedule=when)
    spec = {"serviceAccountName": account, "capabilities": ["Logs"], "templateRef": {"name": "kubernetes"}}
    found["spec"]["bundleTemplate"] = {"spec": spec}
    return found


def crashing(name: str, kind: str = "Deployment", replicas: int = 1) -> dict[str, Any]:
    """A workload whose program ends at once with exit code 2: it does not know its flag."""
    container = {
        "name": "app",
        "image": "localhost/sb-workload:test",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-no-such-flag"],
    }
    pod: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 1}
    if kind == "Job":
        template = {"spec": {**pod, "restartPolicy": "Never"}}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": template},
        }
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def site(operator: str) -> Iterator[str]:
    """A namespace with the account and a schedule of every minute; the operator takes alerts."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "e2e-alerts"}, "stringData": {"token": TOKEN}}
    apply(operator, secret)
    values = [flag for value in WEBHOOK for flag in ("--set", value)]
    chart = str(ROOT / "helm/supportbundle-operator")
    run("helm", "upgrade", RELEASE, chart, "-n", SYSTEM, "--reuse-values", "--wait", *values, timeout=240)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply("default", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    clock = schedule("clock", schedule="* * * * *", successfulBundlesHistoryLimit=1)
    # Made first as well, because its first bundle takes a minute.
    preset = templated("preset", "preset", "* * * * *")
    apply(NAMESPACE, *account("watcher"), *account("preset", TEMPLATES), clock, preset)
    yield NAMESPACE
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def children(name: str) -> list[dict[str, Any]]:
    """The bundles of a schedule."""
    uid = get(NAMESPACE, "sbschedule", name)["metadata"]["uid"]
    return items(NAMESPACE, "sbundle", f"supportbundle.dev/schedule-uid={uid}")


def first(name: str) -> dict[str, Any]:
    """The first bundle of a schedule, once there is one."""
    return until(f"a bundle of {name}", lambda: next(iter(children(name)), None), seconds=60)


def suppressed(name: str) -> int:
    """How often the only trigger of a schedule made no bundle."""
    triggers = get(NAMESPACE, "sbschedule", name).get("status", {}).get("triggers", [{}])
    return int(triggers[0].get("suppressed", 0))


def events(name: str) -> dict[str, str]:
    """Messages of Events about an object, by reason."""
    text = kubectl("-n", NAMESPACE, "get", "events", "--field-selector", f"involvedObject.name={name}", "-o", "json")
    return {event["reason"]: event["message"] for event in json.loads(text)["items"]}


def test_crashing_pods_of_one_deployment_make_one_bundle_also_across_a_killed_operator(site: str) -> None:
    trigger = {"name": "loop", "type": "RestartLoop", "restartLoop": {"restarts": 1}}
    apply(site, schedule("loops", triggers=[trigger]), schedule("asleep", suspend=True, triggers=[trigger]))
    apply(site, crashing("crasher", replicas=3))
    name = first("loops")["metadata"]["name"]
    breaking.kill_operator()
    before = suppressed("loops")
    bundle = sbundle.ready(site, name)
    assert bundle["metadata"]["annotations"]["supportbundle.dev/trigger"] == "RestartLoop"
    assert bundle["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] == "Deployment/crasher"
    assert all(pod.startswith("crasher-") for pod in bundle["spec"]["target"]["podNames"])
    until("crashes that make no bundle", lambda: suppressed("loops") > before, seconds=60)
    assert [child["metadata"]["name"] for child in children("loops")] == [name]
    files = until("the operator", lambda: fetched(site, name))
    told = json.loads(files["manifest.json"])["trigger"]
    assert (told["type"], told["schedule"], told["trigger"]) == ("RestartLoop", "loops", "loop")
    assert any(path.startswith("pods/crasher-") for path in files)
    assert "exit code 2" in events(name)["Triggered"]
    assert name in events("loops")["BundleMade"]
    asleep = get(site, "sbschedule", "asleep")
    assert condition(asleep, "Ready")["reason"] == "Suspended"
    assert children("asleep") == []


def fetched(namespace: str, name: str) -> dict[str, bytes]:
    """The members of the zip, or nothing while the operator's container is away."""
    try:
        return sbundle.unpack(sbundle.fetch(namespace, name))
    except CommandFailed:
        return {}


def test_a_failed_job_makes_a_bundle_about_its_pod(site: str) -> None:
    apply(site, schedule("jobs", triggers=[{"name": "failed", "type": "JobFailed"}]), crashing("backup", "Job"))
    bundle = first("jobs")
    assert bundle["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] == "Job/backup"
    assert [pod.rpartition("-")[0] for pod in bundle["spec"]["target"]["podNames"]] == ["backup"]
    sbundle.ready(site, bundle["metadata"]["name"])


@contextmanager
def webhook(of: str = OPERATOR) -> Iterator[str]:
    """The URL of the webhook."""
    command = ("kubectl", "-n", SYSTEM, "port-forward", of, ":9095", "--address=127.0.0.1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, "kubectl port-forward did not start"
        yield f"http://{found[0]}/alertmanager"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def call(url: str, token: str, *, ago: timedelta = timedelta(), **labels: str) -> tuple[int, str]:
    """Fire one alert that began some time ago."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Slow", "namespace": NAMESPACE, **labels},
        "startsAt": (datetime.now(UTC) - ago).isoformat(),
    }
    body = json.dumps({"version": "4", "alerts": [alert]}).encode()
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_alert_fires_its_schedule_and_nothing_else(site: str) -> None:
    wanted = {"name": "slow", "type": "Alert", "alert": {"labels": {"alertname": "Slow"}}}
    apply(site, schedule("alerts", triggers=[wanted]))
    with webhook() as url:
        assert call(url, "wrong-horse-battery-staple")[0] == 401
        assert call(url, TOKEN, alertname="Other") == (200, '{"unknown": 1}')
        assert call(url, TOKEN, namespace="default") == (200, '{"unknown": 1}')
        assert children("alerts") == []
        assert call(url, TOKEN, ago=timedelta(minutes=1)) == (200, '{"fired": 1}')
        (bundle,) = children("alerts")
        # One of the very second of the bundle counts as what it is about.
        until("an alert that came later", lambda: call(url, TOKEN) == (200, '{"suppressed": 1}'), seconds=5)
    sbundle.ready(site, bundle["metadata"]["name"])
    assert len(children("alerts")) == 1


def test_a_pod_that_stands_by_asks_alertmanager_to_try_again(site: str) -> None:
    assert site
    leading.scale(SYSTEM, 2)
    try:
        leader = leading.pod()
        (standby,) = (pod for pod in leading.pods() if pod != leader)
        with webhook(f"pod/{standby}") as url:
            assert call(url, TOKEN, alertname="Other") == (503, "this pod stands by; another one takes alerts")
            assert call(url, "wrong-horse-battery-staple")[0] == 401
        with webhook(f"pod/{leader}") as url:
            assert call(url, TOKEN, alertname="Other") == (200, '{"unknown": 1}')
    finally:
        leading.scale(SYSTEM, 1)


def test_an_account_without_the_rights_is_told_before_anything_happens(site: str) -> None:
    poor = schedule("poor", schedule="0 0 1 1 *")
    poor["spec"]["bundleTemplate"]["spec"]["serviceAccountName"] = "default"
    apply(site, poor)
    ready = until("a verdict", lambda: condition(get(site, "sbschedule", "poor"), "Ready"))
    assert ready["reason"] == "BundleRefused"
    assert f"system:serviceaccount:{site}:default lacks" in ready["message"]


def renew_the_policy(meanwhile: Callable[[], None]) -> None:
    """The policy on schedules and its binding, gone and made again as they were."""
    name = "supportbundle-operator-schedules"
    kinds = ("validatingadmissionpolicy", "validatingadmissionpolicybinding")
    saved = [get("default", kind, name) for kind in kinds]
    for kind in kinds:
        kubectl("delete", kind, name)
    try:
        meanwhile()
    finally:
        for obj in saved:
            kept = {key: obj["metadata"][key] for key in ("name", "labels", "annotations") if key in obj["metadata"]}
            again = {key: obj[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": kept}
            kubectl("create", "-f", "-", stdin=json.dumps(again).encode())


def test_a_policy_that_comes_anew_refuses_only_what_was_written_without_it(site: str) -> None:
    def reason(name: str) -> str:
        return str(condition(get(site, "sbschedule", name), "Ready").get("reason"))

    def admission(name: str) -> dict[str, Any]:
        found: dict[str, Any] = get(site, "sbschedule", name).get("status", {}).get("admission", {})
        return found

    both = ("unchanged", "changed")
    apply(site, *(schedule(name, schedule="0 0 1 1 *") for name in both))
    for name in both:
        until(f"{name} to be checked", lambda name=name: admission(name).get("checked"), seconds=30)
    before = admission("changed")["policiesSince"]
    renew_the_policy(lambda: apply(site, schedule("changed", schedule="0 0 2 1 *")))
    kubectl("-n", site, "label", "sbschedule", *both, "tests/look=again")
    until("the verdict", lambda: reason("changed") == "CreatedUnchecked", seconds=30)
    until("a look under the new policy", lambda: admission("changed").get("policiesSince") != before, seconds=30)
    assert reason("unchanged") == "Scheduled"
    said = condition(get(site, "sbschedule", "changed"), "Ready")["message"]
    assert "--type=merge" in said
    for suspend in (True, False):
        patch = json.dumps({"spec": {"suspend": suspend}})
        kubectl("-n", site, "patch", "sbschedule", "changed", "--type=merge", "-p", patch)
    until("the schedule to go on", lambda: reason("changed") == "Scheduled", seconds=30)


def test_a_schedule_fills_in_a_template_that_its_account_may_use(site: str) -> None:
    apply(site, templated("no-preset", "watcher", "0 0 1 1 *"))
    ready = until("a verdict", lambda: condition(get(site, "sbschedule", "no-preset"), "Ready"))
    assert ready["reason"] == "BundleRefused"
    assert "the template kubernetes needs the right use" in ready["message"]
    assert f"which system:serviceaccount:{site}:watcher lacks" in ready["message"]
    assert "supportbundle-operator lacks" not in ready["message"]

    def filled() -> bool:
        done = [b["status"] for b in children("preset") if condition(b, "Ready").get("status") == "True"]
        return any(status["template"]["name"] == "kubernetes" for status in done)

    until("a bundle of the template", filled, seconds=90)
    assert condition(get(site, "sbschedule", "preset"), "Ready")["reason"] == "Scheduled"


def test_the_clock_makes_bundles_and_the_history_stays_short(site: str) -> None:
    def ran() -> dict[str, Any] | None:
        found: dict[str, Any] = get(site, "sbschedule", "clock")
        return found if found.get("status", {}).get("lastSuccessfulTime") else None

    clock = until("a bundle of the clock that is ready", ran, seconds=90)
    made = children("clock")
    assert made
    assert all(b["metadata"]["annotations"]["supportbundle.dev/trigger"] == "Cron" for b in made)
    assert len({b["metadata"]["annotations"]["supportbundle.dev/trigger-time"] for b in made}) == len(made)
    assert clock["status"]["lastScheduleTime"] < clock["status"]["nextScheduleTime"]
    assert condition(clock, "Ready")["reason"] == "Scheduled"
