"""Coder's bundle: each of its files, what is taken out of them, and what the warnings tell where something fails."""

from __future__ import annotations

import gzip
import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.contractservers import Running, every_secret, kept, planted, programs
from support.presets import Found, Program, StandIn, collected
from support.products.coder import DEPLOYMENT_FILES, LOG_FILES, POD_FILES, WORKSPACE_FILES

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

Start = Callable[..., Running]
Check = Callable[[bytes], object]
OLD, NEW = "-version=old", "-version=new"
ID = "5a1d0000-0000-4000-8000-0000000000"
WORKSPACE, TEMPLATE, ACTIVE, BUILD, FILE, AGENT = (ID + last for last in ("01", "04", "05", "06", "09", "10"))
ANN = {"owner": "ann", "workspace": "api-work"}
POD = {"podLabelValue": "coder-ann-api-work"}
NULL = b"null\n"


def parsed(check: Callable[[Any], object]) -> Check:
    """The file is JSON, indented as the product's, and holds this."""

    def checked(data: bytes) -> object:
        read = json.loads(data)
        assert json.dumps(read, indent=4, ensure_ascii=False).encode() + b"\n" == data
        return check(read)

    return checked


def lines(first: str) -> Check:
    """All entries are there, the first of them so."""
    return lambda data: data.decode().startswith(first) and data.count(b"\n") == 120


def page(title: str) -> Check:
    """A whole page of this title."""
    return lambda data: f"<title>{title}</title>".encode() in data and data.rstrip().endswith(b"</html>")


def environment(read: Any) -> bool:
    """The names are there, and the values of those that are not empty are not."""
    variables = read["environment_variables"]
    values = {variables.pop("EMPTY"), *variables.values()}
    return {"API_TOKEN", "GIT_AUTHOR_NAME"} < set(variables) and values == {"", "<redacted:coder-environment>"}


def config(read: Any) -> bool:
    by_variable = {option["env"]: option["value"] for option in read["options"]}
    whole = by_variable["CODER_ACCESS_URL"] == read["config"]["access_url"] == kept("coder")["accessUrl"]
    return whole and (by_variable["CODER_PROVISIONER_DAEMON_PSK"] or "<redacted:").startswith("<redacted:")


def parameters(read: Any) -> bool:
    return {each["name"] for each in read} == {"cpu", "memory", "region", "database_password", "license"} and {
        each["value"] for each in read
    } == {"<redacted:coder-parameter>"}


def workspace(read: Any) -> bool:
    resource, _ = read["latest_build"]["resources"]
    assert resource["metadata"][0] == {"key": "namespace", "value": "<redacted:coder-metadata>", "sensitive": False}
    return read["id"] == WORKSPACE and environment(resource["agents"][0])


def source(data: bytes) -> bool:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return archive.namelist() == ["main.tf", "README.md"] and b'resource "coder_agent" "main"' in archive.read(
        "main.tf"
    )


SERVERS: dict[str, Check] = {
    "deployment/buildinfo.json": parsed(lambda it: it["dashboard_url"] == kept("coder")["accessUrl"]),
    "deployment/config.json": parsed(config),
    "deployment/experiments.json": parsed(lambda it: isinstance(it, list)),
    "deployment/health.json": parsed(lambda it: it["healthy"] and it["database"]["latency"]),
    "network/connection_info.json": parsed(lambda it: "999" in it["derp_map"]["Regions"]),
    "network/coordinator_debug.html": page("Coordinator"),
    "network/tailnet_debug.html": page("Tailnet"),
    "network/netcheck.json": parsed(lambda it: it["netcheck"]["UDP"] and it["regions"]["999"]["healthy"]),
    "workspace/workspace.json": parsed(workspace),
    "workspace/build_logs.txt": lines(
        "2026-11-20T08:00:00Z [info] provisioner Planning infrastructure Initializing provider plugins...\n"
    ),
    "workspace/parameters.json": parsed(parameters),
    "workspace/template.json": parsed(lambda it: it["id"] == TEMPLATE and it["active_version_id"] == ACTIVE),
    "workspace/template_version.json": parsed(lambda it: it["id"] == ACTIVE and it["job"]["file_id"] == FILE),
    "workspace/template_file.zip": source,
    "agent/agent.json": parsed(lambda it: it["id"] == AGENT and environment(it)),
    "agent/startup_logs.txt": lines("2026-11-20T08:00:00Z [info] Starting the editor\n"),
    "agent/listening_ports.json": parsed(lambda it: [port["port"] for port in it["ports"]] == [13337, 3000]),
}
AGENTS: dict[str, Check] = {
    "agent/logs.txt": lambda data: data.count(b"[debu]  net.tailnet: coordination update") > 1000,
    "agent/agent_magicsock.html": page("magicsock"),
    "agent/client_magicsock.html": page("magicsock"),
    "agent/manifest.json": parsed(lambda it: it["agent_id"] == AGENT and environment(it)),
    "agent/prometheus.txt": lambda data: data.startswith(b"# HELP agent_sessions_total"),
}
LOGS: dict[str, Check] = {
    "cli_logs.txt": lambda data: b"INFO shard 0: " in data,
    "logs.txt": lambda data: b" GET http://coder-0:8080/api/v2/buildinfo 200 " in data,
}
REFERENCE = SERVERS | AGENTS | LOGS


Collect = Callable[..., Found]


@pytest.fixture(autouse=True)
def _talkative(caplog: pytest.LogCaptureFixture) -> None:
    """The collector says in its log what it says in a cluster."""
    caplog.set_level(logging.INFO, "supportbundle")


def server_pod(server: Running, **fields: Any) -> StandIn:
    ports = {8080: server.ports["api"], 6060: server.ports["pprof"]}
    return StandIn("coder-0", {"app.kubernetes.io/name": "coder"}, ports=ports, container={"name": "coder"}, **fields)


def workspace_pod(agent: Running, name: str = "coder-ann-api-work") -> StandIn:
    ports = {2113: agent.ports["debug"], 2112: agent.ports["prometheus"], 6060: agent.ports["pprof"]}
    labels = {"app.kubernetes.io/name": "coder-workspace", "app.kubernetes.io/instance": name}
    token = {"name": "CODER_AGENT_TOKEN", "value": planted("coder")["environment"]["agentToken"]}
    return StandIn(name, labels, ports=ports, container={"name": "dev", "env": [token]})


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """A bundle of the template `coder` with the token of somebody, by default of the owner of the deployment."""

    def run(*pods: StandIn, who: str = "owner", **given: str) -> Found:
        token = planted("coder")["tokens"].get(who, "Wrong0tokn-ofnobodyatall01234567")
        return collected("coder", pods, tmp_path, parameters=given, secrets={"token": {"token": token}})

    return run


def reports(found: Found) -> set[str]:
    """Files that are not the product's."""
    return set(found.files) - REFERENCE.keys()


def told(found: Found) -> set[str]:
    """Reason and step of each warning."""
    return {f"{gap['reason']} {gap['message'].split(' ')[0].rstrip(':')}" for gap in found.status["warnings"]}


def filled(found: Found) -> set[str]:
    """The files in which there is something."""
    return {name for name in REFERENCE if found.files[name] not in {b"", NULL}}


def everything(found: Found) -> bytes:
    """All that was collected, the members of the archive inside too."""
    archive = found.files.get("workspace/template_file.zip")
    inside = zipfile.ZipFile(io.BytesIO(archive)) if archive else None
    members = [inside.read(name) for name in inside.namelist()] if inside else []
    return b"\n".join([*found.files.values(), *members])


@pytest.mark.parametrize("version", [OLD, NEW])
def test_every_file_of_the_reference_is_there_and_holds_what_it_should(
    coder: Start, agent: Start, collect: Collect, version: str
) -> None:
    found = collect(server_pod(coder(version)), workspace_pod(agent()), **ANN, **POD)
    assert reports(found) == {"manifest.json", "redactions.json"}
    assert [name for name, check in REFERENCE.items() if not check(found.files[name])] == []
    assert found.file_name.startswith("coder-support-")
    assert found.file_name.endswith(".zip")
    assert found.warnings == []
    assert [secret for secret in every_secret("coder") if secret in everything(found)] == []
    assert [word for word in kept("coder").values() if word.encode() not in everything(found)] == []


def test_each_file_has_a_check() -> None:
    assert set(SERVERS) == {*DEPLOYMENT_FILES, *WORKSPACE_FILES}
    assert (set(AGENTS), set(LOGS), len(REFERENCE)) == (set(POD_FILES), set(LOG_FILES), 24)


def test_what_has_not_the_products_own_source_says_so(coder: Start, agent: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(OLD)), workspace_pod(agent()), **ANN, **POD)
    notes = {member["path"]: member.get("notes", {}).get("note", "") for member in found.manifest["members"]}
    assert {path for path, note in notes.items() if note} == {"network/netcheck.json", "agent/client_magicsock.html"}
    assert "the server's view" in notes["network/netcheck.json"]
    assert "the agent's page" in notes["agent/client_magicsock.html"]
    health = json.loads(found.files["deployment/health.json"])
    assert json.loads(found.files["network/netcheck.json"]) == health["derp"]


def test_without_a_workspace_there_is_the_deployment_and_the_set_is_the_same(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(NEW)))
    assert reports(found) == {"manifest.json", "redactions.json"}
    assert filled(found) == {*DEPLOYMENT_FILES, *LOGS}
    assert found.warnings == []
    empty = {name: found.files[name] for name in (*WORKSPACE_FILES, *AGENTS)}
    assert {name for name, data in empty.items() if data == NULL} == {n for n in empty if n.endswith(".json")}


def test_a_workspace_of_another_namespace_leaves_the_pods_files_empty(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(NEW)), **ANN, agent="main")
    assert reports(found) == {"manifest.json", "redactions.json"}
    assert filled(found) == {*SERVERS, *LOGS}
    assert found.warnings == []


def test_a_member_gets_the_own_workspace_and_hears_what_is_for_owners(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(NEW)), who="member", workspace="api-work")
    assert reports(found) == {"manifest.json", "redactions.json", "warning.txt"}
    refused = {"config", "health", "coordinator", "tailnet"}
    assert told(found) == {*(f"HTTP403 {step}" for step in refused), "StepFailed netcheck"}
    left = {"buildinfo.json", "experiments.json"}
    assert {name for name in filled(found) if name.startswith("deployment/")} == {f"deployment/{n}" for n in left}
    assert filled(found) >= set(WORKSPACE_FILES)
    assert b"what the token of headersFrom may do" in found.files["warning.txt"]


def test_a_bad_token_gets_what_is_for_anybody(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(OLD)), who="nobody", **ANN)
    assert filled(found) == {"deployment/buildinfo.json", *LOGS}
    assert {"HTTP401 config", "HTTP401 workspace", "StepFailed agent", "StepFailed template_file"} <= told(found)
    assert b"is the token right and still valid?" in found.files["warning.txt"]


@pytest.mark.parametrize(("asked", "failed"), [({"workspace": "other"}, "HTTP404 workspace"), ({"agent": "gpu"}, "")])
def test_what_is_not_there_is_told(coder: Start, collect: Collect, asked: dict[str, str], failed: str) -> None:
    found = collect(server_pod(coder(OLD)), **{**ANN, **asked})
    missing = {"agent", "startup_logs", "listening_ports"}
    assert {failed or "NoSource running_agent", *(f"StepFailed {step}" for step in missing)} <= told(found)
    assert set(found.files) == {*REFERENCE, "manifest.json", "redactions.json", "warning.txt"}


def test_a_stopped_workspace_has_no_agent(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(NEW, "-running=off")), **ANN)
    steps = {"agent", "startup_logs", "listening_ports"}
    assert told(found) == {"NoSource running_agent", *(f"StepFailed {step}" for step in steps)}
    agents = {name for name in WORKSPACE_FILES if name.startswith("agent/")}
    assert filled(found) == {*SERVERS, *LOGS} - agents
    assert json.loads(found.files["workspace/workspace.json"])["latest_build"]["status"] == "stopped"


def test_an_agent_that_is_gone_is_told_by_server_and_pod(coder: Start, agent: Start, collect: Collect) -> None:
    gone = collect(server_pod(coder(NEW, "-agent=off")), workspace_pod(agent("-gone")), **ANN, **POD)
    assert filled(gone) == {*SERVERS, *LOGS} - {"agent/listening_ports.json"}
    assert "HTTP400 listening_ports" in told(gone)
    assert {(collector, target) for collector, target, _ in gone.warnings} == {
        ("server", "coder-0"),
        ("agent-debug", "coder-ann-api-work"),
        ("agent-metrics", "coder-ann-api-work"),
    }
    assert json.loads(gone.files["agent/agent.json"])["status"] == "disconnected"


def test_ports_of_an_agent_can_be_elsewhere_or_closed(coder: Start, agent: Start, collect: Collect) -> None:
    running = agent(CODER_AGENT_PROMETHEUS_ADDRESS="")
    moved = StandIn("w", {"user": "ann"}, ports={9113: running.ports["debug"]}, container={"name": "dev"})
    given = {"podLabel": "user", "podLabelValue": "ann", "agentDebugPort": "9113"}
    found = collect(server_pod(coder(NEW)), moved, **ANN, **given)
    assert filled(found) == set(REFERENCE) - {"agent/prometheus.txt"}
    assert told(found) == {"Unavailable prometheus"}


def test_a_pod_that_is_not_there_costs_no_file_of_the_set(coder: Start, collect: Collect) -> None:
    found = collect(server_pod(coder(NEW)), **ANN, podLabelValue="nobody")
    assert set(found.files) == {*REFERENCE, "manifest.json", "redactions.json", "warning.txt"}
    assert {(collector, reason) for collector, _, reason in found.warnings} == {
        ("agent-debug", "TargetNotFound"),
        ("agent-metrics", "TargetNotFound"),
    }


def test_profiles_come_where_they_are_on(coder: Start, collect: Collect) -> None:
    server = coder(NEW, CODER_PPROF_ENABLE="true")
    found = collect(server_pod(server), pprofPort="6060")
    names = ("profile", "heap", "allocs", "goroutine", "block", "mutex", "threadcreate")
    assert reports(found) - {"manifest.json", "redactions.json"} == {f"pprof/{name}.prof.gz" for name in names}
    assert all(gzip.decompress(found.files[f"pprof/{name}.prof.gz"]) for name in names)
    off = collect(server_pod(coder(NEW)), pprofPort="6061")
    assert [(collector, reason) for collector, _, reason in off.warnings] == [("profiles", "Unavailable")]


@pytest.fixture
def with_command(tmp_path: Path) -> Callable[[Running], StandIn]:
    """The server's pod with its shell, in which the command and the port are those that are here."""

    def made(server: Running) -> StandIn:
        shell = tmp_path / "sh"
        shell.write_text(
            '#!/bin/sh\nscript=$(printf %s "$2" | sed "s#/opt/coder#$CODER#; s#http://.1#http://$SERVER#")\n'
            'shift 2\nexec /bin/sh -c "$script" "$@"\n',
            encoding="utf-8",
        )
        shell.chmod(0o700)
        (tmp_path / "tmp").mkdir(exist_ok=True)
        env = {
            "CODER": str(programs() / "coder"),
            "SERVER": f"127.0.0.1:{server.ports['api']}",
            "PATH": "/usr/bin:/bin",
            "TMPDIR": str(tmp_path / "tmp"),
        }
        return server_pod(server, programs={"sh": Program(shell, env)})

    return made


WithCommand = Callable[[Running], StandIn]


def test_the_products_own_command_writes_the_bundle(
    coder: Start, collect: Collect, with_command: WithCommand, tmp_path: Path
) -> None:
    found = collect(with_command(coder(NEW)), mode="Native", **ANN, agent="main")
    own = {"collectors/native/cli_logs.txt", "collectors/native/logs.txt"}
    assert set(found.files) >= {*REFERENCE, *own, "agent/peer_diagnostics.json", "deployment/stats.json"}
    assert page("magicsock")(found.files["agent/client_magicsock.html"])
    assert source(found.files["workspace/template_file.zip"])
    assert found.warnings == []
    assert [secret for secret in every_secret("coder") if secret in everything(found)] == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_the_command_cannot_do_is_asked_file_by_file(
    coder: Start, agent: Start, collect: Collect, with_command: WithCommand
) -> None:
    pods = with_command(coder(OLD)), workspace_pod(agent())
    found = collect(*pods, mode="Auto", **POD)
    assert reports(found) == {"manifest.json", "redactions.json", "warning.txt"}
    assert filled(found) == {*DEPLOYMENT_FILES, *AGENTS, *LOGS}
    assert found.warnings == []
    (covered,) = found.manifest["fallbacks"]
    assert (covered["collector"], covered["reason"], covered["by"]) == ("native", "NonZeroExit", "server")
    assert "must specify workspace name" in covered["message"]
    with pytest.raises(AssertionError, match=r"Nothing could be collected: .*: must specify workspace name"):
        collect(pods[0], mode="Native")


def test_whoever_may_not_run_the_command_gets_the_rest(coder: Start, tmp_path: Path) -> None:
    token = {"token": planted("coder")["tokens"]["owner"]}
    pods, secrets = [server_pod(coder(NEW))], {"token": token}
    found = collected("coder", pods, tmp_path, parameters={"mode": "Auto"}, secrets=secrets, capabilities=["HTTP"])
    assert filled(found) == {*DEPLOYMENT_FILES, *LOGS}
    assert [(each["reason"], each["by"]) for each in found.manifest["fallbacks"]] == [("NotAllowed", "server")]


def test_what_the_command_wrote_is_not_asked_again(
    coder: Start, agent: Start, collect: Collect, with_command: WithCommand
) -> None:
    found = collect(with_command(coder(NEW)), workspace_pod(agent()), mode="Auto", **ANN, **POD)
    assert set(found.files) >= set(REFERENCE)
    assert {member["source"]["collector"] for member in found.manifest["members"] if "source" in member} == {"native"}
    assert found.warnings == []


def test_a_workspaces_pod_in_another_namespace_is_a_bundle_of_its_own(agent: Start, tmp_path: Path) -> None:
    found = collected("coder-agent", [workspace_pod(agent())], tmp_path, parameters={"pprofPort": "6060"})
    profiles = {name for name in found.files if name.startswith("pprof/agent/")}
    assert set(found.files) - profiles == {*AGENTS, *LOGS, "manifest.json", "redactions.json"}
    assert len(profiles) == 7
    assert [name for name, check in AGENTS.items() if not check(found.files[name])] == []
    assert found.file_name.startswith("coder-support-agent-")
    assert [secret for secret in every_secret("coder") if secret in everything(found)] == []
    assert found.warnings == []


def test_several_workspaces_stand_in_folders_and_one_without_an_agent_is_told(agent: Start, tmp_path: Path) -> None:
    pods = [workspace_pod(agent(), "ann"), workspace_pod(agent("-gone"), "bob")]
    found = collected("coder-agent", pods, tmp_path)
    files = {name for name in found.files if "/" in name}
    assert files == {f"{pod}/{name}" for pod in ("ann", "bob") for name in AGENTS}
    assert found.files["bob/agent/manifest.json"] == NULL
    assert {target for _, target, _ in found.warnings} == {"bob"}
