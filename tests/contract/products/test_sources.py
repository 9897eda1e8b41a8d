"""The servers' sources are formatted, vetted and small, and their deployments hang together as each product's do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.testcluster import toolchain
from cluster.testcluster.images import PRODUCTS as IMAGES
from cluster.testcluster.settings import Settings
from support.contractservers import PRODUCTS, kept, planted
from support.products import coder, mattermost, others
from support.products.objects import Object

pytestmark = pytest.mark.timeout(300)  # vetting compiles the sources the first time

MOST_LINES = 250
DEPLOYED = {
    "mattermost by its operator": mattermost.by_operator("chat", "-version=v11", replicas=2, licensed=True),
    "mattermost by the team chart": mattermost.by_team_chart("chat"),
    "mattermost by the enterprise chart": mattermost.by_enterprise_chart("chat"),
    "mattermost's job server": mattermost.job_server("chat"),
    "coder": coder.server(),
    "coder with all ports": coder.server(version="new", pprof=True),
    "a workspace": coder.workspace(),
    "consul": others.consul(),
    "vault": others.vault("-sealed"),
    "argocd": others.argocd(profiles=True),
}


def pods(objects: list[Object]) -> Iterator[dict[str, Any]]:
    for each in objects:
        if each["kind"] == "Deployment":
            yield each["spec"]["template"]


def test_the_sources_are_formatted_and_vetted() -> None:
    go = toolchain.go(Settings.read())
    assert (
        subprocess.run([go.with_name("gofmt"), "-l", "."], cwd=PRODUCTS, capture_output=True, check=True).stdout == b""
    )
    vetted = subprocess.run(["nice", go, "vet", "./..."], cwd=PRODUCTS, capture_output=True, check=False)
    assert vetted.returncode == 0, vetted.stderr.decode()


def test_no_source_is_long() -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in PRODUCTS.rglob("*.go")}
    assert not {name for name, lines in sizes.items() if lines > MOST_LINES}


@pytest.mark.parametrize("name", DEPLOYED)
def test_what_is_named_is_there(name: str) -> None:
    objects = DEPLOYED[name]
    known = {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert len(known) == len(objects)
    for pod in pods(objects):
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for container in pod["spec"]["containers"]:
            assert container["image"] in {f"localhost/sb-{image}:test" for image in IMAGES}
            assert {mount["name"] for mount in container.get("volumeMounts", [])} == set(volumes)
            sources = [each["valueFrom"]["secretKeyRef"] for each in container.get("env", []) if "valueFrom" in each]
            assert {("Secret", source["name"]) for source in sources} <= known
            assert {("Secret", each["secretRef"]["name"]) for each in container.get("envFrom", [])} <= known
        mounted = [volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume]
        assert {("Secret", secret) for secret in mounted} <= known


@pytest.mark.parametrize("name", DEPLOYED)
def test_services_find_their_pods_and_ports(name: str) -> None:
    found = list(pods(DEPLOYED[name]))
    for service in (each for each in DEPLOYED[name] if each["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        chosen = [pod for pod in found if selector <= pod["metadata"]["labels"].items()]
        assert len(chosen) == 1
        exposed = {port["name"]: port["containerPort"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert exposed[port["name"]] == exposed.get(port.get("targetPort"), port["port"])


def test_mattermost_has_the_labels_ports_and_names_of_each_way_to_install_it() -> None:
    shapes = {}
    for way in ("its operator", "the team chart", "the enterprise chart"):
        pod = next(pods(DEPLOYED[f"mattermost by {way}"]))
        container = pod["spec"]["containers"][0]
        shapes[way] = (
            container["name"],
            sorted(port["name"] for port in container["ports"]),
            sorted(pod["metadata"]["labels"]),
        )
    keys = ["app.kubernetes.io/instance", "app.kubernetes.io/name"]
    resource = ["installation.mattermost.com/installation", "installation.mattermost.com/resource"]
    assert shapes == {
        "its operator": ("mattermost", ["app", "metrics"], ["app", *resource]),
        "the team chart": ("mattermost-team-edition", ["http"], keys),
        "the enterprise chart": (
            "mattermost-enterprise-edition",
            ["api", "cluster", "gossip", "metrics"],
            ["app.kubernetes.io/component", *keys],
        ),
    }


def test_secrets_of_the_environment_are_in_the_pods() -> None:
    operator, workspace = (json.dumps(DEPLOYED[name]) for name in ("mattermost by its operator", "a workspace"))
    assert all(secret in operator for secret in planted("mattermost")["environment"].values())
    assert planted("coder")["environment"]["agentToken"] in workspace


def test_a_client_that_has_no_right_has_a_token_all_the_same() -> None:
    names = {each["metadata"]["name"] for each in DEPLOYED["mattermost by its operator"] if each["kind"] == "Secret"}
    assert {"chat-admin", "chat-limited", "chat-denied", "chat-wrong"} <= names
    owner, name = kept("coder")["owner"], kept("coder")["workspace"]
    assert DEPLOYED["a workspace"][0]["metadata"]["name"] == f"coder-{owner}-{name}"
