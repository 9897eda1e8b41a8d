"""Every major way to install the chart is accepted whole by a real API server; no user is the first to try it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from support.installing import CHART
from support.kube import ROOT, kubectl, run

pytestmark = pytest.mark.e2e
DIGEST = "sha256:" + "0" * 64
NETWORK = "networkPolicy.enabled=true"
SPREAD = ("maxSkew=1", "topologyKey=kubernetes.io/hostname", "whenUnsatisfiable=ScheduleAnyway")
WAYS: dict[str, Sequence[str]] = {
    "default": (),
    "own bucket": (
        "store.bucket=mine",
        "store.endpoint=https://s3.example.org:9000",
        "store.existingSecret=keys",
        NETWORK,
        "networkPolicy.apiServerCIDRs={10.96.0.1/32}",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
        "networkPolicy.extraEgress[0].ports[0].port=22",
    ),
    "policies off": ("policies.enabled=false",),
    "watched namespaces": ("watchNamespaces={{{0},{1}}}", NETWORK),
    "volume of its own": ("store.embedded.persistence.existingClaim=data", NETWORK),
    "everything on": (
        "capabilities.debug=true,capabilities.helm=true,capabilities.clusterInfo=true,capabilities.extraResources=true",
    ),
    "digest, no flow control": (
        "flowControl.enabled=false",
        f"image.digest={DIGEST},store.embedded.image.digest={DIGEST}",
    ),
    "pods as the admin wants them": (
        "image.pullSecrets={regcred}",
        "priorityClassName=system-cluster-critical",
        "proxy.https=http://proxy.example.org:3128",
        "proxy.noProxy={10.0.0.0/8}",
        *(f"topologySpreadConstraints[0].{setting}" for setting in SPREAD),
        "tolerations[0].operator=Exists",
        "nodeSelector.disk=ssd",
        "commonLabels.example\\.org/team=storage",
        "podSecurityContext.runAsUser=null",
        "extraEnv[0].name=A",
        "extraEnv[0].value=b",
        "resources.limits.cpu=1",
    ),
}


@pytest.fixture(scope="module")
def hardened(operator: str, pair: tuple[str, str]) -> tuple[str, str]:
    """Two namespaces that take restricted pods only."""
    assert operator
    for name in pair:
        modes = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
        kubectl("label", "namespace", name, *modes)
        # A dry run makes no account, and a pod without one is refused.
        kubectl("-n", name, "create", "serviceaccount", "rendered-test")
    return pair


@pytest.mark.parametrize("way", WAYS)
def test_the_api_server_accepts_every_object(hardened: tuple[str, str], way: str) -> None:
    settings = [setting.format(*hardened) if way == "watched namespaces" else setting for setting in WAYS[way]]
    flags = [flag for setting in settings for flag in ("--set", setting)]
    # The CRDs belong to the installation beside; a test of their own applies them.
    fixed = ("-n", hardened[0], "--set=fullnameOverride=rendered,crds.enabled=false", "--kube-version=1.30.0")
    text = run("helm", "template", "rendered", str(CHART), *fixed, *flags)
    objects = in_namespace(text, hardened[0])
    done = subprocess.run(
        ["kubectl", "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"],
        input=yaml.safe_dump_all(objects).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"Warning" not in done.stderr, done.stderr.decode()
    assert len(done.stdout.splitlines()) == len(objects)


def in_namespace(text: bytes, namespace: str) -> list[dict[str, object]]:
    """The objects as Helm creates them: what names no namespace lies in the release's."""
    cluster = ("ClusterRole", "ClusterRoleBinding", "FlowSchema", "PriorityLevelConfiguration")
    objects = [obj for obj in yaml.safe_load_all(text) if obj]
    for obj in objects:
        if obj["kind"] not in cluster and not obj["kind"].startswith("ValidatingAdmissionPolicy"):
            obj["metadata"].setdefault("namespace", namespace)
    return objects


def test_the_api_server_accepts_the_crds_over_those_that_are_there() -> None:
    crds = ("-f", str(ROOT / "crds"))
    kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", *crds)


@pytest.mark.parametrize("document", ["docs/install.md"])
def test_the_api_server_accepts_the_objects_in_the_documentation(hardened: tuple[str, str], document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    found = [block.partition("```")[0] for block in text.split("```yaml\n")[1:]]
    objects = [obj for block in found for obj in yaml.safe_load_all(block) if obj and "kind" in obj]
    assert objects
    for obj in objects:
        obj["metadata"]["namespace"] = hardened[0]
    manifest = yaml.safe_dump_all(objects).encode()
    kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=manifest)


def test_a_wrong_value_stops_an_installation_before_anything_is_made(tmp_path: Path, hardened: tuple[str, str]) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("watchNamespaces: team-a\n", encoding="utf-8")
    done = subprocess.run(
        ["helm", "install", "wrong", str(CHART), "-n", hardened[0], "-f", str(values)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "watchNamespaces" in done.stderr
    assert "want array" in done.stderr
    assert not kubectl("-n", hardened[0], "get", "secret", "-l", "owner=helm", "-o", "name").strip()
