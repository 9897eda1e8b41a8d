"""Two products' own bundles as steps: one document of nine answers, and a chain in which each answer names the next."""

from __future__ import annotations

import json
from typing import Any

from support.collecting import NOW, FakeCluster, FakeSink, pod, run, with_constants
from support.packets import STATISTICS
from supportbundle.collect.api import COLLECTOR
from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext

JOBS = (
    ("data_retention_jobs", "data_retention"),
    ("message_export_jobs", "message_export"),
    ("elastic_post_indexing_jobs", "elasticsearch_post_indexing"),
    ("elastic_post_aggregation_jobs", "elasticsearch_post_aggregation"),
    ("bleve_post_indexin_jobs", "bleve_post_indexing"),
    ("ldap_sync_jobs", "ldap_sync"),
    ("migration_jobs", "migrations"),
)


def row(name: str) -> str:
    return f"stats[?name=='{name}'].value | [0]"


PACKET = {
    "server_os": "node.operatingSystem",
    "server_architecture": "node.architecture",
    "server_version": "client.Version",
    "build_hash": "client.BuildHash",
    "database_type": "config.SqlSettings.DriverName",
    "database_version": "`null`",
    "database_schema_version": "to_string(max_by(schema, &version).version)",
    "websocket_connections": row("total_websocket_connections"),
    "master_db_connections": row("total_master_db_connections"),
    "read_db_connections": row("total_read_db_connections"),
    "cluster_id": "`null`",
    "file_driver": "config.FileSettings.DriverName",
    "file_status": "ping.filestore_status",
    "ldap_vendor_name": "`null`",
    "ldap_vendor_version": "`null`",
    "elastic_server_version": "`null`",
    "elastic_server_plugins": "`null`",
    "license_to": "license.Company",
    "license_supported_users": "to_number(license.Users)",
    "license_is_trial": "license.IsTrial",
    "active_users": row("unique_user_count"),
    "daily_active_users": row("daily_active_users"),
    "monthly_active_users": row("monthly_active_users"),
    "inactive_user_count": row("inactive_user_count"),
    "total_posts": row("post_count"),
    "total_channels": f"sum([{row('channel_open_count')}, {row('channel_private_count')}])",
    "total_teams": row("team_count"),
    **{key: key for key, _ in JOBS},
}
MATTERMOST = [
    {"name": "config", "path": "/api/v4/config", "output": "sanitized_config.json", "indent": 4},
    {
        "name": "plugins",
        "path": "/api/v4/plugins",
        "value": "{enabled: active, disabled: inactive}",
        "output": "plugins.json",
        "indent": 4,
    },
    {"name": "client", "path": "/api/v4/config/client?format=old"},
    {"name": "license", "path": "/api/v4/license/client?format=old"},
    {"name": "stats", "path": "/api/v4/analytics/old?name=standard"},
    {"name": "schema", "path": "/api/v4/system/schema/version"},
    {"name": "ping", "path": "/api/v4/system/ping?get_server_status=true&use_rest_semantics=true"},
    *({"name": key, "path": f"/api/v4/jobs/type/{kind}?page=0&per_page=2"} for key, kind in JOBS),
    {
        "name": "packet",
        "output": "support_packet.yaml",
        "format": "YAML",
        "fields": [{"key": key, "value": value} for key, value in PACKET.items()],
    },
]
SETTINGS = {"SqlSettings": {"DriverName": "postgres"}, "FileSettings": {"DriverName": "local"}}
STATS = [
    {"name": name, "value": value}
    for value, name in enumerate(
        STATISTICS,
        10,
    )
]
ANSWERS: dict[str, Any] = {
    "/api/v4/config": SETTINGS,
    "/api/v4/plugins": {"active": [{"id": "jira", "version": "4.1.0"}], "inactive": []},
    "/api/v4/config/client?format=old": {"Version": "9.5.0", "BuildHash": "c0ffee"},
    "/api/v4/license/client?format=old": {
        "IsLicensed": "true",
        "Company": "Acme: Ltd",
        "Users": "25",
        "IsTrial": "false",
    },
    "/api/v4/analytics/old?name=standard": STATS,
    "/api/v4/system/schema/version": [{"version": 9, "name": "a"}, {"version": 117, "name": "c"}, {"version": 42}],
    "/api/v4/system/ping?get_server_status=true&use_rest_semantics=true": {"status": "OK", "filestore_status": "OK"},
    **{f"/api/v4/jobs/type/{kind}?page=0&per_page=2": [] for _, kind in JOBS},
    "/api/v4/jobs/type/ldap_sync?page=0&per_page=2": [{"id": "j1", "status": "success", "data": {"n": "1"}}],
}
YAML = """\
server_os: linux
server_architecture: amd64
server_version: 9.5.0
build_hash: c0ffee
database_type: postgres
database_schema_version: '117'
websocket_connections: 15
master_db_connections: 16
read_db_connections: 17
file_driver: local
file_status: OK
license_to: 'Acme: Ltd'
license_supported_users: 25
license_is_trial: 'false'
active_users: 13
daily_active_users: 18
monthly_active_users: 19
inactive_user_count: 20
total_posts: 12
total_channels: 21
total_teams: 14
data_retention_jobs: []
message_export_jobs: []
elastic_post_indexing_jobs: []
elastic_post_aggregation_jobs: []
bleve_post_indexin_jobs: []
ldap_sync_jobs:
- id: j1
  status: success
  data:
    n: '1'
migration_jobs: []
"""
NODE = {
    "metadata": {"name": "n1"},
    "status": {"nodeInfo": {"operatingSystem": "linux", "architecture": "amd64", "kernelVersion": "6.1"}},
}
CLUSTER = ClusterFacts(version={}, nodes=({"metadata": {"name": "other"}, "status": {}}, NODE))


def planned(steps: list[dict[str, Any]], cluster: ClusterFacts | None = CLUSTER) -> Task:
    spec = {"name": "server", "type": "API", "api": {"port": 8065, "steps": steps}}
    context = PlanContext(namespace="apps", pods=(pod(),), now=NOW, cluster=cluster)
    (task,) = COLLECTOR.plan(CollectorSpec.model_validate(spec), context)
    assert isinstance(task, Task), task
    return Task.model_validate_json(task.model_dump_json())


def server(answers: dict[str, Any], **statuses: int) -> FakeCluster:
    """A pod that answers so; other paths are not asked, or fail with these statuses."""
    bodies = {f"http://forwarded{path}": answer for path, answer in answers.items()}
    return FakeCluster(
        bodies={url: [[a if isinstance(a, bytes) else json.dumps(a).encode()]] for url, a in bodies.items()},
        statuses={f"http://forwarded{path}": status for path, status in statuses.items()},
    )


async def test_a_support_packet_is_put_together_of_fourteen_answers(sink: FakeSink) -> None:
    await run(COLLECTOR, planned(MATTERMOST), server(ANSWERS), sink)
    assert not sink.gaps
    files = {path.removeprefix("pods/web-0/api/"): found for path, found in sink.files.items()}
    assert sorted(files) == ["plugins.json", "sanitized_config.json", "support_packet.yaml"]
    assert files["support_packet.yaml"].data.decode() == YAML
    assert files["sanitized_config.json"].data.decode() == json.dumps(SETTINGS, indent=4) + "\n"
    assert json.loads(files["plugins.json"].data) == {"enabled": [{"id": "jira", "version": "4.1.0"}], "disabled": []}
    without = "database_version, cluster_id, ldap_vendor_name, ldap_vendor_version, elastic_server_version"
    left_out = f"{without}, elastic_server_plugins"
    assert files["support_packet.yaml"].notes == {"step": "packet", "leftOut": left_out}


async def test_what_one_answer_would_tell_is_all_that_the_packet_lacks_without_it(sink: FakeSink) -> None:
    cluster = server(ANSWERS, **{"/api/v4/analytics/old?name=standard": 501, "/api/v4/plugins": 501})
    await run(COLLECTOR, planned(MATTERMOST, cluster=None), cluster, sink)
    lines = sink.files["pods/web-0/api/support_packet.yaml"].data.decode().splitlines()
    lost = ("server_os", "server_architecture", "websocket", "master_db", "read_db", "active", "daily", "monthly")
    lost += ("inactive", "total_")
    assert lines == [line for line in YAML.splitlines() if not line.startswith(lost)]
    assert [(gap.reason, gap.message.split(":")[0]) for gap in sink.gaps] == [
        ("HTTP501", "plugins (plugins.json)"),
        ("HTTP501", "stats"),
    ]


LINES = (
    "[].join(`\"\\t\"`, [created_at, join('', ['[', log_level, ']']), join('', ['[', log_source, ']']), stage, output])"
)
CODER = [
    {
        "name": "workspace",
        "path": "/api/v2/users/ann/workspace/dev",
        "output": "workspace/workspace.json",
        "missing": "Null",
        "indent": 4,
    },
    {
        "name": "build_logs",
        "path": "/api/v2/workspacebuilds/{workspace.latest_build.id}/logs",
        "value": LINES,
        "format": "Text",
        "output": "workspace/build_logs.txt",
        "missing": "Empty",
    },
    {
        "name": "parameters",
        "path": "/api/v2/workspacebuilds/{workspace.latest_build.id}/parameters",
        "output": "workspace/parameters.json",
        "missing": "Null",
    },
    {
        "name": "template",
        "path": "/api/v2/templates/{workspace.template_id}",
        "output": "workspace/template.json",
        "missing": "Null",
    },
    {
        "name": "version",
        "path": "/api/v2/templateversions/{template.active_version_id}",
        "output": "workspace/template_version.json",
        "missing": "Null",
    },
    {
        "name": "source",
        "path": "/api/v2/files/{version.job.file_id}?format=zip",
        "output": "workspace/template_file.zip",
        "missing": "Empty",
    },
    {"name": "agent", "value": "workspace.latest_build.resources[].agents[] | [0]"},
    {
        "name": "startup",
        "path": "/api/v2/workspaceagents/{agent.id}/logs",
        "value": "[].join(' ', [created_at, join('', ['[', level, ']']), output])",
        "format": "Text",
        "output": "agent/startup_logs.txt",
        "missing": "Empty",
    },
    {"name": "health", "path": "/api/v2/debug/health", "output": "deployment/health.json", "missing": "Null"},
    {"name": "netcheck", "value": "health.derp", "output": "network/netcheck.json", "missing": "Null"},
]
WORKSPACE = {
    "name": "dev",
    "template_id": "t/1 ?",
    "latest_build": {"id": "b1", "resources": [{"agents": None}, {"agents": [{"id": "a1"}, {"id": "a2"}]}]},
}
BUILD_LOGS = [
    {"created_at": "T1", "log_level": "info", "log_source": "provisioner", "stage": "Plan", "output": "fine\tly"},
    {"created_at": "T2", "log_level": "warn", "log_source": "provisioner", "stage": "", "output": ""},
]
DEPLOYMENT: dict[str, Any] = {
    "/api/v2/users/ann/workspace/dev": WORKSPACE,
    "/api/v2/workspacebuilds/b1/logs": BUILD_LOGS,
    "/api/v2/workspacebuilds/b1/parameters": b'[ {"name":"cpu","value":"4"} ]',
    "/api/v2/templates/t%2F1%20%3F": {"id": "t/1 ?", "active_version_id": "v9"},
    "/api/v2/templateversions/v9": {"id": "v9", "job": {"file_id": "f-7"}},
    "/api/v2/files/f-7?format=zip": b"PK\x03\x04not text",
    "/api/v2/workspaceagents/a1/logs": [{"created_at": "T1", "level": "info", "output": "ready"}],
    "/api/v2/debug/health": {"healthy": True, "derp": {"healthy": True}},
}


def written(sink: FakeSink) -> dict[str, bytes]:
    return with_constants(sink, planned(CODER), "pods/web-0/api/")


async def test_a_chain_of_requests_follows_the_ids_of_the_answers(sink: FakeSink) -> None:
    await run(COLLECTOR, planned(CODER), server(DEPLOYMENT), sink)
    assert not sink.gaps
    assert written(sink) == {
        "workspace/workspace.json": json.dumps(WORKSPACE, indent=4).encode() + b"\n",
        "workspace/build_logs.txt": b"T1\t[info]\t[provisioner]\tPlan\tfine\tly\nT2\t[warn]\t[provisioner]\t\t\n",
        "workspace/parameters.json": b'[ {"name":"cpu","value":"4"} ]',
        "workspace/template.json": b'{"id": "t/1 ?", "active_version_id": "v9"}',
        "workspace/template_version.json": b'{"id": "v9", "job": {"file_id": "f-7"}}',
        "workspace/template_file.zip": b"PK\x03\x04not text",
        "agent/startup_logs.txt": b"T1 [info] ready\n",
        "deployment/health.json": b'{"healthy": true, "derp": {"healthy": true}}',
        "network/netcheck.json": b'{"healthy":true}\n',
    }


async def test_the_set_of_files_stays_the_same_when_the_chain_breaks_at_its_first_link(sink: FakeSink) -> None:
    cluster = server(DEPLOYMENT, **{"/api/v2/users/ann/workspace/dev": 404})
    await run(COLLECTOR, planned(CODER), cluster, sink)
    empty = {"workspace/build_logs.txt", "workspace/template_file.zip", "agent/startup_logs.txt"}
    null = {f"workspace/{name}.json" for name in ("workspace", "parameters", "template", "template_version")}
    assert {path for path, data in written(sink).items() if data == b""} == empty
    assert {path for path, data in written(sink).items() if data == b"null\n"} == null
    assert [gap.reason for gap in sink.gaps] == ["HTTP404", *["StepFailed"] * 7]
    messages = [gap.message for gap in sink.gaps]
    assert messages[1].startswith("build_logs (workspace/build_logs.txt): It needs step workspace, which failed.")
    assert messages[4].startswith("version (workspace/template_version.json): It needs step template, which failed.")


def test_a_products_own_layout_keeps_the_folders_of_the_steps() -> None:
    task = planned(CODER).model_copy(update={"path": "{file}"})
    places = {task.place(claim) for claim in task.claims}
    assert places == {str(step["output"]) for step in CODER if "output" in step}
