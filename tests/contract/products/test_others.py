"""The contract servers of Consul, Vault and Argo CD answer what their own debug commands ask, and refuse as they do."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from support.contractservers import Running, every_secret, planted, programs

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

Start = Callable[..., Running]
PROFILES = ("goroutine", "heap", "allocs", "block", "mutex", "threadcreate", "trace?seconds=0.1", "profile?seconds=1")
CONSUL: dict[str, list[int]] = {
    # by whom: the manager, an agent's reader, nobody
    "/v1/agent/self": [200, 200, 403],
    "/v1/agent/host": [200, 403, 403],
    "/v1/agent/members": [200, 200, 200],
    "/v1/agent/metrics": [200, 200, 403],
    "/v1/catalog/datacenters": [200, 200, 200],
    "/v1/catalog/services": [200, 200, 403],
    "/v1/status/leader": [200, 200, 200],
    "/v1/status/peers": [200, 200, 200],
    "/v1/operator/raft/configuration": [200, 403, 403],
    "/v1/operator/autopilot/configuration": [200, 403, 403],
    "/debug/pprof/heap": [200, 403, 403],
    "/v1/namespace": [404, 404, 404],
}
VAULT = ("host-info", "metrics", "replication/status", "audit", "version-history?list=true", "config/state/sanitized")
COMPONENTS = {"server", "repo-server", "application-controller", "applicationset-controller"}


def consul_token(who: str) -> dict[str, str]:
    return {"X-Consul-Token": planted("consul")["tokens"].get(who, "nonsense")}


def vault_token(who: str) -> dict[str, str]:
    return {"X-Vault-Token": planted("vault")["tokens"].get(who, "nonsense")}


def beginning(server: Running, path: str, headers: dict[str, str]) -> bytes:
    """The first lines of an answer that never ends."""
    with socket.create_connection(("127.0.0.1", server.ports["api"]), timeout=20) as connection:
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode())
        found = b""
        while len(found) < 700:
            found += connection.recv(4096)
        return found


@pytest.mark.parametrize("path", CONSUL)
def test_consul_asks_for_tokens(simple: Start, path: str) -> None:
    server = simple("consul")
    whom = ("management", "agent", "nobody")
    assert [server.get(path, headers=consul_token(who)).status for who in whom] == CONSUL[path]


def test_consul_hides_members_instead_of_refusing(simple: Start) -> None:
    server = simple("consul")
    assert len(server.get("/v1/agent/members", headers=consul_token("agent")).json()) == 3
    assert server.get("/v1/agent/members").json() == []


def test_consul_streams_its_log_and_its_metrics(simple: Start) -> None:
    server = simple("consul")
    log = beginning(server, "/v1/agent/monitor?loglevel=debug", headers=consul_token("agent"))
    assert planted("consul")["log"]["tokenInLog"].encode() in log
    assert b'"Gauges"' in beginning(server, "/v1/agent/metrics/stream", headers=consul_token("agent"))


def test_consul_has_profiles_for_operators_or_in_debug_mode(simple: Start) -> None:
    server = simple("consul")
    for name in PROFILES:
        assert server.get(f"/debug/pprof/{name}", headers=consul_token("management")).status == 200
    assert simple("consul", "-enable-debug").get("/debug/pprof/heap").status == 200
    open_door = simple("consul", "-acl=off")
    assert open_door.get("/v1/agent/self").status == 200
    assert open_door.get("/debug/pprof/heap").status == 403


def test_consul_leaves_secrets_in_places(simple: Start) -> None:
    server = simple("consul")
    told = server.get("/v1/agent/self", headers=consul_token("agent"))
    assert told.json()["DebugConfig"]["EncryptKey"] == "hidden"
    shown = told.text + server.get("/v1/catalog/services", headers=consul_token("agent")).text
    sections = planted("consul")
    assert not [secret for name in ("config", "tags") for secret in sections[name].values() if secret not in shown]


@pytest.mark.parametrize("path", VAULT)
def test_vault_asks_for_tokens(simple: Start, path: str) -> None:
    server = simple("vault")
    answer = server.get(f"/v1/sys/{path}", headers=vault_token("root"))
    assert answer.status == 200
    assert path == "metrics" or set(answer.json()["data"]) <= set(answer.json())
    for who in ("limited", "nobody"):
        refused = server.get(f"/v1/sys/{path}", headers=vault_token(who))
        assert (refused.status, refused.json()) == (403, {"errors": ["permission denied"]})


def test_vault_tells_its_health_to_anybody(simple: Start) -> None:
    whole, sealed = simple("vault"), simple("vault", "-sealed")
    assert [server.get("/v1/sys/health").status for server in (whole, sealed)] == [200, 503]
    assert sealed.get("/v1/sys/health?sealedcode=200").status == 200
    assert [server.get("/v1/sys/seal-status").json()["sealed"] for server in (whole, sealed)] == [False, True]
    refused = sealed.get("/v1/sys/host-info", headers=vault_token("root"))
    assert (refused.status, refused.json()) == (503, {"errors": ["Vault is sealed"]})


def test_vault_has_profiles_and_text_metrics(simple: Start) -> None:
    server = simple("vault")
    for name in PROFILES:
        assert server.get(f"/v1/sys/pprof/{name}", headers=vault_token("root")).status == 200
    assert server.get("/v1/sys/pprof/heap", headers=vault_token("limited")).status == 403
    assert server.get("/v1/sys/metrics?format=prometheus", headers=vault_token("root")).text.startswith("# TYPE vault_")
    log = beginning(server, "/v1/sys/monitor?log_level=debug", headers=vault_token("root"))
    assert planted("vault")["log"]["unsealKey"].encode() in log


def test_vault_leaves_secrets_in_places(simple: Start) -> None:
    server = simple("vault")
    shown = "".join(
        server.get(f"/v1/sys/{path}", headers=vault_token("root")).text for path in ("audit", "config/state/sanitized")
    )
    sections = planted("vault")
    assert not [secret for name in ("audit", "config") for secret in sections[name].values() if secret not in shown]


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_argocd_has_metrics_and_profiles_only_on_request(simple: Start, name: str) -> None:
    off, on = simple("argocd", f"argocd-{name}"), simple("argocd", f"argocd-{name}", "-profile")
    assert planted("argocd")["metrics"]["repoToken"] in off.get("/metrics").text
    assert off.get("/debug/pprof/heap").status == 401
    assert on.get("/debug/pprof/heap").body.startswith(b"\x1f\x8b")


def argocd(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([programs() / "argocd", *words], capture_output=True, check=False)


def test_the_argocd_command_exports_with_all_secrets() -> None:
    exported = argocd("admin", "export", "-n", "argocd").stdout
    documents: list[Any] = list(yaml.safe_load_all(exported))
    assert [document["kind"] for document in documents] == ["Secret", "Secret", "Secret", "Application"]
    assert json.loads(documents[2]["stringData"]["config"])["bearerToken"]
    sections = planted("argocd")
    assert not [s for name in ("export", "parameters") for s in sections[name].values() if s.encode() not in exported]
    assert argocd("admin", "settings", "validate").returncode == 0
    assert argocd("admin", "cluster", "stats").returncode == 0
    assert argocd("app", "delete").returncode == 1


def test_planted_secrets_are_told_apart() -> None:
    products = ("mattermost", "coder", "consul", "vault", "argocd")
    every = [secret for product in products for secret in every_secret(product)]
    assert len(set(every)) == len(every)
    assert min(map(len, every)) >= 12
