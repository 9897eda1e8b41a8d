"""The chart's CRDs, rights and policies on a real API server, and no operator: who may do what, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import yaml

from support import reading
from support.access import Person, Site, refused
from support.kube import RELEASE, ROOT, SYSTEM, established, kubectl, run

EVERYTHING = "capabilities.debug=true,capabilities.helm=true,capabilities.clusterInfo=true"
CHART = ROOT / "helm" / "supportbundle-operator"
IMAGE = "registry.example/supportbundle-operator"
TAG = "test"


def install_crds() -> None:
    """The CRDs of this checkout, marked so that Helm's release of the other end-to-end tests takes them over."""
    crds = ("-f", str(ROOT / "crds"))
    kubectl("apply", "--server-side", "--force-conflicts", *crds)
    owner = (f"meta.helm.sh/release-name={RELEASE}", f"meta.helm.sh/release-namespace={SYSTEM}")
    kubectl("annotate", "--overwrite", *crds, *owner)
    kubectl("label", "--overwrite", *crds, "app.kubernetes.io/managed-by=Helm")
    for file in sorted((ROOT / "crds").iterdir()):
        established(yaml.safe_load(file.read_text(encoding="utf-8"))["metadata"]["name"])


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The chart with everything switched on but without an operator, under names of its own."""
    release = f"access-{uuid.uuid4().hex[:6]}"
    tenant = f"{release}-tenant"
    # What the demo or an earlier run has installed answers too, with other switches; the other tests install it anew.
    run("helm", "uninstall", RELEASE, "--namespace", SYSTEM, "--ignore-not-found", "--wait", "--timeout=2m")
    install_crds()
    try:
        run(
            *("helm", "install", release, str(CHART), "--namespace", release, "--create-namespace"),
            *("--set", f"replicas=0,crds.enabled=false,fullnameOverride={release}"),
            # Nobody can run the image of this release.
            *("--set", "deletion.releaseOnUninstall=false"),
            *("--set", "store.embedded.persistence.enabled=false"),
            *("--set", f"image.repository={IMAGE},image.tag={TAG},{EVERYTHING}"),
        )
        kubectl("create", "namespace", tenant)
        server = f"http://{reading.server()}"
        operator = Person(server, f"system:serviceaccount:{release}:{release}", tenant)
        found = Site(release, tenant, Person(server, None, tenant), operator)
        # Another installation's policies answer as well, but only this one's speak of this operator's account.
        stray = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "stray"}}
        refused(lambda: operator.create(stray), f"{release}-operator-secrets")
        yield found
    finally:
        run("helm", "uninstall", release, "--namespace", release, "--ignore-not-found")
        kubectl("delete", "namespace", release, tenant, "--ignore-not-found", "--wait=false")
