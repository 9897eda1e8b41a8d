"""A product's own layout on a real cluster: its packet where it gives one, else its API, under the product's names."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import urllib3
import yaml

from support import sbundle
from support.kube import ROOT, apply, condition, kubectl
from support.outside import KEYS, Bucket, put_destination, put_secret
from support.packing import zipped

pytestmark = pytest.mark.e2e
NAMESPACE = "sb-e2e-layouts"
TOKEN = "inventory-token-planted-52"
PASSWORD = "inventory-password-planted-52"
EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "docs/examples/api.yaml").read_text(encoding="utf-8"))["spec"]
API: Mapping[str, Any] = {
    "api/licence": {"valid": True},
    "api/settings": {"cluster": {"enabled": False}, "database": {"password": PASSWORD}},
    "api/about": {"version": "3.1", "license": {"company": "Acme", "seats": "50"}, "lastJob": {"id": "7"}},
    "api/stats": [{"name": "items", "value": 1200}],
    "api/plugins": [{"id": "scan", "active": True}, {"id": "mail", "active": False}],
    "api/log": ["an older log"],
}
"""An older version: no log of jobs."""
PACKET = zipped(
    {"config.json": json.dumps(API["api/settings"]).encode(), "node/a.log": b"a line\n", "warning.txt": b"x\n"}
)
NATIVE: dict[str, Any] = {
    "name": "native",
    "type": "API",
    "path": "{pod/}{file}",
    "api": {
        "port": 8080,
        "pods": "All",
        "steps": [
            {"name": "licence", "path": "/api/licence"},
            {"name": "packet", "path": "/packet.zip", "when": "licence.valid", "unwrap": True},
        ],
    },
}
FILES: dict[str, Any] = {
    **EXAMPLE["collectors"][0],
    "path": "{pod/}{file}",
    "fallbackFor": "native",
    "api": {**EXAMPLE["collectors"][0]["api"], "pods": "All"},
}
CRASH = {"name": "crash", "type": "HTTP", "path": "{pod/}crash.json", "missing": "Null"}
TARGET = {
    "anyOf": [
        {"matchLabels": {"app.kubernetes.io/name": "inventory"}},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["inventory"]}]},
    ]
}
ARCHIVE = {
    "fileName": "inventory-{namespace}-{timestamp}.zip",
    "warnings": "errors.txt",
    "collectorLog": "cli_logs.txt",
    "requestLog": "requests.txt",
}


class Made(NamedTuple):
    """A bundle, its zip, and what a browser would call it."""

    status: dict[str, Any]
    members: dict[str, bytes]
    disposition: str

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.members["manifest.json"])
        return found


def server(name: str, labels: Mapping[str, str], files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pod that answers with these files by their paths, and the ConfigMap in which they are."""
    keys = {path: path.replace("/", "-") for path in files}
    data = {keys[path]: base64.b64encode(content).decode() for path, content in files.items()}
    container = {
        "name": "app",
        "image": "localhost/sb-busybox:test",
        "imagePullPolicy": "IfNotPresent",
        "command": ["httpd", "-f", "-p", "8080", "-h", "/www"],
        "readinessProbe": {"httpGet": {"path": "/api/about", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
    }
    items = [{"key": key, "path": path} for path, key in keys.items()]
    spec = {
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "www", "configMap": {"name": name, "items": items}}],
    }
    return (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "binaryData": data},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": dict(labels)}, "spec": spec},
    )


@pytest.fixture(scope="module")
def made(operator: str) -> Iterator[Made]:
    """Of two pods that bear different labels, and of which one gives a packet of its own."""
    bucket = Bucket("e2e-layouts")
    bucket.store.ensure_bucket()
    put_secret(operator, "e2e-layouts", KEYS)
    keys = {"credentialsSecretRef": {"name": "e2e-layouts"}}
    put_destination("e2e-layouts", type="S3", s3={**bucket.options, "external": False, **keys})
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", NAMESPACE)
    put_secret(NAMESPACE, "inventory-admin", {"token": TOKEN})
    answers = {path: json.dumps(answer).encode() for path, answer in API.items()}
    apply(
        NAMESPACE,
        *server("new", {"app.kubernetes.io/name": "inventory", "app": "inventory"}, answers | {"packet.zip": PACKET}),
        *server("old", {"app": "inventory"}, answers),
        *server("other", {"app": "billing"}, answers),
    )
    kubectl("-n", NAMESPACE, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s")
    collectors = (FILES, NATIVE, {**CRASH, "http": {"port": 8080, "path": "/crash"}})
    wanted = {"target": TARGET, "archive": ARCHIVE, "capabilities": ["HTTP"], "destination": {"name": "e2e-layouts"}}
    sbundle.create(NAMESPACE, "layout", collectors, **wanted)
    status = sbundle.ready(NAMESPACE, "layout")["status"]
    url = bucket.store.presign_get(status["artifact"]["key"], expires=timedelta(minutes=1)).url
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", url)
    yield Made(status, sbundle.unpack(answer.data), answer.headers.get("Content-Disposition", ""))
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    kubectl("delete", "sbdest", "e2e-layouts")
    kubectl("-n", operator, "delete", "secret", "e2e-layouts")


def test_the_zip_holds_the_packet_of_who_gives_one_and_the_api_of_who_does_not(made: Made) -> None:
    assert made.members.keys() == {
        "cli_logs.txt",
        "errors.txt",
        "manifest.json",
        "new/config.json",
        "new/crash.json",
        "new/jobs/last.log",
        "new/node/a.log",
        "new/warning.txt",
        "old/crash.json",
        "old/jobs/last.log",
        "old/plugins.json",
        "old/settings.json",
        "old/summary.yaml",
        "redactions.json",
        "requests.txt",
    }
    assert made.members["new/node/a.log"] == b"a line\n"
    assert made.members["new/jobs/last.log"] == b"", "a constant is there whoever writes, and whoever does not"
    assert made.members["new/crash.json"] == made.members["old/crash.json"] == b"null\n"
    assert yaml.safe_load(made.members["old/summary.yaml"]) == {
        "version": "3.1",
        "license": {"company": "Acme", "seats": 50},
        "items": 1200,
        "pod": {"name": "old"},
    }
    assert json.loads(made.members["old/plugins.json"]) == {"enabled": ["scan"], "disabled": ["mail"]}


def test_what_a_fallback_made_good_is_told_and_is_no_gap(made: Made) -> None:
    assert condition({"status": made.status}, "Ready")["reason"] == "PartiallyCollected"
    missing = [(gap["collector"], gap["target"], gap["reason"]) for gap in made.manifest["gaps"]]
    assert sorted(missing) == [("crash", "new", "HTTP404"), ("crash", "old", "HTTP404")]
    (fallback,) = made.manifest["fallbacks"]
    told = [fallback[key] for key in ("collector", "target", "reason", "by")]
    assert told == ["native", "old", "HTTP404", "server"]
    lines = made.members["errors.txt"].decode().splitlines()
    assert len(lines) == len(missing) + 1
    assert lines[-1].endswith("(collector server stands in for it)")


def test_the_manifest_tells_the_step_of_each_file(made: Made) -> None:
    notes = {member["path"]: member.get("notes", {}) for member in made.manifest["members"]}
    assert notes["new/config.json"]["step"] == "packet"
    assert notes["old/jobs/last.log"]["fallbackFor"] == "log: HTTP404"
    assert notes["old/summary.yaml"]["leftOut"] == "pod.architecture"


def test_nothing_planted_leaves_by_a_packet_an_answer_or_the_log_of_requests(made: Made) -> None:
    found = [path for path, data in made.members.items() if TOKEN.encode() in data or PASSWORD.encode() in data]
    assert found == []
    requests = made.members["requests.txt"].decode()
    assert len(re.findall(r"GET \S+/packet\.zip (200|404) ", requests)) == 2
    assert len(re.findall(r"GET \S+/api/settings 200 ", requests)) == 1


def test_a_download_is_called_as_the_product_calls_it(made: Made) -> None:
    name = made.status["artifact"]["fileName"]
    assert re.fullmatch(rf"inventory-{NAMESPACE}-[0-9]{{10}}\.zip", name)
    assert made.disposition == f'attachment; filename="{name}"'
