"""The bundles of Consul, Vault and Argo CD: each file, what is taken out, and what the warnings tell."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.contractservers import Running, every_secret, kept, planted
from support.presets import NAMESPACE, Found, StandIn, collected
from support.products.objects import Object
from support.products.others import ARGO_PORTS, argocd

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

Start = Callable[..., Running]
OURS = {"manifest.json", "redactions.json", "collector.log"}
PROFILES = {"profile.prof", "heap.prof", "goroutine.prof"}
CONSUL = {
    "agent.json": lambda it: it["DebugConfig"]["EncryptKey"] == "hidden" and it["DebugConfig"]["RetryJoinLAN"],
    "host.json": lambda it: it["Memory"]["total"],
    "members.json": lambda it: len(it) == 3,
    "metrics.json": lambda it: it["Gauges"],
    "leader.json": lambda it: it == "10.244.0.51:8300",
    "peers.json": lambda it: len(it) == 3,
    "raft.json": lambda it: it["Index"] == 17,
    "autopilot.json": lambda it: it["CleanupDeadServers"],
    "datacenters.json": lambda it: it == [kept("consul")["datacenter"]],
    "services.json": lambda it: it == ["api", "consul"],
}
VAULT = {
    "server_status.json": lambda it: it["health"]["version"] == it["seal"]["version"] and not it["seal"]["sealed"],
    "leader.json": lambda it: it["is_self"],
    "replication_status.json": lambda it: it["dr"]["mode"] == "disabled",
    "host_info.json": lambda it: it["memory"]["total"],
    "metrics.json": lambda it: it["Gauges"][0]["Labels"]["cluster"] == kept("vault")["cluster"],
    "config.json": lambda it: it["storage"]["type"] == kept("vault")["storage"] and it["seals"][0]["type"] == "awskms",
    "version_history.json": lambda it: len(it) == 2,
    "audit.json": lambda it: [each["options"] for each in it] == [["file_path"], ["address", "prefix"]],
}
HEADER = {"consul": "X-Consul-Token", "vault": "X-Vault-Token"}
LABELS = {
    "consul": {"app": "consul", "component": "server"},
    "vault": {"app.kubernetes.io/name": "vault", "component": "server"},
}
PORT = {"consul": 8500, "vault": 8200}


def until_everything_is_said(server: Running, product: str) -> Path:
    """The server's output, once each secret of its log stands in it, which is soon after its start."""
    output, wanted = server.root / "output", [secret.encode() for secret in planted(product)["log"].values()]
    with output.open("rb") as lines:
        while wanted:
            line = lines.readline()
            wanted = [secret for secret in wanted if secret not in line]
            if not line:
                time.sleep(0.05)  # between two looks at the same file
    return output


def stand_in(server: Running, product: str, name: str) -> StandIn:
    log = until_everything_is_said(server, product)
    ports = {PORT[product]: server.ports["api"]}
    return StandIn(name, LABELS[product], ports=ports, log=log, container={"name": product})


def found_of(product: str, who: str, scratch: Path, *servers: Running, **given: str) -> Found:
    """With the token of somebody; the servers are called `a`, `b` and so on."""
    pods = [stand_in(server, product, name) for server, name in zip(servers, "abc", strict=False)]
    token = planted(product)["tokens"].get(who, "token-of-nobody-at-all")
    return collected(product, pods, scratch, parameters={"seconds": "1", **given}, secrets={"token": {"token": token}})


def told(found: Found) -> set[str]:
    """Reason and step of each warning."""
    return {f"{gap['reason']} {gap['message'].split(' ')[0].rstrip(':')}" for gap in found.status["warnings"]}


def leaked(product: str, found: Found) -> list[bytes]:
    return [secret for secret in every_secret(product) if any(secret in data for data in found.files.values())]


def wrong(files: Mapping[str, bytes], checks: Mapping[str, Callable[[Any], object]]) -> list[str]:
    return [name for name, check in checks.items() if not check(json.loads(files[name]))]


@pytest.mark.parametrize(
    ("product", "who", "checks"), [("consul", "management", CONSUL), ("vault", "root", VAULT)], ids=["consul", "vault"]
)
def test_every_file_is_there_and_clean(
    simple: Start, tmp_path: Path, product: str, who: str, checks: Mapping[str, Callable[[Any], object]]
) -> None:
    found = found_of(product, who, tmp_path, simple(product))
    assert set(found.files) - OURS == {*checks, *PROFILES, "trace.out", f"{product}.log"}
    assert wrong(found.files, checks) == []
    assert all(gzip.decompress(found.files[name]) for name in PROFILES)
    assert found.files["trace.out"].startswith(b"go 1.")
    assert found.files[f"{product}.log"].count(b"<redacted:") >= len(planted(product)["log"])
    assert found.warnings == []
    assert leaked(product, found) == []
    assert found.file_name.startswith(f"{product}-debug-")


def test_several_servers_stand_in_folders(simple: Start, tmp_path: Path) -> None:
    found = found_of("consul", "management", tmp_path, simple("consul"), simple("consul", "-acl=off"), profiles="false")
    names = {*CONSUL, "consul.log"}
    assert set(found.files) - OURS == {f"{pod}/{name}" for pod in "ab" for name in names}


def test_a_token_of_consul_that_may_only_read_agents(simple: Start, tmp_path: Path) -> None:
    found = found_of("consul", "agent", tmp_path, simple("consul"))
    assert {"HTTP403 host", "HTTP403 raft", "HTTP403 autopilot"} <= told(found)
    assert "agent.json" in found.files
    assert ("profiles", "a", "HTTP403") in found.warnings
    assert not PROFILES & set(found.files)
    nobody = found_of("consul", "nobody", tmp_path, simple("consul"), profiles="false")
    assert {name for name in nobody.files if name in CONSUL} == {
        "members.json",
        "leader.json",
        "peers.json",
        "datacenters.json",
    }


def test_consul_without_acls_has_profiles_in_debug_mode_only(simple: Start, tmp_path: Path) -> None:
    on = found_of("consul", "nobody", tmp_path, simple("consul", "-acl=off", "-enable-debug"))
    assert set(on.files) >= {*CONSUL, *PROFILES}
    assert on.warnings == []
    off = found_of("consul", "nobody", tmp_path, simple("consul", "-acl=off"))
    assert {collector for collector, _, _ in off.warnings} == {"profiles"}


def test_a_sealed_vault_tells_what_it_is(simple: Start, tmp_path: Path) -> None:
    found = found_of("vault", "root", tmp_path, simple("vault", "-sealed"), profiles="false")
    assert set(found.files) - OURS == {"server_status.json", "leader.json", "vault.log", "warning.txt"}
    status = json.loads(found.files["server_status.json"])
    assert (status["health"]["sealed"], status["seal"]["sealed"]) == (True, True)
    assert {"HTTP503 host", "HTTP503 config", "HTTP503 audit"} <= told(found)
    assert b"Vault is sealed" in found.files["warning.txt"]


def test_a_token_of_vault_without_rights(simple: Start, tmp_path: Path) -> None:
    found = found_of("vault", "limited", tmp_path, simple("vault"), profiles="false")
    refused = {"replication", "host", "metrics", "config", "versions", "audit"}
    assert told(found) == {f"HTTP403 {step}" for step in refused}


def components(simple: Start, *options: str) -> list[StandIn]:
    pods = []
    servers = [simple("argocd", f"argocd-{name}", *options) for name in ARGO_PORTS]
    for server, (name, port) in zip(servers, ARGO_PORTS.items(), strict=True):
        labels = {"app.kubernetes.io/name": f"argocd-{name}", "app.kubernetes.io/part-of": "argocd"}
        log = until_everything_is_said(server, "argocd")
        ports = {port: server.ports["api"]}
        pods.append(StandIn(f"argocd-{name}-0", labels, ports=ports, log=log, container={"name": name}))
    return pods


def of_argocd() -> dict[str, Object]:
    """What the API server has of it: three ConfigMaps, and a kind with an application."""
    maps = {
        f"/api/v1/namespaces/{NAMESPACE}/configmaps/{each['metadata']['name']}": each
        for each in argocd()
        if each["kind"] == "ConfigMap"
    }
    helm = {"parameters": [{"name": "database.password", "value": planted("argocd")["parameters"]["helmPassword"]}]}
    source = {"repoURL": f"https://{kept('argocd')['repository']}", "helm": helm}
    verbs = {"namespaced": True, "verbs": ["list"], "singularName": ""}
    kinds = {"applications": "Application", "appprojects": "AppProject", "applicationsets": "ApplicationSet"}
    group = {"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"}
    return {
        **maps,
        "/version": {"metadata": {}, "gitVersion": "v1.31.0"},
        "/api/v1": {"metadata": {}, "resources": []},
        "/apis": {"metadata": {}, "groups": [{"name": "argoproj.io", "versions": [group], "preferredVersion": group}]},
        "/apis/argoproj.io/v1alpha1": {
            "metadata": {},
            "resources": [{"name": n, "kind": k, **verbs} for n, k in kinds.items()],
        },
        f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications/{kept('argocd')['application']}": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": kept("argocd")["application"]},
            "spec": {"project": "default", "source": source},
        },
    }


def test_all_of_argo_cd_is_there_and_clean(simple: Start, tmp_path: Path) -> None:
    pods = components(simple, "-profile")
    found = collected("argocd", pods, tmp_path, parameters={"profiles": "true"}, objects=of_argocd())
    assert found.warnings == []
    for name in ARGO_PORTS:
        pod = f"pods/argocd-{name}-0"
        assert b"argocd_app_info" in found.files[f"{pod}/http/metrics.txt"]
        assert found.files[f"{pod}/{name}/current.log"].count(b"<redacted:") >= 2
        assert all(gzip.decompress(found.files[f"{pod}/profiles/{kind}.pb.gz"]) for kind in ("cpu", "heap"))
    maps = found.files[f"cluster-resources/configmaps/{NAMESPACE}.json"]
    assert all(name in maps for name in (b"argocd-cm", b"argocd-rbac-cm", b"argocd-cmd-params-cm", b"role:readonly"))
    applications = f"argocd/custom-resources/applications.argoproj.io/{NAMESPACE}.json"
    assert kept("argocd")["application"].encode() in found.files[applications]
    assert leaked("argocd", found) == []


def test_profiles_of_argo_cd_are_refused_until_somebody_enables_them(simple: Start, tmp_path: Path) -> None:
    pods = components(simple)
    without = collected("argocd", pods, tmp_path, objects=of_argocd())
    assert without.warnings == []
    found = collected("argocd", pods, tmp_path, parameters={"profiles": "true"}, objects=of_argocd())
    assert {(collector, reason) for collector, _, reason in found.warnings} == {
        (f"profiles-{name}", "HTTP401") for name in ARGO_PORTS
    }
    assert b"profiles are off: set profile.enabled" in found.files["warning.txt"]
