"""A bundle in a product's own layout, from the plan through real collectors to the zip."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support.build import NOW
from support.collecting import FakeCluster
from support.memory import MemoryStore
from support.packing import zipped
from support.universe import ARTIFACT, KEY, STAGING, Universe
from supportbundle.collector.inputs import Mounts
from supportbundle.collector.logbook import Logbook
from supportbundle.collector.main import reporting_run
from supportbundle.model import names
from supportbundle.model.bundle import parse_bundle
from supportbundle.model.delivery import Delivery
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.model.plan import Plan
from supportbundle.reconcile import paths
from supportbundle.reconcile.assemble import assemble
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.loop import Reconciler

BUNDLE = paths.bundle("team", "incident")
NAME = f"acme-support-{int(NOW.timestamp())}.zip"
SPEC: dict[str, Any] = {
    "target": {"selector": {"matchLabels": {"app": "web"}}},
    "capabilities": ["HTTP"],
    "archive": {
        "fileName": "acme-support-{timestamp}.zip",
        "warnings": "errors.txt",
        "collectorLog": "cli_logs.txt",
        "requestLog": "logs.txt",
    },
    "collectors": [
        {
            "name": "config",
            "type": "HTTP",
            "path": "{pod/}config.json",
            "missing": "Null",
            "fallbackFor": "native",
            "http": {"port": 8065, "path": "/config"},
        },
        {
            "name": "native",
            "type": "HTTP",
            "path": "{pod/}{file}",
            "http": {"port": 8065, "path": "/packet", "unwrap": True},
        },
        {
            "name": "stats",
            "type": "HTTP",
            "path": "stats.json",
            "missing": "Null",
            "http": {"port": 8065, "path": "/stats?token=s3cr3t-value-9", "pods": "One"},
        },
    ],
}
STEPS: dict[str, Any] = {
    "name": "native",
    "type": "API",
    "path": "{pod/}{file}",
    "api": {"port": 8065, "pods": "All", "steps": [{"name": "packet", "path": "/packet", "unwrap": True}]},
}
BY_STEP: dict[str, Any] = SPEC | {
    "collectors": [SPEC["collectors"][0] | {"fallbackFor": "native/packet"}, STEPS, SPEC["collectors"][2]]
}
"""The same zip, asked for by a step."""

PACKET = {
    "config.json": b'{"password": "hunter2-hunter2"}',
    "node/a.log": b"line\n",
    "warning.txt": b"one plugin failed\n",
}
ANSWERS = {
    "http://web-1/packet": (403, b"no licence"),
    "http://web-2/packet": (200, zipped(PACKET)),
    "http://web-1/config": (200, b'{"from": "api"}'),
    "http://web-1/stats?token=s3cr3t-value-9": (404, b"gone"),
}


class Pods(FakeCluster):
    """Each pod is a host of its own."""

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        async with super().forward(namespace, pod, port):
            yield f"http://{pod}"


@dataclass
class Collecting(Universe):
    """Whose collectors are the real ones; `staged` is what the staging store held when they had ended."""

    staged: dict[str, bytes] = field(default_factory=dict)

    def run_collectors(self) -> None:
        super().run_collectors()
        if names.fragment_key(STAGING, 0) in self.store.data:
            self.staged = dict(self.store.data)

    def _fragment(self, plan: Plan, shard: int) -> bytes:
        file = self.scratch / f"{shard}"
        thread = Thread(target=lambda: asyncio.run(collect(plan, shard, file)))
        thread.start()
        thread.join()
        return file.read_bytes()


async def collect(plan: Plan, shard: int, file: Path) -> None:
    """What the Job's pod does, without storing it."""
    statuses = {url: status for url, (status, _) in ANSWERS.items()}
    cluster = Pods(bodies={url: [[body]] for url, (_, body) in ANSWERS.items()}, statuses=statuses)
    mounts, book = Mounts(file.parent, file.parent, file.parent), Logbook()
    logging.getLogger("supportbundle").addHandler(book)
    async with reporting_run(plan, plan.shards[shard], cluster, mounts, file, book) as run:
        await run.run(30)
    logging.getLogger("supportbundle").removeHandler(book)


@pytest.fixture(params=[SPEC, BY_STEP], ids=["collector", "step"])
def acme(universe: Universe, request: pytest.FixtureRequest) -> Collecting:
    universe.api.objects[BUNDLE]["spec"] = request.param
    return Collecting(universe.api, universe.store, universe.scratch, universe.pool)


def status(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE].get("status", {})
    return found


async def until(universe: Universe, reason: str) -> None:
    reconciler = Reconciler(universe.process())
    for _ in range(15):
        await reconciler.run(KEY)
        if next(c for c in status(universe)["conditions"] if c["type"] == "Ready")["reason"] == reason:
            return
        universe.run_collectors()
    raise AssertionError(status(universe))


def content(universe: Universe) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(universe.store.data[ARTIFACT])) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


async def test_the_zip_is_laid_out_as_the_product_does_it(acme: Universe) -> None:
    await until(acme, "PartiallyCollected")
    found = content(acme)
    assert sorted(found) == [
        "cli_logs.txt",
        "errors.txt",
        "logs.txt",
        "manifest.json",
        "redactions.json",
        "stats.json",
        "web-1/config.json",
        "web-2/config.json",
        "web-2/node/a.log",
        "web-2/warning.txt",
    ]
    assert found["web-1/config.json"] == b'{"from": "api"}'
    assert b"hunter2" not in found["web-2/config.json"]
    assert found["stats.json"] == b"null\n"


async def test_only_what_nothing_stands_in_for_makes_it_partial(acme: Universe) -> None:
    await until(acme, "PartiallyCollected")
    assert [(w["collector"], w["reason"]) for w in status(acme)["warnings"]] == [("stats", "HTTP404")]
    manifest = json.loads(content(acme)["manifest.json"])
    (fallback,) = manifest["fallbacks"]
    assert (fallback["collector"], fallback["target"], fallback["by"]) == ("native", "web-1", "config")
    warnings = content(acme)["errors.txt"].decode().splitlines()
    assert [line.split(": ")[1] for line in warnings] == ["stats", "native"]
    assert warnings[1].endswith("(collector config stands in for it)")


async def test_the_request_log_tells_every_request_without_secrets(acme: Universe) -> None:
    await until(acme, "PartiallyCollected")
    lines = content(acme)["logs.txt"].decode().splitlines()
    told = sorted(line.split(" ", 1)[1].rpartition(" B ")[0] for line in lines)
    assert told == [
        "GET http://web-1:8065/config 200 15",
        "GET http://web-1:8065/packet 403 10",
        "GET http://web-1:8065/stats?token=<redacted> 404 4",
        f"GET http://web-2:8065/packet 200 {len(zipped(PACKET))}",
    ]


async def test_a_download_bears_the_products_name_and_the_key_stays(acme: Universe) -> None:
    await until(acme, "PartiallyCollected")
    artifact = status(acme)["artifact"]
    assert (artifact["fileName"], artifact["key"]) == (NAME, ARTIFACT)
    assert acme.store.file_names[ARTIFACT] == NAME


async def test_a_second_assembly_makes_the_same_bytes(acme: Collecting) -> None:
    await until(acme, "PartiallyCollected")
    first = acme.store.data.pop(ARTIFACT)
    acme.store.data |= acme.staged
    plan = read_plan(acme.store.data[names.plan_key(STAGING)])
    bundle = parse_bundle(acme.api.objects[BUNDLE])
    await assemble(bundle, plan, await acme.stores.place("default"), acme.process())
    assert acme.store.data[ARTIFACT] == first


async def test_a_delivery_carries_the_name_and_says_when_it_is_encrypted(universe: Universe) -> None:
    theirs = MemoryStore(universe.store.fuse, beside=universe.store)
    spec = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="theirs", prefix="in/", external=True))
    universe.api.objects[BUNDLE]["spec"] = SPEC | {
        "encryption": {"recipients": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]}
    }
    away = Collecting(universe.api, universe.store, universe.scratch, universe.pool, spec=spec, outside=theirs)
    await until(away, "Delivering")
    assert status(away)["staged"]["fileName"] == NAME
    secret = paths.named("secrets", "system", names.delivery_name(KEY.uid))
    sent = Delivery.model_validate_json(base64.b64decode(universe.api.objects[secret]["data"]["delivery.json"]))
    assert sent.file_name == f"{NAME}.age"
