"""What goes wrong in real clusters: a killed operator, a store that is down, wrong keys, missing policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from support import breaking, sbundle
from support.breaking import phase
from support.kube import ROOT, CommandFailed, apply, condition, get, items, kubectl, run, until
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

pytestmark = pytest.mark.e2e
PROFILE = (
    *sbundle.LOGS,
    {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 3}]}},
)
CAPABILITIES = ["Logs", "Profiles"]


def job_runs(namespace: str, name: str) -> bool:
    """Whether a collector pod is ready."""
    uid = get(namespace, "sbundle", name)["metadata"]["uid"]
    # One request: a Job that was listed may be gone by the next.
    jobs = items(namespace, "jobs", f"supportbundle.dev/bundle-uid={uid}")
    return any(job["status"].get("ready") for job in jobs)


MOMENTS: dict[str, Callable[[str, str], bool]] = {
    "planning": lambda namespace, name: phase(namespace, name) != "",
    "collecting": job_runs,
    "staged": lambda namespace, name: (
        phase(namespace, name) in {"Assembling", "Ready"} or not job_runs(namespace, name)
    ),
    "assembling": lambda namespace, name: phase(namespace, name) in {"Assembling", "Ready"},
}


@pytest.fixture
def fresh_operator(operator: str) -> None:
    """As `breaking.fresh_operator`."""
    assert operator
    breaking.fresh_operator()


@pytest.mark.usefixtures("fresh_operator")
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_operator_killed_at_any_moment_ends_with_one_zip(workload: str, moment: str) -> None:
    name = f"killed-{moment}"
    sbundle.create(workload, name, PROFILE, capabilities=CAPABILITIES)
    if moment == "staged":
        until("a running collector", lambda: job_runs(workload, name) or phase(workload, name) == "Ready")
    until(f"the moment {moment}", lambda: MOMENTS[moment](workload, name))
    breaking.kill_operator()
    obj = sbundle.ready(workload, name, seconds=240)
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
    data = until("an operator that answers", lambda: fetched(workload, name))
    assert obj["status"]["artifact"]["sizeBytes"] == len(data)
    assert [path for path in sbundle.unpack(data) if path.endswith("cpu.pb.gz")]


def fetched(namespace: str, name: str) -> bytes:
    """The zip, or nothing while the operator's container is away."""
    try:
        return sbundle.fetch(namespace, name)
    except CommandFailed:
        return b""


@pytest.fixture
def bucket(operator: str) -> Iterator[str]:
    """A destination at the test cluster's own S3 server, which a test may stop."""
    s3 = {
        "bucket": "e2e-faults",
        "endpoint": os.environ["SB_S3_ENDPOINT"],
        "region": "us-east-1",
        "pathStyle": True,
        "credentialsSecretRef": {"name": "e2e-faults"},
    }
    keys = {"accessKey": os.environ["SB_S3_ACCESS_KEY"], "secretKey": os.environ["SB_S3_SECRET_KEY"]}
    make_bucket(s3["bucket"])
    apply(
        operator,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "e2e-faults"}, "stringData": keys},
        destination("e2e-faults", s3),
    )
    yield "e2e-faults"
    kubectl("delete", "sbdest", "e2e-faults")
    kubectl("-n", operator, "delete", "secret", "e2e-faults")


def destination(name: str, s3: dict[str, object]) -> dict[str, object]:
    """A SupportBundleDestination."""
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleDestination",
        "metadata": {"name": name},
        "spec": {"type": "S3", "s3": s3},
    }


def make_bucket(name: object) -> None:
    """Create the bucket at the cluster's S3 server."""
    S3Store(
        StoreConfig(
            endpoint=os.environ["SB_S3_ENDPOINT"],
            region="us-east-1",
            bucket=str(name),
            path_style=True,
            credentials=Credentials(os.environ["SB_S3_ACCESS_KEY"], os.environ["SB_S3_SECRET_KEY"]),
        )
    ).ensure_bucket()


@pytest.mark.skipif(os.environ.get("CLUSTER") == "current", reason="the S3 server of somebody's cluster stays up")
def test_a_store_that_is_down_only_delays(workload: str, bucket: str) -> None:
    component = str(ROOT / "tests/cluster/component")
    run(component, "stop", "s3")
    try:
        sbundle.create(workload, "delayed", destination={"name": bucket})
        until(
            "a status that names the store",
            lambda: condition(get(workload, "sbundle", "delayed"), "Ready").get("reason") == "Unavailable",
            seconds=60,
        )
    finally:
        run(component, "start", "s3")
    obj = sbundle.ready(workload, "delayed", seconds=180)
    assert obj["status"]["artifact"]["bucket"] == "e2e-faults"


@pytest.mark.skipif(os.environ.get("CLUSTER") == "current", reason="needs the S3 server of the test cluster")
def test_wrong_credentials_stall_with_the_cause(workload: str, bucket: str, operator: str) -> None:
    wrong = {"accessKey": os.environ["SB_S3_ACCESS_KEY"], "secretKey": "not-the-secret-key"}
    s3 = get("default", "sbdest", bucket)["spec"]["s3"] | {"credentialsSecretRef": {"name": "e2e-wrong"}}
    apply(
        operator,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "e2e-wrong"}, "stringData": wrong},
        destination("e2e-wrong", s3),
    )
    try:
        sbundle.create(workload, "denied", destination={"name": "e2e-wrong"})
        stalled = condition(sbundle.finished(workload, "denied", seconds=60), "Stalled")
        assert (stalled["status"], stalled["reason"]) == ("True", "StoreDenied")
        assert "not-the-secret-key" not in stalled["message"]
    finally:
        kubectl("delete", "sbdest", "e2e-wrong")
        kubectl("-n", operator, "delete", "secret", "e2e-wrong")


def test_an_unknown_destination_is_waited_for_and_named(workload: str) -> None:
    sbundle.create(workload, "nowhere", destination={"name": "not-there"})
    ready = until(
        "a status that names the destination",
        lambda: (
            (c := condition(get(workload, "sbundle", "nowhere"), "Ready")).get("reason") == "DestinationUnavailable"
            and c
        ),
    )
    assert "not-there" in ready["message"]
    kubectl("-n", workload, "delete", "sbundle", "nowhere")


def test_without_the_policies_only_named_accounts_may_collect(workload: str) -> None:
    binding = "validatingadmissionpolicybinding/supportbundle-operator-requester"
    saved = kubectl("get", binding, "-o", "yaml")
    kubectl("delete", binding)
    try:
        until("the operator to notice", lambda: refused(workload), seconds=90)
    finally:
        kubectl("create", "-f", "-", stdin=saved.encode())
    until("the operator to notice that they are back", lambda: not refused(workload), seconds=90)


def refused(namespace: str) -> bool:
    """Whether a new bundle is refused because the policies are missing."""
    name = f"unguarded-{os.urandom(3).hex()}"
    sbundle.create(namespace, name)
    return bool(condition(sbundle.finished(namespace, name), "Ready")["reason"] == "PoliciesMissing")


def test_quota_that_forbids_pods_is_said_in_plain_words(namespace: str) -> None:
    apply(
        namespace,
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}},
    )
    everything = ({"name": "events", "type": "Events"},)
    sbundle.create(namespace, "starved", everything)
    ready = until(
        "a status that names the quota",
        lambda: (c := condition(get(namespace, "sbundle", "starved"), "Ready")).get("reason") == "WaitingForPods" and c,
        seconds=60,
    )
    assert "quota" in ready["message"]
    kubectl("-n", namespace, "delete", "resourcequota", "none")
    kubectl("-n", namespace, "patch", "sbundle", "starved", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    assert condition(sbundle.finished(namespace, "starved"), "Ready")["reason"] == "Cancelled"
