"""Documents that an API collector puts together pass the sanitizer like anything that was only read."""

from __future__ import annotations

import json
import zlib
from typing import Any

import yaml

from support.collecting import FakeCluster, FakeSecrets, plan, pod
from support.sink import SECRET, Bench
from supportbundle.collect.api import COLLECTOR
from supportbundle.collect.base import RunContext
from supportbundle.model.plan import Task

ANSWERS: dict[str, Any] = {
    "config": {
        "Sql": {"DataSource": f"postgres://mm:{SECRET.decode()}@db/mm", "Password": "unknown-to-us-93"},
        "Known": SECRET.decode(),
    },
    "jobs": [{"id": "j1", "error": f"login with {SECRET.decode()} failed"}],
    SECRET.decode(): f"there is no {SECRET.decode()}",
}
STEPS = [
    {"name": "config", "path": "/config", "output": "config.json", "indent": 4},
    {"name": "jobs", "path": "/jobs", "value": "[].join(': ', [id, error])", "format": "Text", "output": "jobs.txt"},
    {
        "name": "packet",
        "output": "packet.yaml",
        "format": "YAML",
        "fields": [
            {"key": "database", "value": "config.Sql.DataSource"},
            {"key": "sql", "value": "config.Sql"},
        ],
    },
    {"name": "gone", "path": "/{config.Sql.Gone}", "output": "gone.json", "missing": "Null"},
    {"name": "void", "path": "/{config.Sql.Gone}", "output": "void.txt", "missing": "Empty"},
    {"name": "bad", "path": "/{config.Known}", "output": "bad.json"},
]


def planned() -> Task:
    (task,), gaps = plan(COLLECTOR, {"type": "API", "api": {"port": 80, "steps": STEPS}}, pod())
    assert not gaps
    return task


def contents(bench: Bench) -> dict[str, bytes]:
    """Each file of the fragment, by its name below the collector's folder."""
    data, found = bench.file.read_bytes(), {}
    for entry in bench.index().members:
        record = data[entry.offset : entry.end]
        start = 30 + int.from_bytes(record[26:28], "little") + int.from_bytes(record[28:30], "little")
        deflated = record[start : start + entry.compressed_size]
        found[entry.path.removeprefix("pods/web-0/api/")] = zlib.decompress(deflated, -15) if entry.size else b""
    return found


async def test_what_expressions_make_of_secrets_is_sanitized(bench: Bench) -> None:
    cluster = FakeCluster(
        bodies={f"http://forwarded/{path}": [[json.dumps(answer).encode()]] for path, answer in ANSWERS.items()},
        statuses={f"http://forwarded/{SECRET.decode()}": 404},
    )
    context = RunContext(namespace="apps", cluster=cluster, sink=bench.sink, secrets=FakeSecrets())
    await COLLECTOR.run(planned(), context)
    gaps = bench.sink.gaps
    files = contents(bench)
    assert sorted(files) == ["config.json", "jobs.txt", "packet.yaml"]
    packet = yaml.safe_load(files["packet.yaml"])
    assert packet["database"].startswith("postgres://")
    assert packet["database"].endswith("@db/mm")
    assert files["jobs.txt"].startswith(b"j1: login with ")
    written = b"".join(files.values()) + "".join(gap.message for gap in gaps).encode()
    assert SECRET not in written
    assert b"unknown-to-us-93" not in written
    assert [gap.reason for gap in gaps] == ["NoSource", "NoSource", "HTTP404"]
