"""The template for Mattermost makes the product's packet of what the documented API, log and profiles give."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.contractservers import Running, kept, planted, programs
from support.packets import (
    HIDDEN,
    HIDDEN_LATER,
    NEEDS_LICENCE,
    NEEDS_NODE,
    NEVER_HIDDEN,
    NO_SOURCE,
    NODE,
    SUPPORT_PACKET,
    V9,
    V11,
    V11_SHARED,
    leaks,
    note,
    parsed,
    top,
)
from support.presets import Found, Program, StandIn, collected, shipped
from supportbundle.model.template import parse_template
from supportbundle.sanitize import BUILTIN, Sanitizer
from supportbundle.sanitize.rules.custom import check

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

TOKENS = planted("mattermost")["tokens"]
FAKE = "*" * 32
EXAMPLE = Path(__file__).parents[3] / "docs/examples/mattermost.yaml"
SOCKET = "/var/tmp/mattermost_local.socket"  # noqa: S108 - where the product has it, below the server's own root
Start = Callable[..., Running]
Run = Callable[..., Found]


def stand_in(server: Running, name: str = "chat-0", **ports: int) -> StandIn:
    """A pod as the operator of the product labels it; `ports` take the place of the server's own."""
    return StandIn(
        name,
        {"app": "mattermost", "installation.mattermost.com/installation": "chat"},
        ports={8065: ports.get("api", server.ports["api"])}
        | ({8067: server.ports["metrics"]} if not server.closed("metrics") else {}),
        log=server.root / "output",
        container={"name": "mattermost"},
        programs={
            "/mattermost/bin/mmctl": Program(
                programs() / "mmctl", {"MMCTL_LOCAL_SOCKET_PATH": f"{server.root}{SOCKET}"}
            )
        },
    )


def run_of(tmp_path: Path, *pods: StandIn, token: str = TOKENS["admin"], **given: Any) -> Found:
    spec = {key: given.pop(key) for key in ("collectors", "capabilities", "target") if key in given}
    parameters = {"cpuSeconds": "1", **given}
    found = collected("mattermost", pods, tmp_path, parameters=parameters, secrets={"token": {"token": token}}, **spec)
    assert leaks("mattermost", found.files) == []
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A bundle of these pods, with an administrator's token, in which no planted secret may stand."""
    return partial(run_of, tmp_path)


def told(found: Found, collector: str) -> str:
    """The line of warning.txt that is about this collector."""
    (line,) = [line for line in found.files["warning.txt"].decode().splitlines() if f": {collector}: " in line]
    return line


def profiles_work(found: Found, scratch: Path, folder: str = "") -> None:
    assert "Duration: " in top(found.files[f"{folder}cpu.prof"], scratch)
    assert "inuse_space/bytes" in top(found.files[f"{folder}heap.prof"], scratch)
    assert found.files[f"{folder}goroutines"].startswith(b"goroutine ")


def log_is_whole(found: Found, folder: str = "") -> None:
    lines = found.files[f"{folder}mattermost.log"].decode().splitlines()
    assert len(lines) >= 2000
    assert all("timestamp" in json.loads(line) for line in lines)
    assert any(kept("mattermost")["databaseHost"] in line for line in lines)


def test_an_unlicensed_old_server_gives_the_reference_list(mattermost: Start, run: Run, tmp_path: Path) -> None:
    found = run(stand_in(mattermost("-version=v9", "-metrics")))
    assert found.names == V9
    assert found.file_name == "mm_support_packet_team_2026-11-21T12-00.zip"
    profiles_work(found, tmp_path)
    log_is_whole(found)
    assert set(parsed(found.files, "plugins.json")) == {"active", "inactive"}
    assert found.files["plugins.json"].startswith(b'{\n    "')
    config = parsed(found.files, "sanitized_config.json")
    assert config["SqlSettings"]["DataSource"] == FAKE
    assert config["ServiceSettings"]["SiteURL"] == kept("mattermost")["siteUrl"]
    assert kept("mattermost")["replicaHost"] in config["SqlSettings"]["ReplicaLagSettings"][0]["DataSource"]


def test_the_example_asks_for_what_an_assembled_packet_takes(mattermost: Start, tmp_path: Path) -> None:
    spec = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["spec"]
    pods = [stand_in(mattermost("-version=v9", "-metrics"))]
    (given,) = spec["templateRef"]["secrets"].values()
    found = collected("mattermost", pods, tmp_path, known={given["name"]: {"token": TOKENS["admin"]}}, **spec)
    assert (found.names, found.warnings) == (V9, [])


def test_the_keys_of_the_old_document_are_the_products(mattermost: Start, run: Run) -> None:
    server = mattermost("-version=v9", "-metrics")
    cluster = {"name": "cluster", "type": "Resources", "resources": {"kinds": ["pods"], "clusterInfo": True}}
    capabilities = [*shipped("mattermost")["spec"]["capabilities"], "Resources"]
    found = run(stand_in(server), collectors=[cluster], capabilities=capabilities)
    document = parsed(found.files, "support_packet.yaml")
    missing = [key for key in SUPPORT_PACKET if key in {*NO_SOURCE, *NEEDS_LICENCE}]
    assert list(document) == [key for key in SUPPORT_PACKET if key not in missing]
    assert note(found.manifest, "support_packet.yaml", "leftOut") == ", ".join(missing)
    assert (document["server_os"], document["server_architecture"]) == ("linux", "amd64")
    assert document["database_schema_version"] == "118"
    assert (document["total_channels"], document["total_posts"]) == (310, 184_213)
    assert document["file_status"] == "OK"
    assert [len(jobs) for key, jobs in document.items() if key.endswith("_jobs")] == [2] * 7


def test_a_licence_is_told_where_there_is_one(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-licensed")), mode="Assembled")
    document = parsed(found.files, "support_packet.yaml")
    assert {key: document[key] for key in NEEDS_LICENCE} == {
        "license_to": kept("mattermost")["company"],
        "license_supported_users": 500,
        "license_is_trial": "false",
    }
    assert note(found.manifest, "support_packet.yaml", "leftOut") == ", ".join((*NEEDS_NODE, *NO_SOURCE))


@pytest.mark.parametrize("mode", ["Auto", "Native"])
def test_a_licensed_old_server_makes_its_own_packet(mattermost: Start, run: Run, mode: str, tmp_path: Path) -> None:
    found = run(stand_in(mattermost("-version=v9", "-licensed")), mode=mode)
    assert found.names == V9
    assert list(parsed(found.files, "support_packet.yaml")) == list(SUPPORT_PACKET)
    profiles_work(found, tmp_path)


def test_the_containers_log_stands_in_for_one_that_the_packet_lacks(mattermost: Start, run: Run) -> None:
    server = mattermost("-version=v9", "-licensed", "-filelog=off")
    found = run(stand_in(server))
    assert found.names == V9 | {"collectors/packet/warning.txt", "warning.txt"}
    assert found.files["mattermost.log"].count(b'"level":"debug"') > 1000
    assert found.warnings == [("packet", "chat-0", "ProductWarnings")]
    log = next(line for line in found.files["warning.txt"].decode().splitlines() if ": log: HTTP500" in line)
    assert "(collector container-log stands in for it)" in log


@pytest.mark.parametrize("version", ["v9", "v11"])
def test_the_packet_of_a_cluster_is_filled_up_node_by_node(mattermost: Start, run: Run, version: str) -> None:
    server = mattermost(f"-version={version}", "-licensed", "-nodes=2")
    found = run(stand_in(server, "chat-0"), stand_in(server, "chat-1"), variant=version)
    assert found.names >= {"chat-0/mattermost.log", "chat-1/mattermost.log"}
    assert found.warnings == []


@pytest.mark.parametrize(("mode", "collector"), [("Auto", "packet"), ("Native", "native")])
def test_what_a_packet_lacks_by_its_own_words_is_told(mattermost: Start, run: Run, mode: str, collector: str) -> None:
    server = mattermost("-version=v9", "-licensed", "-filelog=off", "-plugins=off")
    found = run(stand_in(server), mode=mode)
    assert f"collectors/{collector}/warning.txt" in found.names
    assert found.warnings == [(collector, "chat-0", "ProductWarnings")]
    line = told(found, collector)
    assert "plugins.json: plugins are switched off" in line
    assert "* mattermost.log: " in line
    assert "the parameter mode Assembled" in line


def test_todays_layout_is_put_together(mattermost: Start, run: Run, tmp_path: Path) -> None:
    found = run(stand_in(mattermost("-version=v11", "-metrics", "-licensed")), mode="Assembled", variant="v11")
    assert found.names == V11
    profiles_work(found, tmp_path)
    log_is_whole(found)
    assert set(parsed(found.files, "plugins.json")) == {"enabled", "disabled"}
    assert parsed(found.files, "metadata.yaml")["type"] == "support-packet"
    assert parsed(found.files, "stats.yaml")["registered_users"] == 447
    assert {len(jobs) for jobs in parsed(found.files, "jobs.yaml").values()} == {5}
    permissions = parsed(found.files, "permissions.yaml")
    assert "system_admin" in {role["name"] for role in permissions["roles"]}
    diagnostics = parsed(found.files, "diagnostics.yaml")
    assert list(diagnostics) == [
        "version",
        "license",
        "server",
        "database",
        "file_store",
        "websocket",
        "cluster",
        "elastic",
    ]
    assert diagnostics["cluster"] == {"number_of_nodes": 1}
    assert diagnostics["license"]["is_trial"] is False
    assert note(found.manifest, "diagnostics.yaml", "leftOut").endswith("elastic.server_plugins, elastic.error")


def test_todays_licensed_server_makes_its_own_packet(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v11", "-licensed")), variant="v11")
    assert found.names == V11 | {"database_schema.yaml"}
    sql = parsed(found.files, "sanitized_config.json")["SqlSettings"]
    assert f"{kept('mattermost')['databaseHost']}:5432/{kept('mattermost')['database']}" in sql["DataSource"]


def test_a_cluster_has_a_folder_for_each_node(mattermost: Start, run: Run, tmp_path: Path) -> None:
    server = mattermost("-version=v11", "-metrics", "-nodes=2")
    found = run(stand_in(server, "chat-0"), stand_in(server, "chat-1"), variant="v11")
    assert found.names - {"warning.txt"} == V11_SHARED | {f"chat-{n}/{name}" for n in (0, 1) for name in NODE} - {
        # Both pods are one process here, which takes one processor's profile at a time.
        *_missing_profile(found),
    }
    assert parsed(found.files, "diagnostics.yaml")["cluster"] == {"number_of_nodes": 2}
    log_is_whole(found, "chat-1/")
    assert "inuse_space/bytes" in top(found.files["chat-1/heap.prof"], tmp_path)


def _missing_profile(found: Found) -> set[str]:
    ((collector, pod, reason),) = found.warnings
    assert (collector, reason) == ("profiles", "ProfilerBusy")
    return {f"{pod}/cpu.prof"}


def test_the_packet_of_a_cluster_keeps_its_folders(mattermost: Start, run: Run) -> None:
    server = mattermost("-version=v11", "-licensed", "-nodes=2")
    found = run(stand_in(server, "chat-0"), stand_in(server, "chat-1"), mode="Native")
    nodes = [node["hostname"] for node in server.get("/api/v4/cluster/status").json()]
    assert found.names == V11_SHARED | {"database_schema.yaml"} | {f"{n}/{name}" for n in nodes for name in NODE}


def test_mmctl_in_the_container_needs_no_token(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v11", "-licensed", "-local")), mode="NativeLocal", token="none")
    assert found.names == V11 | {"database_schema.yaml"}


def test_without_local_mode_it_says_what_it_takes(mattermost: Start, run: Run) -> None:
    with pytest.raises(AssertionError, match=r"NonZeroExit.*is local mode enabled.*EnableLocalMode.*mode Auto"):
        run(stand_in(mattermost("-version=v9", "-metrics")), mode="NativeLocal")


def test_native_without_a_licence_says_how_else(mattermost: Start, run: Run) -> None:
    server = mattermost("-version=v9")
    with pytest.raises(AssertionError, match=r"no_license.*Only a server with a licence.*mode Assembled"):
        run(stand_in(server), mode="Native")


def test_a_wrong_token_leaves_what_needs_none(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-metrics")), token="w0rongtokenofnobodyatall00")
    assert found.names == V9 - {"plugins.json", "sanitized_config.json"} | {"warning.txt"}
    assert parsed(found.files, "support_packet.yaml")["server_version"] == "9.5.2"
    lines = found.files["warning.txt"].decode().splitlines()
    config = next(line for line in lines if "server: HTTP401: config (sanitized_config.json)" in line)
    assert "The token is wrong" in config
    assert "EnableUserAccessTokens" in config
    assert found.files["mattermost.log"].count(b'"level":"debug"') > 1000  # the container's


def test_a_token_with_few_rights_says_so(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-metrics")), token=TOKENS["limited"])
    assert "SqlSettings" not in parsed(found.files, "sanitized_config.json")
    lines = found.files["warning.txt"].decode().splitlines()
    assert "a system admin" in next(line for line in lines if "HTTP403: plugins (plugins.json)" in line)


def test_what_is_switched_off_is_a_warning_each(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-plugins=off", "-filelog=off")))
    assert found.names == V9 - {"plugins.json", "cpu.prof", "heap.prof", "goroutines"} | {"warning.txt"}
    assert "PluginSettings.Enable" in told(found, "server")
    profiles = told(found, "profiles")
    assert "Nothing listens on port 8067" in profiles
    assert "MetricsSettings.Enable" in profiles
    log = next(line for line in found.files["warning.txt"].decode().splitlines() if ": log: HTTP500" in line)
    assert "LogSettings.EnableFile" in log
    assert "(collector container-log stands in for it)" in log
    assert len(found.warnings) == 2


def test_an_older_server_gives_its_log_in_lines(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-logs-download=off", "-metrics")))
    assert found.names == V9
    assert note(found.manifest, "mattermost.log", "step") == "lines"
    log_is_whole(found)


def test_a_failing_file_store_and_costly_statistics_are_told(mattermost: Start, run: Run) -> None:
    found = run(stand_in(mattermost("-version=v9", "-filestore=off", "-intensive=off", "-metrics")))
    document = parsed(found.files, "support_packet.yaml")
    assert document["file_status"] == "FAIL: UNHEALTHY"
    assert "total_posts" not in document
    assert (document["total_teams"], document["total_channels"]) == (7, 310)


@pytest.mark.parametrize(
    "labels",
    [
        {"app.kubernetes.io/name": "mattermost-team-edition", "app.kubernetes.io/instance": "chat"},
        {"app.kubernetes.io/name": "mattermost-enterprise-edition", "app.kubernetes.io/component": "server"},
    ],
)
def test_the_charts_labels_are_known_too(mattermost: Start, tmp_path: Path, labels: dict[str, str]) -> None:
    server = mattermost("-version=v9", "-metrics", "-filelog=off")
    name = labels["app.kubernetes.io/name"]
    chart = StandIn(name, labels, stand_in(server).ports, server.root / "output", container={"name": name})
    job_server = StandIn("jobs", {"app": "mattermost-jobserver"})
    found = run_of(tmp_path, chart, job_server)
    assert found.names - {"warning.txt"} == V9
    assert found.warnings == []


REFERENCE = (
    *HIDDEN,
    *HIDDEN_LATER,
    *NEVER_HIDDEN,
    "MessageExportSettings.GlobalRelaySettings.SmtpPassword",
    "ServiceSettings.GfycatApiSecret",
    "ServiceSettings.GfycatAPISecret",
    "LogSettings.AdvancedLoggingJSON.tcp.options.ident",
    "ExperimentalAuditSettings.AdvancedLoggingJSON.tcp.options.ident",
    "LogSettings.AdvancedLoggingJSON.console.Options.ident",
    "MessageExportSettings.GlobalRelaySettings.SmtpUsername",
    "PluginSettings.Plugins.x.y",
)
"""Every key that the product hides, those that later versions do, and those that none of them does."""


@pytest.fixture(scope="module")
def sanitizer() -> Sanitizer:
    template = parse_template({**shipped("mattermost"), "metadata": {"name": "mattermost", "uid": "x"}})
    rules = check(BUILTIN, template.spec.sanitization.rules)
    return Sanitizer.build((), rules, keep_shape=template.spec.sanitization.keep_shape)


def sanitized(sanitizer: Sanitizer, document: object) -> str:
    stream = sanitizer.open("sanitized_config.json")
    return (stream.feed(json.dumps(document, indent=4).encode()) + stream.finish()).decode()


@pytest.mark.parametrize("value", ["planted value", "swordfish", "Größe/17", "1234567"])
def test_every_key_of_the_list_is_hidden_whatever_its_value(sanitizer: Sanitizer, value: str) -> None:
    document: dict[str, Any] = {}
    for key in REFERENCE:
        inner = document
        *parents, last = key.split(".")
        for part in parents:
            inner = inner.setdefault(part, {})
        inner[last] = value
    out = sanitized(sanitizer, document)
    assert value not in str(json.loads(out))
    assert set(json.loads(out)) == set(document)


@pytest.mark.parametrize("key", ["options", "Options"])
def test_options_of_logging_targets_are_hidden_in_a_text_too(sanitizer: Sanitizer, key: str) -> None:
    text = json.dumps({"tcp": {"type": "tcp", key: {"host": "h", "ident": "planted value"}}})
    out = sanitized(sanitizer, {"LogSettings": {"AdvancedLoggingJSON": text, "ConsoleLevel": "DEBUG"}})
    assert "planted value" not in out
    assert "DEBUG" in out


@pytest.mark.parametrize(
    "source",
    [
        "postgres://chat:swordfish@db.chat.svc:5432/chatdb?sslmode=disable",
        "host=db.chat.svc port=5432 dbname=chatdb user=chat password=swordfish",
        "chat:swordfish@tcp(db.chat.svc:3306)/chatdb?charset=utf8mb4",
    ],
)
def test_data_sources_keep_host_and_database(sanitizer: Sanitizer, source: str) -> None:
    lists = {"DataSourceReplicas": [source], "DataSourceSearchReplicas": [source]}
    settings = {"DataSource": source, "ReplicaLagSettings": [{"DataSource": source}], **lists}
    out = sanitized(sanitizer, {"SqlSettings": settings})
    assert "swordfish" not in out
    assert (out.count("db.chat.svc"), out.count("chatdb")) == (4, 4)
