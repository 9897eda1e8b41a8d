"""Coder's contract server, agent and command answer as documented, refuse as documented, and leave what they should."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.contractservers import Running, kept, listening, planted, programs

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

API = "/api/v2"
ID = "5a1d0000-0000-4000-8000-0000000000"
WORKSPACE, TEMPLATE, ACTIVE, BUILD, FILE, AGENT = (ID + last for last in ("01", "04", "05", "06", "09", "10"))
OLD, NEW = "-version=old", "-version=new"
Start = Callable[..., Running]
OWNERS: dict[str, Callable[[Any], Any]] = {
    "/deployment/config": lambda it: {"config", "options"} == set(it),
    "/debug/health": lambda it: it["derp"]["netcheck"] and it["healthy"],
    "/debug/health?force=true": lambda it: it["severity"] == "ok",
}
USERS: dict[str, Callable[[Any], Any]] = {
    "/experiments": lambda it: isinstance(it, list),
    "/workspaceagents/connection": lambda it: "Regions" in it["derp_map"] and "hostname_suffix" in it,
}
MEMBERS: dict[str, Callable[[Any], Any]] = {
    f"/workspaces/{WORKSPACE}": lambda it: it["latest_build"]["resources"][0]["agents"][0]["id"] == AGENT,
    "/users/ann/workspace/api-work": lambda it: it["id"] == WORKSPACE,
    "/users/me/workspace/api-work": lambda it: it["latest_build"]["id"] == BUILD,
    f"/workspacebuilds/{BUILD}/logs": lambda it: (
        {"created_at", "log_source", "log_level", "stage", "output"} <= set(it[0])
    ),
    f"/workspacebuilds/{BUILD}/parameters": lambda it: set(it[0]) == {"name", "value"},
    f"/templates/{TEMPLATE}": lambda it: it["active_version_id"] == ACTIVE,
    f"/templateversions/{ACTIVE}": lambda it: it["job"]["file_id"] == FILE,
    f"/workspaceagents/{AGENT}": lambda it: it["environment_variables"],
    f"/workspaceagents/{AGENT}/logs": lambda it: {"created_at", "level", "output"} <= set(it[0]),
    f"/workspaceagents/{AGENT}/listening-ports": lambda it: it["ports"],
}
NEWER: dict[str, Callable[[Any], Any]] = {
    "/deployment/stats": lambda it: "session_count" in it,
    "/entitlements": lambda it: it["has_license"] is False,
    "/debug/health/settings": lambda it: it == {"dismissed_healthchecks": []},
    "/workspaces?offset=0&limit=200": lambda it: it["count"] == 1,
}
REFERENCE = {
    *(f"deployment/{name}.json" for name in ("buildinfo", "config", "experiments", "health")),
    *(
        f"network/{name}"
        for name in ("connection_info.json", "coordinator_debug.html", "tailnet_debug.html", "netcheck.json")
    ),
    *(f"workspace/{name}.json" for name in ("workspace", "parameters", "template", "template_version")),
    *("workspace/build_logs.txt", "workspace/template_file.zip"),
    *(f"agent/{name}.json" for name in ("agent", "listening_ports", "manifest")),
    *(f"agent/{name}.txt" for name in ("startup_logs", "logs", "prometheus")),
    *("agent/agent_magicsock.html", "agent/client_magicsock.html", "cli_logs.txt", "logs.txt"),
}
PINGED = {"agent/peer_diagnostics.json", "agent/ping_result.json"}
ADDED = {
    *(f"deployment/{name}.json" for name in ("stats", "entitlements", "health_settings", "workspaces")),
    *("deployment/prometheus.txt", "network/interfaces.json", "license-status.txt"),
}
STRIPPED = (
    "postgresPassword",
    "githubSecret",
    "oidcSecret",
    "honeycombKey",
    "scimHeader",
    "encryptionKeys",
    "emailPassword",
)


def session(who: str) -> dict[str, str]:
    return {"Coder-Session-Token": planted("coder")["tokens"].get(who, "nonsense")}


def statuses(server: Running, path: str) -> list[int]:
    """Of the owner, the member, a stranger, somebody with a bad token, and somebody without."""
    found = [server.get(API + path, headers=session(who)).status for who in ("owner", "member", "stranger", "nobody")]
    return [*found, server.get(API + path, headers={}).status]


@pytest.mark.parametrize("path", OWNERS)
def test_the_deployment_is_for_owners(coder: Start, path: str) -> None:
    assert OWNERS[path](coder(OLD).get(API + path).json())
    assert statuses(coder(OLD), path) == [200, 403, 403, 401, 401]


@pytest.mark.parametrize("path", ["/debug/coordinator", "/debug/tailnet"])
def test_debug_pages_are_html_for_owners(coder: Start, path: str) -> None:
    answer = coder(OLD).get(API + path)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.rstrip().endswith("</html>")
    assert statuses(coder(OLD), path) == [200, 403, 403, 401, 401]


@pytest.mark.parametrize("path", USERS)
def test_some_are_for_every_user(coder: Start, path: str) -> None:
    assert USERS[path](coder(OLD).get(API + path).json())
    assert statuses(coder(OLD), path) == [200, 200, 200, 401, 401]


@pytest.mark.parametrize("path", MEMBERS)
def test_a_workspace_is_for_who_may_see_it(coder: Start, path: str) -> None:
    assert MEMBERS[path](coder(OLD).get(API + path, headers=session("member")).json())
    first = 404 if path.startswith("/users/me/") else 200  # the owner of the deployment has no workspace
    assert statuses(coder(OLD), path) == [first, 200, 404, 401, 401]


def test_who_is_there_is_told_to_anybody(coder: Start) -> None:
    old, new = coder(OLD), coder(NEW)
    assert old.get(f"{API}/buildinfo", headers={}).json()["version"].startswith("v2.10.")
    assert new.get(f"{API}/buildinfo", headers={}).json()["version"].startswith("v2.28.")
    assert old.get("/healthz", headers={}).status == 200


@pytest.mark.parametrize("path", NEWER)
def test_the_newer_server_has_more(coder: Start, path: str) -> None:
    assert NEWER[path](coder(NEW).get(API + path).json())
    assert coder(OLD).get(API + path).status == 404


def test_secret_options_are_emptied_by_the_server(coder: Start) -> None:
    for version in (OLD, NEW):
        answer = coder(version).get(f"{API}/deployment/config")
        assert not [name for name in STRIPPED if planted("coder")["config"][name] in answer.text]
        secret = [each for each in answer.json()["options"] if each["annotations"].get("secret") == "true"]
        assert {each["value"] for each in secret} == {None}
        assert "CODER_PG_CONNECTION_URL" in {each["env"] for each in secret}
        assert answer.json()["config"]["pg_connection_url"] == ""
        assert answer.json()["config"]["access_url"] == kept("coder")["accessUrl"]


def test_some_secret_options_are_not_emptied(coder: Start) -> None:
    config = planted("coder")["config"]
    old, new = (coder(version).get(f"{API}/deployment/config").text for version in (OLD, NEW))
    assert config["provisionerPsk"] in old
    assert config["provisionerPsk"] not in new
    assert config["notificationsPassword"] in new


def test_the_source_of_a_template_is_a_zip(coder: Start) -> None:
    answer = coder(OLD).get(f"{API}/files/{FILE}?format=zip", headers=session("member"))
    assert answer.headers["Content-Type"] == "application/zip"
    source = zipfile.ZipFile(io.BytesIO(answer.body)).read("main.tf").decode()
    assert 'resource "coder_agent" "main"' in source
    assert all(secret in source for secret in planted("coder")["template"].values())
    assert statuses(coder(OLD), f"/files/{FILE}?format=zip") == [200, 200, 404, 401, 401]


def test_nothing_else_of_a_workspace_is_hidden(coder: Start) -> None:
    sections = planted("coder")
    shown = "".join(coder(OLD).get(API + path, headers=session("member")).text for path in MEMBERS)
    wanted = [*sections["parameters"].values(), sections["logs"]["buildPassword"], sections["logs"]["startupToken"]]
    wanted += [sections["environment"]["apiToken"], sections["manifest"]["scriptToken"]]
    assert not [secret for secret in wanted if secret not in shown]


def test_an_agent_can_be_gone_and_a_workspace_stopped(coder: Start) -> None:
    gone = coder(OLD, "-agent=off")
    assert gone.get(f"{API}/workspaceagents/{AGENT}").json()["status"] == "disconnected"
    assert gone.get(f"{API}/workspaceagents/{AGENT}/listening-ports").status == 400
    stopped = coder(OLD, "-running=off").get(f"{API}/workspaces/{WORKSPACE}").json()
    assert stopped["latest_build"]["resources"] == []


def test_what_is_not_there_is_not_found(coder: Start) -> None:
    for path in (
        f"/workspaces/{BUILD}",
        "/users/ann/workspace/none",
        f"/templateversions/{FILE}",
        "/licenses",
        "/no/such",
    ):
        assert coder(OLD).get(API + path).status == 404
    assert coder(NEW, "-licensed").get(f"{API}/licenses").json()[0]["id"] == 1


def test_profiles_and_metrics_have_ports_where_they_are_on(coder: Start) -> None:
    on = coder(NEW, CODER_PROMETHEUS_ENABLE="true", CODER_PPROF_ENABLE="true")
    assert "coderd_build_info" in on.get("/", port="prometheus").text
    assert on.get("/debug/pprof/heap", port="pprof").body.startswith(b"\x1f\x8b")
    assert "coderd_build_info" in on.get(f"{API}/debug/metrics").text
    off = coder(NEW)
    assert off.get(f"{API}/debug/metrics").status == 404
    assert off.closed("prometheus")
    assert off.closed("pprof")


def test_the_newer_server_has_profiles_behind_its_api(coder: Start) -> None:
    server = coder(NEW)
    for name in (
        "allocs",
        "heap",
        "block",
        "mutex",
        "goroutine",
        "threadcreate",
        "cmdline",
        "symbol",
        "trace?seconds=0.1",
    ):
        assert server.get(f"{API}/debug/pprof/{name}").status == 200
    assert server.get(f"{API}/debug/pprof/heap", headers=session("member")).status == 403
    with tarfile.open(fileobj=io.BytesIO(server.get(f"{API}/debug/profile").body)) as archive:
        assert {"cpu.prof", "heap.prof", "goroutine.prof"} <= set(archive.getnames())
    assert coder(OLD).get(f"{API}/debug/pprof/heap").status == 404


def test_rights_can_be_asked_for(coder: Start) -> None:
    body = json.dumps(
        {"checks": {"config": {"object": {"resource_type": "deployment_config"}, "action": "read"}}}
    ).encode()
    asked = [
        coder(OLD).get(f"{API}/authcheck", method="POST", body=body, headers=session(who)).json()
        for who in ("owner", "member")
    ]
    assert asked == [{"config": True}, {"config": False}]


def test_the_agent_answers_on_its_ports(agent: Start) -> None:
    running = agent()
    secrets = planted("coder")
    logs = running.get("/debug/logs", port="debug")
    assert logs.headers["Content-Type"].startswith("text/plain")
    assert all(secrets["logs"][name] in logs.text for name in ("agentBearer", "agentAwsKey"))
    assert (running.root / "coder-agent.log").read_text().count("\n") == logs.text.count("\n")
    assert secrets["logs"]["peerKey"] in running.get("/debug/magicsock", port="debug").text
    assert running.get("/debug/magicsock/debug-logging/true", port="debug").status == 200
    manifest = running.get("/debug/manifest", port="debug").json()
    assert manifest["environment_variables"]["API_TOKEN"] == secrets["environment"]["apiToken"]
    assert secrets["manifest"]["scriptToken"] in manifest["scripts"][0]["script"]
    assert secrets["manifest"]["metadataPassword"] in manifest["metadata"][0]["script"]
    assert running.get("/debug/prometheus", port="debug").status == 404
    assert running.get("/", port="prometheus").text.startswith("# HELP agent_")
    assert running.get("/debug/pprof/goroutine?debug=2", port="pprof").text.startswith("goroutine ")


def test_ports_of_the_agent_can_be_off_or_all_be_gone(agent: Start) -> None:
    running = agent(CODER_AGENT_PROMETHEUS_ADDRESS="")
    assert not running.closed("debug")
    assert running.closed("prometheus")
    gone = agent("-gone")
    assert not [name for name, port in gone.ports.items() if listening(port)]


def bundle(server: Running, who: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    address = f"http://127.0.0.1:{server.ports['api']}"
    token = planted("coder")["tokens"].get(who, "nonsense")
    return subprocess.run(
        [programs() / "coder", "support", "bundle", *words],
        env={"CODER_URL": address, "CODER_SESSION_TOKEN": token},
        capture_output=True,
        check=False,
    )


def test_the_old_command_writes_the_files_of_the_reference(coder: Start, tmp_path: Path) -> None:
    target = tmp_path / "old.zip"
    done = bundle(coder(OLD), "owner", "--yes", "-O", str(target), "ann/api-work", "main")
    assert done.returncode == 0, done.stderr
    files = zipfile.ZipFile(target)
    assert set(files.namelist()) == REFERENCE - {"network/connection_info.json"} | PINGED
    for name in files.namelist():
        assert files.read(name)
        if name.endswith(".json"):
            json.loads(files.read(name))
    assert json.loads(files.read("agent/manifest.json"))["environment_variables"]["API_TOKEN"] == "***REDACTED***"
    environment = list(planted("coder")["environment"].values())
    assert not [name for name in files.namelist() if any(value.encode() in files.read(name) for value in environment)]
    everything = b"".join(files.read(name) for name in files.namelist())
    assert planted("coder")["parameters"]["licenseKey"].encode() in everything


def test_todays_command_writes_more_files(coder: Start, tmp_path: Path) -> None:
    target = tmp_path / "new.zip"
    done = bundle(coder(NEW), "owner", "--yes", f"--output-file={target}", "ann/api-work")
    assert done.returncode == 0, done.stderr
    files = zipfile.ZipFile(target)
    assert set(files.namelist()) == REFERENCE | PINGED | ADDED
    assert b"<!-- trace " in files.read("network/tailnet_debug.html")


def test_the_set_of_files_is_constant(coder: Start, tmp_path: Path) -> None:
    for name, server, who, words in (
        ("gone", coder(NEW, "-agent=off"), "owner", ["ann/api-work"]),
        ("stopped", coder(NEW, "-running=off"), "owner", ["ann/api-work"]),
        ("none", coder(NEW), "owner", []),
        ("member", coder(NEW), "member", ["api-work"]),
    ):
        target = tmp_path / f"{name}.zip"
        assert bundle(server, who, "--yes", "-O", str(target), *words).returncode == 0
        assert set(zipfile.ZipFile(target).namelist()) == REFERENCE | PINGED | ADDED
    files = zipfile.ZipFile(tmp_path / "member.zip")
    assert files.read("deployment/config.json") == b"null\n"
    assert b"403" in files.read("cli_logs.txt")
    assert json.loads(files.read("workspace/workspace.json"))["id"] == WORKSPACE


def test_the_command_refuses_in_words(coder: Start, tmp_path: Path) -> None:
    target = str(tmp_path / "none.zip")
    assert b"must specify workspace name" in bundle(coder(OLD), "owner", "--yes", "-O", target).stderr
    assert b"--yes" in bundle(coder(OLD), "owner", "-O", target, "ann/api-work").stderr
    assert b"401" in bundle(coder(OLD), "nobody", "--yes", "-O", target, "ann/api-work").stderr
