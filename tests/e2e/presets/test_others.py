"""The examples of Consul, Vault and Argo CD on a real cluster: files by name, and nothing that was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support import sbundle
from support.contractservers import every_secret, planted
from support.kube import ROOT, apply, kubectl, run
from support.products import others
from support.products.objects import secret

pytestmark = pytest.mark.e2e
NAMESPACE = "sb-e2e-presets"
OURS = {"manifest.json", "redactions.json", "collector.log"}
PROFILES = {"profile.prof", "heap.prof", "goroutine.prof"}
FILES: Mapping[str, set[str]] = {
    "consul": {
        *(f"{name}.json" for name in ("agent", "host", "members", "metrics", "leader", "peers", "raft", "autopilot")),
        *("datacenters.json", "services.json"),
    },
    "vault": {
        *("server_status.json", "leader.json", "replication_status.json", "host_info.json", "metrics.json"),
        *("config.json", "version_history.json", "audit.json"),
    },
}


@pytest.fixture(scope="module")
def running(operator: str) -> Iterator[None]:
    """All three products in a namespace, and their bundles at work."""
    assert operator
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", NAMESPACE)
    tokens = {"consul": planted("consul")["tokens"]["management"], "vault": planted("vault")["tokens"]["root"]}
    apply(NAMESPACE, *(secret(f"{product}-token", token=token) for product, token in tokens.items()))
    apply(NAMESPACE, *others.consul(), *others.vault(), *others.argocd())
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment", "--timeout=240s")
    for product in ("consul", "vault", "argocd"):
        kubectl("-n", NAMESPACE, "apply", "-f", str(ROOT / "docs/examples" / f"{product}.yaml"))
    yield
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def collected(product: str) -> tuple[dict[str, bytes], set[tuple[str, str]]]:
    """The clean files, and collector and reason of each warning."""
    status = sbundle.ready(NAMESPACE, product)["status"]
    files = sbundle.unpack(sbundle.fetch(NAMESPACE, product))
    assert [(path, value) for path, data in files.items() for value in every_secret(product) if value in data] == []
    return files, {(warning["collector"], warning["reason"]) for warning in status.get("warnings", [])}


@pytest.mark.parametrize("product", FILES)
def test_the_example_gives_every_file(running: None, product: str, tmp_path: Path) -> None:
    assert running is None
    files, warnings = collected(product)
    assert (set(files) - OURS, warnings) == (FILES[product] | PROFILES | {"trace.out", f"{product}.log"}, set())
    assert all(json.loads(files[name]) for name in FILES[product])
    for name in PROFILES:
        (tmp_path / name).write_bytes(files[name])
        assert b"flat" in run("go", "tool", "pprof", "-top", str(tmp_path / name))


def test_all_components_of_argo_cd_are_there(running: None) -> None:
    assert running is None
    files, warnings = collected("argocd")
    assert warnings <= {("resources", "NotFound")}, "the kinds of Argo CD are not installed here"
    metrics = [data for path, data in files.items() if path.endswith("/http/metrics.txt")]
    logs = [path for path in files if path.endswith("/current.log")]
    assert (len(metrics), len(logs)) == (len(others.ARGO_PORTS), len(others.ARGO_PORTS))
    assert all(b"argocd_app_info" in data for data in metrics)
    assert b"role:readonly" in files[f"cluster-resources/configmaps/{NAMESPACE}.json"]
