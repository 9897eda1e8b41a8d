"""Nothing that opens a door is written where people look: logs, Events, status, metrics, settings, plans of Jobs.

Bundles run with planted secrets against a good store, one that refuses the keys and one that does not answer; others go
to links, to an SFTP server and past a reviewer; alerts come with a good token and a bad one; the operator is as
talkative as it can be. Then everything that the cluster shows is searched.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from support import sbundle
from support.installing import install
from support.kube import SYSTEM, apply, condition, get, items, kubectl, until
from support.linkserver import Links, receiving, self_signed
from support.outside import ADDRESS, KEYS, Bucket, put_destination, put_secret
from support.sftpserver import PASSWORD, USER, SFTPServer, serving

pytestmark = pytest.mark.e2e
STORE = f"http://supportbundle-operator-store.{SYSTEM}.svc:7070"
WRONG = "wrong-secret-key-5d1f7a90c3"
STRANGER = "AKIAQ7STRANGERKEY4TS"
BUCKET = "supportbundles"
SIGNATURE = "link-signature-83b1f0c2d4"
"""Of the links that take a PUT."""
TOKEN, BAD_TOKEN = "webhook-token-2c9e60d7aa51", "webhook-token-that-is-wrong-77"
REVIEWER = "hygiene@example.org"
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
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Links, str, SFTPServer]]:
    """Links with the certificate that vouches for their server, and an SFTP server."""
    certificate, root = self_signed(tmp_path_factory.mktemp("pki")), tmp_path_factory.mktemp("sftp")
    Path(root / "in").mkdir()
    with receiving(certificate, SIGNATURE) as links, serving(root, ADDRESS) as sftp:
        yield links, certificate.pem, sftp


def outside(links: Links, authority: str, sftp: SFTPServer) -> None:
    """Destinations that take finished zips: a good link, one that refuses, an SFTP server, one after an approval."""
    for name, url in (("hygiene-link", links.url), ("hygiene-refused", links.refused)):
        put_secret(SYSTEM, name, {"url": url})
        put = {"urlSecretRef": {"name": name, "key": "url"}, "caBundle": authority}
        put_destination(name, type="HTTPPut", httpPut=put)
    put_secret(SYSTEM, "hygiene-sftp", {"password": PASSWORD})
    options = {"host": ADDRESS, "port": sftp.port, "user": USER, "path": "in", "hostKeys": [sftp.host_key]}
    put_destination("hygiene-sftp", type="SFTP", sftp=options | {"credentialsSecretRef": {"name": "hygiene-sftp"}})
    bucket = Bucket("e2e-hygiene")
    bucket.store.ensure_bucket()
    put_secret(SYSTEM, "hygiene-strict", KEYS)
    s3 = bucket.options | {"credentialsSecretRef": {"name": "hygiene-strict"}}
    put_destination("hygiene-strict", type="S3", s3=s3, approval={"required": True})


DESTINATIONS = tuple(f"hygiene-{name}" for name in ("good", "wrong", "silent", "link", "refused", "sftp", "strict"))


@pytest.fixture(scope="module")
def talkative(keys: dict[str, str], receivers: tuple[Links, str, SFTPServer]) -> Iterator[None]:
    """The operator at DEBUG, where the next installation finds it, with a webhook; and the destinations."""
    put_secret(SYSTEM, "hygiene-webhook", {"token": TOKEN})
    webhook = "webhook.alertmanager.enabled=true,webhook.alertmanager.existingSecret=hygiene-webhook"
    install("logLevel=DEBUG", webhook)
    destination("hygiene-good", keys, STORE)
    destination("hygiene-wrong", {"accessKey": STRANGER, "secretKey": WRONG}, STORE)
    destination("hygiene-silent", keys, f"http://silent.{SYSTEM}.svc:9")
    outside(*receivers)
    yield
    for name in DESTINATIONS:
        kubectl("delete", "sbdest", name)
        kubectl("-n", SYSTEM, "delete", "secret", name)


class Follower(threading.Thread):
    """Reads the logs of a bundle's pods while they live; they are gone when it ends. None where they were too quick."""

    def __init__(self, namespace: str, uid: str) -> None:
        super().__init__(daemon=True)
        self._target_pods = ("-n", namespace, "-l", f"supportbundle.dev/bundle-uid={uid}")
        self.text = ""

    def run(self) -> None:
        try:
            until("a pod", self._begun, seconds=120)
        except AssertionError:
            return
        command = ("kubectl", "logs", "--follow", "--prefix", "--tail=-1", "--max-log-requests=20", *self._target_pods)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.text += line.decode(errors="replace")

    def _begun(self) -> bool:
        command = ("kubectl", "get", "pods", "-o", "jsonpath={..phase}", *self._target_pods)
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        return any(phase in done.stdout for phase in (b"Running", b"Succeeded", b"Failed"))


def following(workload: str, name: str, where: str) -> Follower:
    """Follows the pods of a bundle in a namespace."""
    follower = Follower(where, get(workload, "sbundle", name)["metadata"]["uid"])
    follower.start()
    return follower


def shown(namespace: str) -> dict[str, str]:
    """Everything that the cluster shows to those who may not read Secrets."""
    metrics = f"/api/v1/namespaces/{SYSTEM}/services/supportbundle-operator-metrics:9090/proxy/metrics"
    kinds = (
        "supportbundles.supportbundle.dev,supportbundledestinations.supportbundle.dev,jobs,serviceaccounts,"
        "rolebindings,roles,supportbundleapprovals.supportbundle.dev,supportbundleschedules.supportbundle.dev,"
        "supportbundletemplates.supportbundle.dev"
    )
    return {
        "the operator's log": kubectl("-n", SYSTEM, "logs", "deploy/supportbundle-operator", "--tail=-1"),
        "the store's log": kubectl("-n", SYSTEM, "logs", "deploy/supportbundle-operator-store", "--tail=-1"),
        "the Events": kubectl("get", "events", "-A", "-o", "json"),
        "the resources": kubectl("get", kinds, "-A", "-o", "json"),
        "the operator's settings": kubectl("-n", SYSTEM, "get", "configmaps,deployments,services", "-o", "json"),
        "the pods beside the operator": kubectl("-n", SYSTEM, "get", "pods", "-o", "json"),
        "what was made beside": kubectl("-n", namespace, "get", "jobs,serviceaccounts,rolebindings", "-o", "json"),
        "the metrics": kubectl("get", "--raw", metrics),
    }


def in_any_form(value: str) -> set[str]:
    """How a value may be written."""
    encoded = base64.b64encode(value.encode()).decode()
    return {value, quote(value, safe=""), encoded, encoded.rstrip("=")}


def say(bundle: dict[str, object], decision: str, name: str) -> None:
    """As somebody who may do everything: who may do what is tested elsewhere."""
    meta = bundle["metadata"]
    assert isinstance(meta, dict)
    obj = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleApproval",
        "metadata": {"name": name},
        "spec": {
            "bundle": {"name": meta["name"], "uid": meta["uid"]}, "decision": decision, "by": REVIEWER, "reason": "e2e"
        },
    }  # fmt: skip
    user = ("--as", REVIEWER, "--as-group", "system:masters")
    kubectl("-n", meta["namespace"], *user, "create", "-f", "-", stdin=yaml.safe_dump(obj).encode())


def reviewed(namespace: str, name: str) -> str:
    """Look at a bundle and approve it; returns the link that there was."""

    def waits() -> dict[str, object] | None:
        obj = get(namespace, "sbundle", name)
        return obj if condition(obj, "Ready").get("reason") == "AwaitingApproval" else None

    def link() -> str:
        selector = f"supportbundle.dev/bundle-uid={uid}"
        secrets = items(SYSTEM, "secrets", selector)
        found = [secret["data"]["url"] for secret in secrets if "-review-" in secret["metadata"]["name"]]
        return base64.b64decode(found[0]).decode() if found else ""

    bundle = until("a bundle that awaits its approval", waits, seconds=180)
    uid = get(namespace, "sbundle", name)["metadata"]["uid"]
    say(bundle, "Review", "hygiene-look")
    url = until("a link for the reviewer", link, seconds=60)
    say(bundle, "Approved", "hygiene-yes")
    return url


def alerted(namespace: str, token: str) -> int:
    """How the webhook answers an alert about this namespace."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Hygiene", "namespace": namespace},
        "startsAt": datetime.now(UTC).isoformat(),
    }
    address = get(SYSTEM, "service", "supportbundle-operator-webhook")["spec"]["clusterIP"]
    request = urllib.request.Request(
        f"http://{address}/alertmanager",
        data=json.dumps({"version": "4", "alerts": [alert]}).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the Service that the fixture installed
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def schedule(namespace: str) -> None:
    """One that waits for the alert, and whose account may not collect."""
    spec = {
        "serviceAccountName": "default",
        "capabilities": ["Logs"],
        "target": {"selector": {}},
        "collectors": list(sbundle.LOGS),
    }
    trigger = {"name": "hygiene", "type": "Alert", "alert": {"labels": {"alertname": "Hygiene"}}}
    obj = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleSchedule",
        "metadata": {"name": "hygiene"},
        "spec": {"triggers": [trigger], "bundleTemplate": {"spec": spec}},
    }
    apply(namespace, obj)


def reason(namespace: str, name: str) -> str:
    """Of the condition Ready of a bundle."""
    return str(condition(get(namespace, "sbundle", name), "Ready").get("reason"))


def delivered(namespace: str, links: Links) -> tuple[dict[str, str], list[str]]:
    """Send bundles everywhere: what the delivering pods said, and what nobody may see."""
    links.answering.clear()
    for name in ("link", "refused", "sftp", "strict"):
        sbundle.create(namespace, f"hygiene-{name}", destination={"name": f"hygiene-{name}"})
    followers = {name: following(namespace, f"hygiene-{name}", SYSTEM) for name in ("link", "refused", "sftp")}
    url = reviewed(namespace, "hygiene-strict")
    followers["strict"] = following(namespace, "hygiene-strict", SYSTEM)
    until("the log of a delivery", lambda: followers["link"].text, seconds=120)
    assert links.arrived.wait(120)
    links.answering.set()
    for name in ("link", "sftp", "strict"):
        sbundle.ready(namespace, f"hygiene-{name}")
        followers[name].join(20)
    until("a refused delivery", lambda: reason(namespace, "hygiene-refused") == "DeliveryDelayed")
    kubectl("-n", namespace, "delete", "sbundle", "hygiene-refused", "--wait=false")
    followers["refused"].join(20)
    logs = {f"the log of the delivery to {name}": follower.text for name, follower in followers.items()}
    return logs, [url, *re.findall(r"X-Amz-Signature=(\w+)", url)]


@pytest.mark.usefixtures("talkative")
def test_nothing_secret_is_shown_anywhere(
    workload: str, planted: list[bytes], keys: dict[str, str], receivers: tuple[Links, str, SFTPServer]
) -> None:
    for name in ("good", "wrong", "silent"):
        sbundle.create(
            workload,
            f"hygiene-{name}",
            EVERYTHING,
            destination={"name": f"hygiene-{name}"},
            sanitization=PSEUDONYMS,
        )
    follower = following(workload, "hygiene-good", workload)
    schedule(workload)
    key = pseudonym_key()
    logs, hidden = delivered(workload, receivers[0])
    assert [alerted(workload, BAD_TOKEN), alerted(workload, TOKEN)] == [401, 200]
    sbundle.ready(workload, "hygiene-good", seconds=120)
    assert condition(sbundle.finished(workload, "hygiene-wrong", seconds=60), "Ready")["reason"] == "StoreDenied"
    until(
        "a status that names the silent store", lambda: reason(workload, "hygiene-silent") == "Unavailable", seconds=60
    )
    follower.join(60)
    places = {**shown(workload), **logs, "the collectors' logs": follower.text}
    assert "level" in places["the operator's log"]
    assert "supportbundle_reconcile_total" in places["the metrics"]
    assert "hygiene-look" in places["the resources"]
    assert follower.text, "the collectors' logs were read"
    assert "delivered" in places["the log of the delivery to link"]
    values = [*keys.values(), WRONG, STRANGER, key, *(value.decode() for value in planted)]
    values += [SIGNATURE, PASSWORD, TOKEN, BAD_TOKEN, KEYS["secretKey"], *hidden]
    found = [
        (place, value)
        for place, text in places.items()
        for value in values
        if any(form in text for form in in_any_form(value))
    ]
    found += [(place, match[0]) for place, text in places.items() for p in SIGNED if (match := re.search(p, text))]
    kubectl("-n", workload, "delete", "sbschedule", "hygiene")
    assert not found


def pseudonym_key() -> str:
    """The key of the good destination's pseudonyms, in base64."""

    def read() -> str:
        path = "jsonpath={.data.key}"
        return kubectl(
            "-n", SYSTEM, "get", "secret", "supportbundle-pseudonyms-hygiene-good", "--ignore-not-found", "-o", path
        )

    return until("the key of pseudonyms", read, seconds=60)
