"""A shipped template run whole, without a cluster: real plan, collectors, sanitizer and zip; servers on loopback.

    chat = StandIn("chat-0", {"app": "mattermost"}, ports={8065: server.ports["api"]}, log=server.root / "output")
    found = collected("mattermost", [chat], tmp_path, parameters={"variant": "v9"}, secrets={"token": {"token": "…"}})

Only what the Kubernetes API would give is made up: pods, their logs, programs in them, nodes and Secrets. A pod's port
that is in no `ports` is one on which nothing listens.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from typing import Any, cast

import aiohttp
import yaml

from support.build import NOW
from support.universe import ARTIFACT, CONFIG, KEY, Universe, small_world
from supportbundle.collect.base import ClusterReader
from supportbundle.collector.inputs import Mounts
from supportbundle.collector.logbook import Logbook
from supportbundle.collector.main import reporting_run
from supportbundle.errors import NotFound, SupportBundleError, Unavailable
from supportbundle.kube.exchange import exchange, pod_session, pod_url
from supportbundle.kube.exec import CommandNotFound
from supportbundle.model.capability import Capability
from supportbundle.model.exchange import Channel, PodAnswer, PodCommand, PodRequest
from supportbundle.model.plan import Plan
from supportbundle.model.status import Phase
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck

TEMPLATES = Path(__file__).parents[2] / "helm/supportbundle-operator/files/templates"
NAMESPACE = KEY.namespace
NODE: dict[str, Any] = {
    "metadata": {"name": "node-1", "uid": "node-1"},
    "status": {"nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"}},
}
SECONDS = 60.0
_STEPS = 30
_CHECK = RuleCheck()
"""One for all runs: the rules of a template hold in the next one too."""
_GONE = NotFound("The pod is gone.")


@dataclass(frozen=True)
class Program:
    """What runs here for a program in a container."""

    file: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StandIn:
    """A running pod with one container, and what is behind it here: its ports by number, its log, its programs by path.

    `spec` is added to the pod's, `container` is the container's; what these refer to in Secrets becomes known.
    """

    name: str
    labels: Mapping[str, str]
    ports: Mapping[int, int] = field(default_factory=dict)
    log: Path | None = None
    programs: Mapping[str, Program] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=lambda: {"name": "app"})
    spec: Mapping[str, Any] = field(default_factory=dict)
    phase: str = "Running"

    @property
    def pod(self) -> dict[str, Any]:
        """As the API server has it."""
        state: dict[str, Any] = {"running": {}} if self.phase == "Running" else {"waiting": {"reason": "Pending"}}
        ready = "True" if self.phase == "Running" else "False"
        return {
            "metadata": {"name": self.name, "uid": self.name, "namespace": NAMESPACE, "labels": dict(self.labels)},
            "spec": {"nodeName": NODE["metadata"]["name"], **self.spec, "containers": [dict(self.container)]},
            "status": {
                "phase": self.phase,
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": self.container["name"], "state": state, "restartCount": 0}],
            },
        }


@dataclass(frozen=True)
class Found:
    """What came of it: the zip's files, and the bundle's status."""

    files: Mapping[str, bytes]
    status: Mapping[str, Any]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Of the zip."""
        read: dict[str, Any] = json.loads(self.files["manifest.json"])
        return read

    @property
    def names(self) -> set[str]:
        """The files beside the operator's own reports."""
        return set(self.files) - {"manifest.json", "redactions.json", "collector.log"}

    @property
    def warnings(self) -> list[tuple[str, str, str]]:
        """Collector, target and reason of each gap in the status."""
        return [(gap.get("collector", ""), gap.get("target", ""), gap["reason"]) for gap in self.status["warnings"]]

    @property
    def file_name(self) -> str:
        """What a download is called."""
        return str(self.status["artifact"]["fileName"])


def shipped(name: str) -> dict[str, Any]:
    """The template as the chart has it."""
    read: dict[str, Any] = yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8"))
    return read


def collected(
    template: str | Mapping[str, Any],
    pods: Sequence[StandIn],
    scratch: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    known: Mapping[str, Mapping[str, str]] | None = None,
    objects: Mapping[str, Mapping[str, Any]] | None = None,
    **spec: Any,
) -> Found:
    """A bundle of the shipped template, run to its end in the namespace `team`.

    Args:
        template: its name, or another one as it is applied.
        pods: all of the namespace.
        scratch: where this run gets a folder of its own.
        parameters: of the template.
        secrets: by the template's names for them, each with its keys.
        known: further Secrets of the namespace by name, to which pods may refer.
        objects: further objects of the API server by path.
        spec: further fields of the bundle; its capabilities are the template's.
    """
    manifest = shipped(template) if isinstance(template, str) else dict(template)
    called = manifest["metadata"]["name"]
    given = {f"given-{name.lower()}": values for name, values in (secrets or {}).items()}
    reference = {
        "name": called,
        "parameters": dict(parameters or {}),
        "secrets": {name: {"name": f"given-{name.lower()}"} for name in secrets or {}},
    }
    folder = Path(mkdtemp(dir=scratch))
    universe = _universe(folder, {stand_in.name: stand_in for stand_in in pods}, {**(known or {}), **given})
    api = universe.api
    for name in ("web-1", "web-2"):
        del api.objects[paths.named("pods", NAMESPACE, name)]
    for stand_in in pods:
        api.put(paths.named("pods", NAMESPACE, stand_in.name), stand_in.pod)
    api.put("/api/v1/nodes/node-1", dict(NODE))
    for path, obj in (objects or {}).items():
        api.put(path, dict(obj))
    api.put(paths.template(called), manifest)
    api.objects[paths.bundle(NAMESPACE, KEY.name)]["spec"] = {
        "capabilities": manifest["spec"]["capabilities"],
        "templateRef": reference,
        **spec,
    }
    return asyncio.run(_until_ended(universe))


def _universe(scratch: Path, pods: Mapping[str, StandIn], secrets: Mapping[str, Mapping[str, str]]) -> _Universe:
    small = small_world(scratch)
    config = CONFIG.model_copy(update={"cluster_info": True, "enabled_capabilities": tuple(Capability)})
    for name, values in secrets.items():
        folder = scratch / "known" / name
        folder.mkdir(parents=True)
        for key, value in values.items():
            (folder / key).write_text(value, encoding="utf-8")
    (scratch / "known").mkdir(exist_ok=True)
    return _Universe(small.api, small.store, scratch, ThreadPoolExecutor(1), config, pods=pods)


async def _until_ended(universe: _Universe) -> Found:
    """Steps of the operator, and what its Jobs' pods do meanwhile."""
    reconciler = Reconciler(replace(universe.process(), check_rules=_CHECK))
    for _ in range(_STEPS):
        await reconciler.run(KEY)
        status = universe.api.objects[paths.bundle(NAMESPACE, KEY.name)].get("status", {})
        if status["phase"] == Phase.READY:
            with zipfile.ZipFile(io.BytesIO(universe.store.data[ARTIFACT])) as archive:
                assert archive.testzip() is None
                return Found({info.filename: archive.read(info) for info in archive.infolist()}, status)
        if status["phase"] == Phase.FAILED:
            break
        universe.run_collectors()
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    raise AssertionError(f"{status['phase']}: {ready['reason']}: {ready['message']} {status['warnings']}")


@dataclass
class _Universe(Universe):
    """Whose collectors are the real ones."""

    pods: Mapping[str, StandIn] = field(default_factory=dict)

    def _fragment(self, plan: Plan, shard: int) -> bytes:
        file = self.scratch / f"fragment-{shard}"
        failed: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._collect(plan, shard, file))
            except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
                failed.append(error)

        thread = Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return file.read_bytes()

    async def _collect(self, plan: Plan, shard: int, file: Path) -> None:
        """What the Job's pod does, without storing it."""
        mounts, book = Mounts(self.scratch, self.scratch / "known", self.scratch), Logbook()
        logger = logging.getLogger("supportbundle")
        logger.addHandler(book)
        try:
            async with pod_session() as session:
                cluster = cast("ClusterReader", _Cluster(self, session))
                async with reporting_run(plan, plan.shards[shard], cluster, mounts, file, book) as run:
                    await run.run(SECONDS)
        finally:
            logger.removeHandler(book)


class _Cluster:
    """A `ClusterReader`: objects of the API in memory, and pods that are processes here."""

    def __init__(self, universe: _Universe, session: aiohttp.ClientSession) -> None:
        self._pods = universe.pods
        self._session = session
        self._nobody: dict[str, Unavailable] = {}
        self.get = universe.api.get
        self.items = universe.api.items

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, idle_seconds: float = 30
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A pod's log, whole or its last lines."""
        assert idle_seconds > 0
        *_, name, subresource = path.split("/")
        assert subresource == "log", path
        log = self._stand_in(name).log
        lines = log.read_bytes().splitlines(keepends=True) if log else []

        async def chunks() -> AsyncIterator[bytes]:
            yield b"".join(lines[-int((params or {}).get("tailLines", len(lines) or 1)) :])

        yield chunks()

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        """To the process behind the port; one on which nobody listens says so when it is asked."""
        assert namespace == NAMESPACE
        here = self._stand_in(pod).ports.get(port)
        if here is None:
            self._nobody[f"{pod}.{port}"] = Unavailable(
                f"Nothing listens on port {port} in pod {pod}.",
                "Check the collector's `port`, and that the program opens it.",
            )
        yield f"http://127.0.0.1:{here}" if here else f"http://{pod}.{port}"

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        """One exchange with a process here."""
        url = pod_url(request.url)
        if failure := self._nobody.get(url.host or ""):
            raise failure
        async with exchange(self._session, request, url, lambda: None, request.ready) as answer:
            yield answer

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[_Execution]:
        """A program of those that stand for the pod's."""
        program = self._stand_in(command.pod).programs.get(command.command[0])
        yield await _Execution.of(program, command)

    def _stand_in(self, name: str) -> StandIn:
        if name not in self._pods:
            raise _GONE
        return self._pods[name]


@dataclass
class _Execution:
    """A program that has ended, or is not there."""

    outputs: tuple[bytes, bytes] = (b"", b"")
    exit_code: int = 0
    failure: SupportBundleError | None = None

    @classmethod
    async def of(cls, program: Program | None, command: PodCommand) -> _Execution:
        if program is None:
            where = f"container {command.container} of pod {command.pod}"
            return cls(failure=CommandNotFound(f"The {where} has no program {command.command[0]!r}."))
        running = await asyncio.create_subprocess_exec(
            program.file, *command.command[1:], env=dict(program.env), stdin=-1, stdout=-1, stderr=-1
        )
        outputs = await running.communicate(command.stdin)
        return cls(outputs, running.returncode or 0)

    async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        if self.failure:
            raise self.failure
        for channel, data in zip((Channel.STDOUT, Channel.STDERR), self.outputs, strict=True):
            if data:
                yield channel, data


__all__ = ["NAMESPACE", "NOW", "Found", "Program", "StandIn", "collected", "shipped"]
