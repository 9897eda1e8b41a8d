"""A release over its life: what stays the same over an upgrade, and what outlives an uninstallation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from support.access import Object
from support.kube import ROOT, get, kubectl, names, run

pytestmark = pytest.mark.e2e
CHART = str(ROOT / "helm" / "supportbundle-operator")


@pytest.fixture
def release() -> Iterator[str]:
    """Name and namespace of a release of this test's own."""
    name = f"life-{uuid.uuid4().hex[:6]}"
    yield name
    run("helm", "uninstall", name, "-n", name, "--ignore-not-found")
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.mark.usefixtures("site")
def test_a_release_lives_through_upgrade_uninstallation_and_reinstallation(release: str) -> None:
    upgrade(release)
    keys = secret(release)
    upgrade(release, "logLevel=DEBUG")
    assert secret(release) == keys, "the embedded store would refuse every URL that was signed before"
    assert "logLevel: DEBUG" in get(release, "configmap", release)["data"]["config.yaml"]

    run("helm", "uninstall", release, "-n", release)
    assert names(release, "persistentvolumeclaim") == [f"persistentvolumeclaim/{release}-store"]
    kubectl("get", "crd", "supportbundles.supportbundle.dev")
    kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding,clusterrole,clusterrolebinding,flowschema"
    gone = kubectl("get", kinds, "-o", "name")
    assert not [name for name in gone.split() if f"/{release}" in name]

    # Without policies: those just removed may be heard a moment longer, and name roles that other tests would bind.
    upgrade(release, "policies.enabled=false")
    assert names(release, "persistentvolumeclaim") == [f"persistentvolumeclaim/{release}-store"]


def upgrade(release: str, *values: str) -> None:
    """Install or upgrade without pods; the CRDs belong to the shared installation."""
    run(
        *("helm", "upgrade", "--install", release, CHART, "-n", release, "--create-namespace"),
        # Its hook has a test of its own, and needs an image that a node can pull.
        *("--set", "replicas=0,crds.enabled=false,deletion.releaseOnUninstall=false"),
        *("--set", ",".join([f"fullnameOverride={release}", *values])),
    )


def secret(release: str) -> Object:
    """The keys of the embedded store."""
    found: Object = json.loads(kubectl("-n", release, "get", "secret", f"{release}-store", "-o", "json"))["data"]
    assert found.keys() == {"accessKey", "secretKey"}
    return found
