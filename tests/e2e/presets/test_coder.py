"""Coder's bundle on a real cluster: the server's part, that of a workspace in another namespace, and the command."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support import sbundle
from support.contractservers import every_secret, kept, planted
from support.kube import ROOT, apply, condition, kubectl
from support.products import coder
from support.products.objects import secret

pytestmark = pytest.mark.e2e
SERVER, WORKSPACES = "sb-e2e-coder", "sb-e2e-coder-workspaces"
EXAMPLES = ROOT / "docs" / "examples"
OURS = {"manifest.json", "redactions.json"}
REFERENCE = {*coder.DEPLOYMENT_FILES, *coder.WORKSPACE_FILES, *coder.POD_FILES, *coder.LOG_FILES}


@pytest.fixture(scope="module")
def running(operator: str) -> Iterator[None]:
    """The server in a namespace with the Secret of the example, and a workspace in another one; all bundles at work."""
    assert operator
    for namespace in (SERVER, WORKSPACES):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait")
        kubectl("create", "namespace", namespace)
    apply(SERVER, *coder.server(version="new"), secret("coder-token", token=planted("coder")["tokens"]["owner"]))
    apply(WORKSPACES, *coder.workspace())
    for namespace in (SERVER, WORKSPACES):
        kubectl("-n", namespace, "rollout", "status", "deployment", "--timeout=240s")
    kubectl("-n", SERVER, "apply", "-f", str(EXAMPLES / "coder.yaml"))
    kubectl("-n", WORKSPACES, "apply", "-f", str(EXAMPLES / "coder-agent.yaml"))
    apply(SERVER, native())
    yield
    for namespace in (SERVER, WORKSPACES):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def native() -> dict[str, Any]:
    """The example, by the product's own command."""
    example: dict[str, Any] = yaml.safe_load((EXAMPLES / "coder.yaml").read_text(encoding="utf-8"))
    example["metadata"]["name"] = "coder-native"
    example["spec"]["capabilities"] = ["HTTP", "Exec"]
    example["spec"]["templateRef"]["parameters"]["mode"] = "Native"
    return example


def collected(namespace: str, name: str, reason: str = "Complete") -> dict[str, bytes]:
    """The zip's files, which are all clean and whole."""
    obj = sbundle.ready(namespace, name)
    assert condition(obj, "Ready")["reason"] == reason, json.dumps(obj["status"], indent=1)
    assert obj["status"]["artifact"]["fileName"].startswith("coder-support-")
    files = sbundle.unpack(sbundle.fetch(namespace, name))
    members = dict(files)
    if source := files.get("workspace/template_file.zip"):
        members |= sbundle.unpack(source)
    leaks = [(path, value) for path, data in members.items() for value in every_secret("coder") if value in data]
    assert leaks == []
    for path, data in files.items():
        if path.endswith(".json"):
            json.loads(data)
    return files


def test_the_example_gives_every_file_that_the_server_knows(running: None) -> None:
    assert running is None
    files = collected(SERVER, "coder")
    assert set(files) == REFERENCE | OURS
    assert {name for name in REFERENCE if files[name] in {b"", b"null\n"}} == set(coder.POD_FILES)
    source = zipfile.ZipFile(io.BytesIO(files["workspace/template_file.zip"]))
    assert source.namelist() == ["main.tf", "README.md"]
    everything = b"".join(files.values())
    assert [word for word in kept("coder").values() if word.encode() not in everything] == []
    assert b"/api/v2/buildinfo 200 " in files["logs.txt"]


def test_the_other_example_gives_what_only_the_pod_knows(running: None) -> None:
    assert running is None
    files = collected(WORKSPACES, "coder-agent")
    assert set(files) == {*coder.POD_FILES, *coder.LOG_FILES} | OURS
    assert all(len(files[name]) > len(b"null\n") for name in coder.POD_FILES)
    assert json.loads(files["agent/manifest.json"])["environment_variables"]["API_TOKEN"].startswith("<redacted:")


def test_the_products_own_command_runs_in_the_servers_pod(running: None) -> None:
    assert running is None
    files = collected(SERVER, "coder-native")
    assert set(files) >= REFERENCE
    assert [name for name in REFERENCE if files[name] in {b"", b"null\n"}] == ["logs.txt"], "the operator asks nothing"
    assert b"/api/v2/buildinfo" in files["collectors/native/logs.txt"]
    left = kubectl(
        "-n", SERVER, "exec", "deploy/coder", "--", "sh", "-c", "ls /tmp; ps -o args | grep -c '[s]upport b' || true"
    )
    assert left.split() == ["0"]
