"""Zips that end elsewhere than they are made: other people's buckets, links and servers; encrypted; interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import breaking, sbundle
from support.gatekeeper import Gatekeeper
from support.kube import SYSTEM, CommandFailed, apply, condition, get, items, kubectl, names, run, until
from support.linkserver import receiving
from support.outside import ADDRESS, ENDPOINT, KEYS, Bucket, Certificate, MakeDestination, listening, put_secret
from support.sftpserver import USER, serving

pytestmark = pytest.mark.e2e
MEMBERS = {"manifest.json"}
NOISE = 20 << 20


def keys_secret(name: str) -> dict[str, object]:
    """As spec.s3.credentialsSecretRef."""
    return {"credentialsSecretRef": {"name": name}}


def artifact(obj: dict[str, Any]) -> dict[str, Any]:
    """status.artifact."""
    found: dict[str, Any] = obj["status"]["artifact"]
    return found


def nothing_left(uid: str) -> bool:
    """Whether Job, Secret and pods of the delivery are gone."""
    selector = f"supportbundle.dev/bundle-uid={uid}"
    return not names(SYSTEM, "jobs,pods,secrets", selector)


def test_a_zip_goes_to_somebody_elses_bucket(workload: str, destination: MakeDestination, bucket: Bucket) -> None:
    name = destination("e2e-theirs", KEYS, type="S3", s3=bucket.options | {"prefix": "in/"} | keys_secret("e2e-theirs"))
    sbundle.create(workload, "theirs", destination={"name": name})
    obj = sbundle.ready(workload, "theirs")
    found = artifact(obj)
    data = bucket.store.get(found["key"])
    assert (found["bucket"], found["key"].startswith("in/bundles/")) == (bucket.name, True)
    assert (found["sizeBytes"], found["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sbundle.unpack(data).keys() >= MEMBERS
    assert [info.key for info in bucket.store.list("in/staging/")] == []
    assert sbundle.fetch(workload, "theirs") == data
    until("an end of the delivery's objects", lambda: nothing_left(obj["metadata"]["uid"]))


def test_only_the_recipient_reads_an_encrypted_zip(
    workload: str, destination: MakeDestination, bucket: Bucket, age: dict[str, str], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    run(age["age-keygen"], "-o", str(key))
    public = run(age["age-keygen"], "-y", str(key)).decode().strip()
    name = destination("e2e-sealed", KEYS, type="S3", s3=bucket.options | keys_secret("e2e-sealed"))
    sbundle.create(workload, "sealed", destination={"name": name}, encryption={"recipients": [public]})
    found = artifact(sbundle.ready(workload, "sealed"))
    data = bucket.store.get(found["key"])
    assert found["key"].endswith(".zip.age")
    assert data.startswith(b"age-encryption.org/v1\n")
    plain = run(age["age"], "--decrypt", "-i", str(key), stdin=data)
    members = sbundle.unpack(plain)
    assert members.keys() >= MEMBERS
    assert hashlib.sha256(members["manifest.json"]).hexdigest() == found["manifestSHA256"]


def test_wrong_credentials_delay_and_corrected_ones_go_on_without_collecting_again(
    workload: str, destination: MakeDestination, bucket: Bucket, operator: str
) -> None:
    wrong = KEYS | {"secretKey": "not-the-secret-key"}
    name = destination("e2e-denied", wrong, type="S3", s3=bucket.options | keys_secret("e2e-denied"))
    sbundle.create(workload, "put-right", destination={"name": name})
    until(
        "a status that names the cause",
        lambda: condition(get(workload, "sbundle", "put-right"), "Ready").get("reason") == "DeliveryDelayed",
        seconds=90,
    )
    before = get(workload, "sbundle", "put-right")
    message = condition(before, "Ready")["message"]
    assert "SignatureDoesNotMatch" in message
    assert "destination's credentials" in message
    assert "not-the-secret-key" not in json.dumps(before)
    put_secret(operator, name, KEYS)
    after = sbundle.ready(workload, "put-right", seconds=180)
    assert after["status"]["collection"] == before["status"]["collection"]


@pytest.fixture
def link(certificate: Certificate) -> Iterator[tuple[str, list[bytes]]]:
    """A link, and what was PUT there."""
    with receiving(certificate) as links:
        yield links.url, links.bodies


def test_a_zip_goes_to_a_link(
    workload: str, destination: MakeDestination, link: tuple[str, list[bytes]], certificate: Certificate
) -> None:
    url, bodies = link
    put = {"urlSecretRef": {"name": "e2e-link", "key": "url"}, "caBundle": certificate.pem}
    destination("e2e-link", {"url": url}, type="HTTPPut", httpPut=put)
    sbundle.create(workload, "linked", destination={"name": "e2e-link"})
    obj = sbundle.ready(workload, "linked")
    found = artifact(obj)
    assert sbundle.unpack(bodies[-1]).keys() >= MEMBERS
    assert found["sha256"] == hashlib.sha256(bodies[-1]).hexdigest()
    assert "expiresAt" not in found
    assert "topsecret" not in json.dumps(obj)
    with pytest.raises(CommandFailed, match="with its receiver"):
        sbundle.fetch(workload, "linked")


def test_a_link_carries_one_bundle_and_the_next_one_waits_for_its_own(
    workload: str,
    destination: MakeDestination,
    link: tuple[str, list[bytes]],
    certificate: Certificate,
    operator: str,
) -> None:
    url, bodies = link
    put = {"urlSecretRef": {"name": "e2e-once", "key": "url"}, "caBundle": certificate.pem}
    name = destination("e2e-once", {"url": url}, type="HTTPPut", httpPut=put)
    sbundle.create(workload, "first", destination={"name": name})
    sbundle.ready(workload, "first")
    sbundle.create(workload, "second", destination={"name": name})
    until(
        "a status that asks for another link",
        lambda: "Ask for a new one" in condition(get(workload, "sbundle", "second"), "Ready").get("message", ""),
        seconds=120,
    )
    assert len(bodies) == 1
    put_secret(operator, name, {"url": f"{url}&number=2"})
    sbundle.ready(workload, "second", seconds=180)
    assert len(bodies) == 2


def test_a_zip_goes_to_an_sftp_server(workload: str, destination: MakeDestination, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with serving(tmp_path, ADDRESS) as server:
        options = {
            "host": ADDRESS,
            "port": server.port,
            "user": USER,
            "path": "in",
            "hostKeys": [server.host_key],
            "credentialsSecretRef": {"name": "e2e-sftp"},
        }
        destination("e2e-sftp", {"privateKey": server.client_key}, type="SFTP", sftp=options)
        sbundle.create(workload, "sent", destination={"name": "e2e-sftp"})
        obj = sbundle.ready(workload, "sent")
    found = artifact(obj)
    [file] = (tmp_path / "in").iterdir()
    assert file.name == f"sent-{obj['metadata']['uid']}.zip"
    assert sbundle.unpack(file.read_bytes()).keys() >= MEMBERS
    assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "expiresAt" not in found


@pytest.fixture
def noisy(namespace: str) -> str:
    """A pod whose noise no packing makes smaller."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "noisy", "labels": {"app": "noisy"}},
        "spec": {
            "containers": [
                {
                    "name": "noise",
                    "image": "localhost/sb-busybox:test",
                    "imagePullPolicy": "Never",
                    "command": ["/bin/sleep", "3600"],
                }
            ],
            "terminationGracePeriodSeconds": 0,
        },
    }
    apply(namespace, pod)
    kubectl("-n", namespace, "wait", "pod/noisy", "--for=condition=Ready", "--timeout=60s")
    return namespace


def delivery_pods(uid: str) -> list[dict[str, Any]]:
    """The delivery's pods."""
    return items(SYSTEM, "pods", f"supportbundle.dev/bundle-uid={uid}")


@pytest.mark.skipif(not ENDPOINT, reason="needs the S3 server of the test cluster")
def test_a_killed_delivery_is_gone_on_with(noisy: str, destination: MakeDestination, bucket: Bucket) -> None:
    server = urlsplit(ENDPOINT)
    gate = Gatekeeper(listening(), (ADDRESS, server.port or 80), limit=17 << 20)
    try:
        s3 = bucket.options | {"endpoint": f"http://{ADDRESS}:{gate.port}"} | keys_secret("e2e-killed")
        destination("e2e-killed", KEYS, type="S3", s3=s3)
        noise = {
            "name": "noise",
            "type": "Exec",
            "exec": {"command": ["head", "-c", str(NOISE), "/dev/urandom"], "maxBytes": "40Mi"},
        }
        sbundle.create(noisy, "killed", [noise], app="noisy", capabilities=["Exec"], destination={"name": "e2e-killed"})
        assert gate.reached.wait(120), get(noisy, "sbundle", "killed")["status"]
        uid = get(noisy, "sbundle", "killed")["metadata"]["uid"]
        breaking.kill(delivery_pods(uid)[0])
        gate.opened.set()
        found = artifact(sbundle.ready(noisy, "killed", seconds=180))
    finally:
        gate.close()
    data = bucket.store.get(found["key"])
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    members = sbundle.unpack(data)
    assert max(len(member) for member in members.values()) >= NOISE
    assert [info.key for info in bucket.store.list("bundles/") if uid in info.key] == [found["key"]]
    assert bucket.store.abort_uploads("") == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "S3", "s3": {"bucket": "abc", "endpoint": "http://169.254.169.254"}}, "metadata service"),
        ({"type": "S3", "s3": {"bucket": "abc", "endpoint": "https://Kubernetes.default.svc:443/"}}, "API server"),
        ({"type": "S3", "s3": {"bucket": "abc", "endpoint": "http://[::1]:9000"}}, "loopback"),
        ({"type": "S3"}, "needs s3"),
        ({"type": "HTTPPut", "s3": {"bucket": "abc"}}, "no other type takes it"),
        (
            {
                "type": "HTTPPut",
                "httpPut": {"urlSecretRef": {"name": "a", "key": "b"}, "headers": {"Authorization": "Bearer x"}},
            },
            "credentials do not belong here",
        ),
        (
            {
                "type": "S3",
                "s3": {"bucket": "abc", "serverSideEncryption": {"type": "AES256", "kmsKeyID": "k"}},
            },
            "kmsKeyID belongs",
        ),
        ({"type": "S3", "s3": {"bucket": "abc"}, "encryption": {"recipients": ["AGE-SECRET-KEY-1"]}}, "recipients"),
        ({"type": "S3", "s3": {"bucket": "abc"}, "approval": {"timeout": "10s"}}, "approval.timeout"),
    ],
)
def test_what_cannot_be_a_destination_is_refused(operator: str, spec: dict[str, Any], message: str) -> None:
    assert operator
    made = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleDestination",
        "metadata": {"name": "e2e-refused"},
        "spec": spec,
    }
    with pytest.raises(CommandFailed, match=message):
        apply("default", made)


def test_the_api_server_behind_its_service_is_no_destination(workload: str, destination: MakeDestination) -> None:
    slices = get("default", "endpointslice", "kubernetes")
    address, port = slices["endpoints"][0]["addresses"][0], slices["ports"][0]["port"]
    s3 = {"bucket": "abc", "endpoint": f"https://{address}:{port}", "region": "us-east-1", "pathStyle": True}
    name = destination("e2e-api-server", KEYS, type="S3", s3=s3 | keys_secret("e2e-api-server"))
    sbundle.create(workload, "misled", destination={"name": name})
    over = condition(sbundle.finished(workload, "misled", seconds=60), "Ready")
    assert over["reason"] == "ForbiddenAddress"
    assert "API server" in over["message"]


def test_without_a_place_to_stage_the_value_to_set_is_named(workload: str) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFrSfmMOWVTvtB9LwKvr1LnHk7/FwnbFvkNtMPjzLNG"
    sbundle.create(workload, "homeless", encryption={"recipients": [key]})
    until(
        "a status that names the value",
        lambda: "staging.bucket" in condition(get(workload, "sbundle", "homeless"), "Ready").get("message", ""),
        seconds=30,
    )
    assert condition(get(workload, "sbundle", "homeless"), "Ready")["reason"] == "StagingMissing"
    kubectl("-n", workload, "delete", "sbundle", "homeless")
