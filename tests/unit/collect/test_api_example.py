"""The example of docs for API collectors does what its comments say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from support.collecting import FakeCluster, FakeSecrets, FakeSink, plan, pod, run
from supportbundle.collect.api import COLLECTOR
from supportbundle.model.spec import SupportBundleSpec

EXAMPLE = Path(__file__).parents[3] / "docs/examples/api.yaml"
HERE = "pods/web-0/api/"
ANSWERS: dict[str, Any] = {
    "settings": {"cluster": {"enabled": True}},
    "about": {"version": "3.1", "license": {"company": "Acme", "seats": "50"}, "lastJob": {"id": "j/7"}},
    "stats?of=all": [{"name": "users", "value": 3}, {"name": "items", "value": 1200}],
    "plugins": [{"id": "scan", "active": True}, {"id": "mail", "active": False}],
    "jobs/j%2F7/log": [{"at": "10:00", "level": "info", "message": "done"}, {"at": "10:01", "level": "warn"}],
    "shards": "none",
    "log": "old",
}


async def collected(sink: FakeSink, **statuses: int) -> dict[str, str]:
    spec = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["spec"]
    assert SupportBundleSpec.model_validate(spec).uses_secrets
    (collector,) = spec["collectors"]
    (task,), gaps = plan(COLLECTOR, {key: collector[key] for key in ("type", "api")}, pod())
    assert not gaps
    base = "http://forwarded/api"
    cluster = FakeCluster(
        bodies={f"{base}/{path}": [[json.dumps(answer).encode()]] for path, answer in ANSWERS.items()},
        statuses={f"{base}/{path}": status for path, status in statuses.items()},
    )
    await run(COLLECTOR, task, cluster, sink, secrets=FakeSecrets({"inventory-admin": {"token": b"t"}}))
    return {path.removeprefix(HERE): found.data.decode() for path, found in sink.files.items()}


async def test_every_step_writes_its_file(sink: FakeSink) -> None:
    assert await collected(sink) == {
        "settings.json": '{"cluster": {"enabled": true}}',
        "plugins.json": '{\n    "enabled": [\n        "scan"\n    ],\n    "disabled": [\n        "mail"\n    ]\n}\n',
        "jobs/last.log": "10:00 info done\n10:01 warn \n",
        "shards.json": '"none"',
        "summary.yaml": "version: '3.1'\nlicense:\n  company: Acme\n  seats: 50\nitems: 1200\npod:\n  name: web-0\n",
    }
    assert not sink.gaps
    assert sink.files[f"{HERE}summary.yaml"].notes == {"step": "summary", "leftOut": "pod.architecture"}


async def test_an_older_server_without_shards_costs_nothing(sink: FakeSink) -> None:
    found = await collected(sink, shards=404, **{"jobs/j%2F7/log": 404})
    assert found["jobs/last.log"] == '"old"'
    assert "shards.json" not in found
    assert not sink.gaps
