"""Faults of the whole cluster. The operator runs with a memory limit of 128 MiB through all of them.

Whatever a test stops it starts again; at the end the operator is installed as for all other tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from support import breaking
from support.faultproxy import FaultProxy, pretended, standing_before
from support.kube import ROOT, SYSTEM, apply, kubectl, run
from supportbundle.storage.s3 import S3Store

BUCKET = "e2e-shaky"
MEMORY = "resources.limits.memory=128Mi"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nobody's own cluster is broken."""
    if os.environ.get("CLUSTER") == "current":
        for item in items:
            if "e2e/faults" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="stops parts of the cluster"))


@pytest.fixture(scope="package")
def tight(operator: str) -> Iterator[str]:
    """The operator within 128 MiB; at the end it must never have been killed for its memory."""
    chart = str(ROOT / "helm/supportbundle-operator")
    again = ("helm", "upgrade", "supportbundle", chart, "-n", operator, "--reuse-values", "--wait", "--timeout=3m")
    run(*again, f"--set={MEMORY}")
    yield operator
    run(*again, "--set=resources.limits.memory=512Mi")


@pytest.fixture(autouse=True)
def never_out_of_memory(tight: str) -> Iterator[None]:
    """A kill for memory would be one more fault than the test asks for."""
    assert tight
    yield
    path = "jsonpath={.items[*].status.containerStatuses[*]['state','lastState'].terminated.reason}"
    assert "OOMKilled" not in kubectl("-n", SYSTEM, "get", "pods", "-l", breaking.POD, "-o", path)


@pytest.fixture(scope="package")
def bucket() -> S3Store:
    """The bucket behind the shaky destination, without the proxy."""
    return breaking.open_bucket(BUCKET)


@pytest.fixture(scope="package")
def proxy(tight: str, bucket: S3Store) -> Iterator[FaultProxy]:
    """The destination `e2e-shaky` is reached by it, from the operator and from collectors."""
    assert bucket
    keys = {"accessKey": os.environ["SB_S3_ACCESS_KEY"], "secretKey": os.environ["SB_S3_SECRET_KEY"]}
    with standing_before(os.environ["SB_S3_ENDPOINT"]) as proxy:
        s3 = {
            "bucket": BUCKET,
            "endpoint": proxy.endpoint,
            "region": "us-east-1",
            "pathStyle": True,
            "credentialsSecretRef": {"name": BUCKET},
        }
        apply(
            tight,
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": BUCKET}, "stringData": keys},
            {
                "apiVersion": "supportbundle.dev/v1alpha1",
                "kind": "SupportBundleDestination",
                "metadata": {"name": BUCKET},
                "spec": {"type": "S3", "s3": s3},
            },
        )
        yield proxy
        kubectl("delete", "sbdest", BUCKET)
        kubectl("-n", tight, "delete", "secret", BUCKET)


@pytest.fixture
def kept(proxy: FaultProxy) -> Iterator[None]:
    """What was staged stays, though the operator believes that it was deleted."""
    with proxy.on("DeleteObjects", pretended, key=""):
        yield
