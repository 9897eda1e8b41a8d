"""Mattermost's contract server answers every documented endpoint, refuses as documented, and leaves what it should."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from support import packets
from support.contractservers import Answer, Running, planted, programs

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

API = "/api/v4"
FAKE = "*" * 32
JOBS = [
    "data_retention",
    "message_export",
    "elasticsearch_post_indexing",
    "elasticsearch_post_aggregation",
    "bleve_post_indexing",
    "ldap_sync",
    "migrations",
]
PROTECTED: dict[str, Callable[[Any], Any]] = {
    "/config": lambda it: "SqlSettings" in it,
    "/plugins": lambda it: set(it) == {"active", "inactive"},
    "/logs?page=0&logs_per_page=10000": lambda it: all(isinstance(line, str) for line in it),
    "/analytics/old?name=standard": lambda it: [row["name"] for row in it] == list(packets.STATISTICS),
    **{f"/jobs/type/{kind}?page=0&per_page=2": lambda it: len(it) == 2 and "status" in it[0] for kind in JOBS},
    "/roles": lambda it: "system_admin" in {role["name"] for role in it},
    "/schemes?page=0&per_page=2": lambda it: len(it) == 2,
    "/cluster/status": lambda it: it == [],
    "/system/schema/version": lambda it: max(row["version"] for row in it) == 118 and it[-1]["version"] != 118,
}
OPEN: dict[str, Callable[[Any], Any]] = {
    "/system/ping?get_server_status=true&use_rest_semantics=true": lambda it: it["filestore_status"] == "OK",
    "/config/client?format=old": lambda it: it["Version"] and it["BuildHash"] and it["DiagnosticId"],
    "/license/client?format=old": lambda it: it["IsLicensed"] == "false",
}
NOW = packets.V11_SHARED | {"database_schema.yaml"}
ALWAYS = (*packets.HIDDEN, "SqlSettings.DataSource")
V9, V11 = "-version=v9", "-version=v11"
Start = Callable[..., Running]


def bearer(who: str) -> dict[str, str]:
    known = planted("mattermost")["tokens"]
    return {"Authorization": f"Bearer {known.get(who, 'nonsense')}"}


def value(document: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        document = document[part]
    return document


def packet(answer: Answer) -> zipfile.ZipFile:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert 'filename="mm_support_packet_' in answer.headers["Content-Disposition"]
    return zipfile.ZipFile(io.BytesIO(answer.body))


def strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, (dict, list)):
        for item in document.values() if isinstance(document, dict) else document:
            yield from strings(item)


@pytest.mark.parametrize("version", [V9, V11])
@pytest.mark.parametrize("path", PROTECTED)
def test_an_administrator_gets_it_and_nobody_else(mattermost: Start, version: str, path: str) -> None:
    server = mattermost(version)
    answer = server.get(API + path)
    assert answer.status == 200
    assert PROTECTED[path](answer.json())
    assert server.get(API + path, headers=bearer("nobody")).status == 401
    assert server.get(API + path, headers={}).status == 401
    refused = server.get(API + path, headers=bearer("denied"))
    assert (refused.status, refused.json()["id"]) == (403, "api.context.permissions.app_error")


@pytest.mark.parametrize("path", OPEN)
def test_some_need_no_token(mattermost: Start, path: str) -> None:
    answer = mattermost(V9).get(API + path, headers={})
    assert answer.status == 200
    assert OPEN[path](answer.json())


def test_the_reference_list_is_masked_in_both_versions(mattermost: Start) -> None:
    for version in (V9, V11):
        config = mattermost(version).get(f"{API}/config").json()
        assert {key: value(config, key) for key in ALWAYS} == dict.fromkeys(ALWAYS, FAKE)
        assert config["SqlSettings"]["DataSourceReplicas"] == [FAKE]
        assert config["SqlSettings"]["DataSourceSearchReplicas"] == [FAKE]
    assert value(mattermost(V9).get(f"{API}/config").json(), "ServiceSettings.GfycatAPISecret") == FAKE


def test_the_newer_version_masks_more_and_still_not_all(mattermost: Start) -> None:
    old, new = (mattermost(version).get(f"{API}/config").json() for version in (V9, V11))
    assert {key: value(new, key) for key in packets.HIDDEN_LATER} == dict.fromkeys(packets.HIDDEN_LATER, FAKE)
    assert new["SqlSettings"]["ReplicaLagSettings"][0]["DataSource"] == FAKE
    assert planted("mattermost")["config"]["lagPassword"] in old["SqlSettings"]["ReplicaLagSettings"][0]["DataSource"]
    clear = set(planted("mattermost")["config"].values())
    assert {value(new, key) for key in packets.NEVER_HIDDEN} <= clear
    assert planted("mattermost")["config"]["loggingToken"] in set(strings(new["LogSettings"]))
    assert planted("mattermost")["config"]["auditToken"] in set(strings(new["ExperimentalAuditSettings"]))


def test_settings_of_plugins_are_masked_by_manifest_in_the_newer_version_only(mattermost: Start) -> None:
    secrets = planted("mattermost")["plugins"]
    old = set(strings(mattermost(V9).get(f"{API}/config").json()["PluginSettings"]))
    new = set(strings(mattermost(V11).get(f"{API}/config").json()["PluginSettings"]))
    assert set(secrets.values()) <= old
    assert set(secrets.values()) & new == {secrets["customApiToken"]}
    blind = mattermost(V11, "-plugins=off").get(f"{API}/config").json()["PluginSettings"]
    assert not set(secrets.values()) & set(strings(blind))


def test_a_reader_of_the_console_sees_part_of_the_configuration(mattermost: Start) -> None:
    answer = mattermost(V11).get(f"{API}/config", headers=bearer("limited"))
    assert answer.status == 200
    assert "SqlSettings" not in answer.json()
    assert mattermost(V11).get(f"{API}/plugins", headers=bearer("limited")).status == 403


def test_the_log_is_json_lines_with_planted_secrets(mattermost: Start) -> None:
    server = mattermost(V9)
    answer = server.get(f"{API}/logs/download")
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) >= 2000
    assert {"timestamp", "level", "msg", "caller"} <= set(lines[0])
    assert all(secret in answer.text for secret in planted("mattermost")["log"].values())
    page = server.get(f"{API}/logs?page=1&logs_per_page=7").json()
    assert len(page) == 7
    older = mattermost(V9, "-logs-download=off")
    assert older.get(f"{API}/logs/download").status == 404
    assert len(older.get(f"{API}/logs?page=0&logs_per_page=10000").json()) >= 2000


def test_without_a_log_file_there_is_nothing_to_download(mattermost: Start) -> None:
    server = mattermost(V9, "-filelog=off")
    assert server.get(f"{API}/logs/download").status == 500
    assert server.get(f"{API}/logs").json() == [""]
    assert server.get(f"{API}/config").json()["LogSettings"]["EnableFile"] is False
    assert (server.root / "output").read_bytes().count(b'"level":"debug"') > 1000


def test_plugins_can_be_switched_off(mattermost: Start) -> None:
    assert mattermost(V9, "-plugins=off").get(f"{API}/plugins").status == 501


def test_costly_statistics_may_be_left_out(mattermost: Start) -> None:
    rows = mattermost(V9, "-intensive=off").get(f"{API}/analytics/old?name=standard").json()
    assert [row["name"] for row in rows] == [name for name in packets.STATISTICS if name != "post_count"]


def test_a_failing_file_store_is_told_by_the_ping(mattermost: Start) -> None:
    server = mattermost(V9, "-filestore=off")
    told = server.get(f"{API}/system/ping?get_server_status=true&use_rest_semantics=true")
    assert (told.status, told.json()["filestore_status"]) == (200, "UNHEALTHY")
    assert server.get(f"{API}/system/ping?get_server_status=true").status == 500


def test_jobs_of_all_types_have_pages_and_errors_with_secrets(mattermost: Start) -> None:
    server = mattermost(V9)
    first, second = (server.get(f"{API}/jobs/type/ldap_sync?page={page}&per_page=5").json() for page in (0, 1))
    assert (len(first), len(second)) == (5, 2)
    assert planted("mattermost")["jobs"]["ldapPassword"] in first[0]["data"]["error"]
    assert server.get(f"{API}/jobs/type/no_such").status == 400


def test_without_a_licence_there_is_no_packet(mattermost: Start) -> None:
    answer = mattermost(V9).get(f"{API}/system/support_packet")
    assert (answer.status, answer.json()["id"]) == (403, "api.no_license")


def test_the_old_packet_has_the_files_of_the_reference(mattermost: Start) -> None:
    server = mattermost(V9, "-licensed")
    assert server.get(f"{API}/license/client?format=old").json()["Users"] == "500"
    files = packet(server.get(f"{API}/system/support_packet"))
    assert set(files.namelist()) == packets.V9
    document = yaml.safe_load(files.read("support_packet.yaml"))
    assert document["total_channels"] == 310
    assert len(document["bleve_post_indexin_jobs"]) == 2
    assert set(json.loads(files.read("plugins.json"))) == {"active", "inactive"}
    assert json.loads(files.read("sanitized_config.json"))["SqlSettings"]["DataSource"] == FAKE
    assert files.read("heap.prof").startswith(b"\x1f\x8b")
    assert files.read("goroutines").startswith(b"goroutine ")


def test_the_old_packet_warns_of_what_is_missing(mattermost: Start) -> None:
    server = mattermost(V9, "-licensed", "-plugins=off", "-filelog=off")
    files = packet(server.get(f"{API}/system/support_packet"))
    assert set(files.namelist()) == packets.V9 - {"mattermost.log", "plugins.json"} | {"warning.txt"}
    warning = files.read("warning.txt").decode()
    assert "plugins.json" in warning
    assert "mattermost.log" in warning


def test_todays_packet_has_its_files(mattermost: Start) -> None:
    server = mattermost(V11, "-licensed")
    files = packet(server.get(f"{API}/system/support_packet"))
    assert set(files.namelist()) == NOW | packets.NODE
    for name in NOW:
        assert yaml.safe_load(files.read(name))
    assert set(json.loads(files.read("plugins.json"))) == {"enabled", "disabled"}
    source = json.loads(files.read("sanitized_config.json"))["SqlSettings"]["DataSource"]
    assert source.startswith("postgres://****:****@chat-db.")
    assert "erorr" in yaml.safe_load(files.read("diagnostics.yaml"))["file_store"]
    query = "?basic_server_logs=false&plugin_packets=jira&plugin_packets=github"
    some = set(packet(server.get(f"{API}/system/support_packet{query}")).namelist())
    assert some == (NOW | packets.NODE) - {"mattermost.log"} | {"jira/diagnostics.yaml", "github/diagnostics.yaml"}


def test_two_nodes_are_told_apart(mattermost: Start) -> None:
    server = mattermost(V11, "-licensed", "-nodes=2")
    nodes = [node["hostname"] for node in server.get(f"{API}/cluster/status").json()]
    assert len(set(nodes)) == 2
    files = packet(server.get(f"{API}/system/support_packet"))
    assert set(files.namelist()) == NOW | {f"{node}/{name}" for node in nodes for name in packets.NODE}


def test_profiles_are_the_runtimes_behind_documented_routes(mattermost: Start) -> None:
    old, new = mattermost(V9, "-metrics"), mattermost(V11, "-metrics", "-licensed")
    for name in ("", "cmdline", "symbol", "goroutine?debug=2", "heap", "threadcreate", "block", "trace?seconds=0.1"):
        assert old.get(f"/debug/pprof/{name}", port="metrics").status == 200
    for name in ("allocs", "mutex"):
        assert old.get(f"/debug/pprof/{name}", port="metrics").status == 404
        assert new.get(f"/debug/pprof/{name}", port="metrics").status == 200
    assert old.get("/metrics", port="metrics").status == 404
    assert "mattermost_" in new.get("/metrics", port="metrics").text


def test_a_process_takes_one_cpu_profile_at_a_time(mattermost: Start) -> None:
    server = mattermost(V9, "-metrics")
    with ThreadPoolExecutor() as pool:
        both = pool.map(lambda _: server.get("/debug/pprof/profile?seconds=2", port="metrics"), range(2))
    assert sorted(answer.status for answer in both) == [200, 500]


def test_the_metrics_port_can_be_shut(mattermost: Start) -> None:
    assert mattermost(V9).closed("metrics")
    assert mattermost(V9, "-metrics=off").closed("metrics")


def test_a_session_is_had_by_logging_in(mattermost: Start) -> None:
    server = mattermost(V9)
    known = planted("mattermost")["tokens"]
    body = json.dumps({"login_id": "admin", "password": known["adminPassword"]}).encode()
    answer = server.get(f"{API}/users/login", method="POST", body=body)
    assert (answer.status, answer.headers["Token"]) == (200, known["admin"])
    assert server.get(f"{API}/users/login", method="POST", body=b'{"login_id": "admin"}').status == 401


def mmctl(server: Running, *words: str) -> subprocess.CompletedProcess[bytes]:
    socket = str(server.root / "var/tmp/mattermost_local.socket")
    return subprocess.run(
        [programs() / "mmctl", *words], env={"MMCTL_LOCAL_SOCKET_PATH": socket}, capture_output=True, check=False
    )


def test_mmctl_speaks_through_the_socket(mattermost: Start) -> None:
    server = mattermost(V11, "-licensed", "-local")
    config = json.loads(mmctl(server, "--local", "config", "show").stdout)
    whole = planted("mattermost")["config"]
    assert {whole["smtpPassword"], whole["redisPassword"], whole["libreTranslateKey"]} <= set(strings(config))
    assert set(json.loads(mmctl(server, "--local", "plugin", "list", "--json").stdout)) == {"active", "inactive"}
    assert len(mmctl(server, "--local", "logs", "-n", "3").stdout.splitlines()) == 3
    assert json.loads(mmctl(server, "system", "status", "--local").stdout)["status"] == "OK"
    quiet = mmctl(server, "--local", "--quiet", "system", "supportpacket", "-o", "/dev/stdout").stdout
    assert set(zipfile.ZipFile(io.BytesIO(quiet)).namelist()) == NOW | packets.NODE
    assert mmctl(server, "config", "show").returncode == 1


def test_mmctl_tells_what_is_not_to_be_had(mattermost: Start) -> None:
    unlicensed = mattermost(V11, "-local")
    assert b"licence" in mmctl(unlicensed, "--local", "system", "supportpacket", "-o", "/dev/null").stderr
    old = mattermost(V9, "-licensed", "-local")
    assert mmctl(old, "--local", "system", "supportpacket", "-o", "/dev/null").returncode == 1
    masked = set(strings(json.loads(mmctl(old, "--local", "config", "show").stdout)))
    assert planted("mattermost")["config"]["smtpPassword"] not in masked
    assert b"socket" in mmctl(mattermost(V9), "--local", "config", "show").stderr


def test_nothing_is_planted_in_vain(mattermost: Start) -> None:
    shown = b""
    for server in (mattermost(V9), mattermost(V11)):
        for path in ("config", "plugins", "logs/download", "jobs/type/ldap_sync", "jobs/type/message_export"):
            shown += server.get(f"{API}/{path}").body
    shown += mmctl(mattermost(V11, "-licensed", "-local"), "--local", "config", "show").stdout
    sections = planted("mattermost")
    hidden = {
        name
        for section in ("config", "plugins", "log", "jobs")
        for name, secret in sections[section].items()
        if secret.encode() not in shown and secret.encode() not in json.dumps(shown.decode()).encode()
    }
    assert hidden == {"gfycatSecret"}  # both versions of the API mask the one, and only the older knows it
