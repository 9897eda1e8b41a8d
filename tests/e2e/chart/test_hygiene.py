"""Nothing that opens a door is written where people look: logs, Events, status, metrics, settings, plans of Jobs.

Bundles run with planted secrets against a good store, one that refuses the keys and one that does not answer, with the
operator as talkative as it can be. Then everything that the cluster shows is searched.
"""

from __future__ import annotations

import base64
import re
import subprocess
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from support import sbundle
from support.installing import install
from support.kube import SYSTEM, apply, condition, get, kubectl, until

pytestmark = pytest.mark.e2e
STORE = f"http://supportbundle-operator-store.{SYSTEM}.svc:7070"
WRONG = "wrong-secret-key-5d1f7a90c3"
STRANGER = "AKIAQ7STRANGERKEY4TS"
BUCKET = "supportbundles"
SIGNED = (
    r"X-Amz-(Signature|Credential|Security-Token)",
    r"AWS4-HMAC-SHA256",
    r"AWSAccessKeyId",
    r"eyJhbGciOi[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.",
    r"[Bb]earer [A-Za-z0-9._-]{16,}",
)
"""Signatures of URLs and requests, and tokens of accounts."""
EVERYTHING = (
    *sbundle.LOGS,
    {"name": "events", "type": "Events"},
    {"name": "config", "type": "Config", "config": {"workloads": True, "environment": True, "configMaps": {}}},
)
PSEUDONYMS = {"pseudonymize": ["IP"]}


def destination(name: str, keys: dict[str, str], endpoint: str) -> None:
    """A destination with credentials."""
    options = {"bucket": BUCKET, "endpoint": endpoint, "region": "us-east-1", "pathStyle": True}
    apply(
        SYSTEM,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys},
        {
            "apiVersion": "supportbundle.dev/v1alpha1",
            "kind": "SupportBundleDestination",
            "metadata": {"name": name},
            "spec": {"type": "S3", "s3": {**options, "credentialsSecretRef": {"name": name}}},
        },
    )


@pytest.fixture(scope="module")
def keys(operator: str) -> dict[str, str]:
    """The keys of the embedded store, which are random and stand nowhere else by chance."""
    data = get(operator, "secret", "supportbundle-operator-store")["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


@pytest.fixture(scope="module")
def talkative(keys: dict[str, str]) -> Iterator[None]:
    """The operator at DEBUG, where the next installation finds it, and three destinations."""
    install("logLevel=DEBUG")
    destination("hygiene-good", keys, STORE)
    destination("hygiene-wrong", {"accessKey": STRANGER, "secretKey": WRONG}, STORE)
    destination("hygiene-silent", keys, f"http://silent.{SYSTEM}.svc:9")
    yield
    for name in ("hygiene-good", "hygiene-wrong", "hygiene-silent"):
        kubectl("delete", "sbdest", name)
        kubectl("-n", SYSTEM, "delete", "secret", name)


class Follower(threading.Thread):
    """Reads the logs of a bundle's collectors while they live; they are gone when it ends."""

    def __init__(self, namespace: str, uid: str) -> None:
        super().__init__(daemon=True)
        self._target_pods = ("-n", namespace, "-l", f"supportbundle.dev/bundle-uid={uid}")
        self.text = ""

    def run(self) -> None:
        until("a collector", lambda: "Running" in self._ask("get", "pods", "-o", "jsonpath={..phase}"), seconds=90)
        self.text = self._ask("logs", "--follow", "--prefix", "--max-log-requests=20")

    def _ask(self, *words: str) -> str:
        done = subprocess.run(["kubectl", *words, *self._target_pods], capture_output=True, check=False, timeout=120)
        return done.stdout.decode(errors="replace")


def shown(namespace: str) -> dict[str, str]:
    """Everything that the cluster shows to those who may not read Secrets."""
    metrics = f"/api/v1/namespaces/{SYSTEM}/services/supportbundle-operator-metrics:9090/proxy/metrics"
    kinds = (
        "supportbundles.supportbundle.dev,supportbundledestinations.supportbundle.dev,jobs,serviceaccounts,rolebindings"
    )
    return {
        "the operator's log": kubectl("-n", SYSTEM, "logs", "deploy/supportbundle-operator", "--tail=-1"),
        "the store's log": kubectl("-n", SYSTEM, "logs", "deploy/supportbundle-operator-store", "--tail=-1"),
        "the Events": kubectl("get", "events", "-A", "-o", "json"),
        "the resources": kubectl("get", kinds, "-A", "-o", "json"),
        "the operator's settings": kubectl("-n", SYSTEM, "get", "configmaps,deployments,services", "-o", "json"),
        "what was made beside": kubectl("-n", namespace, "get", "jobs,serviceaccounts,rolebindings", "-o", "json"),
        "the metrics": kubectl("get", "--raw", metrics),
    }


def in_any_form(value: str) -> set[str]:
    """How a value may be written."""
    encoded = base64.b64encode(value.encode()).decode()
    return {value, quote(value, safe=""), encoded, encoded.rstrip("=")}


@pytest.mark.usefixtures("talkative")
def test_nothing_secret_is_shown_anywhere(workload: str, planted: list[bytes], keys: dict[str, str]) -> None:
    for name in ("good", "wrong", "silent"):
        sbundle.create(
            workload,
            f"hygiene-{name}",
            EVERYTHING,
            destination={"name": f"hygiene-{name}"},
            sanitization=PSEUDONYMS,
        )
    follower = Follower(workload, get(workload, "sbundle", "hygiene-good")["metadata"]["uid"])
    follower.start()
    key = pseudonym_key()
    sbundle.ready(workload, "hygiene-good", seconds=120)
    assert condition(sbundle.finished(workload, "hygiene-wrong", seconds=60), "Ready")["reason"] == "StoreDenied"
    until(
        "a status that names the silent store",
        lambda: condition(get(workload, "sbundle", "hygiene-silent"), "Ready").get("reason") == "Unavailable",
        seconds=60,
    )
    follower.join(60)
    places = {**shown(workload), "the collectors' logs": follower.text}
    assert "level" in places["the operator's log"]
    assert "supportbundle_reconcile_total" in places["the metrics"]
    assert follower.text, "the collectors' logs were read"
    values = [*keys.values(), WRONG, STRANGER, key, *(value.decode() for value in planted)]
    found = [
        (place, value)
        for place, text in places.items()
        for value in values
        if any(form in text for form in in_any_form(value))
    ]
    found += [(place, match[0]) for place, text in places.items() for p in SIGNED if (match := re.search(p, text))]
    assert not found


def pseudonym_key() -> str:
    """The key of the good destination's pseudonyms, in base64."""

    def read() -> str:
        path = "jsonpath={.data.key}"
        return kubectl(
            "-n", SYSTEM, "get", "secret", "supportbundle-pseudonyms-hygiene-good", "--ignore-not-found", "-o", path
        )

    return until("the key of pseudonyms", read, seconds=60)
