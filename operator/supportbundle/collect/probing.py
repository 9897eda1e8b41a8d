"""Which of a pod's declared ports serve Go's pprof: each is asked once, by a GET without any credentials.

The page is recognised by the links of `net/http/pprof`'s index, which have been the same since Go 1.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson

from supportbundle.collect.base import PodAnswer, PodRequest, RunContext
from supportbundle.collect.ports import PodPort, pod_url
from supportbundle.errors import Forbidden, NotFound, SupportBundleError, TooLarge
from supportbundle.model.base import Value
from supportbundle.model.collectors import Via
from supportbundle.model.plan import Task
from supportbundle.model.pod import ContainerKind, PodFacts

MAX_PORTS = 16
"""Declared ports of a pod that are asked, the first ones."""

MAX_FOUND = 4
"""Ports of a pod that are profiled."""

PROBE_SECONDS = 3
FILE = "pods/{pod}/profiles/probe.json"
PPROF = "Pprof"
"""The verdict on a port that answers like pprof."""

_PAGE = 16 << 10
_LIMIT = 64 << 10
_LINKS = (b"goroutine?debug=", b"heap?debug=")


class Candidate(Value):
    """A port that a container declares."""

    container: str
    port: PodPort


def candidates(pod: PodFacts, via: Via) -> tuple[Candidate, ...]:
    """TCP ports of running containers, each once, in the order of the pod."""
    first: dict[int, str] = {}
    for container in pod.containers:
        if container.running and container.kind != ContainerKind.EPHEMERAL:
            for port in container.ports:
                first.setdefault(port, container.name)
    found = (Candidate(container=name, port=PodPort.of(pod, port, via)) for port, name in first.items())
    return tuple(found)


async def probed(ports: tuple[Candidate, ...], path: str, task: Task, context: RunContext) -> tuple[PodPort, ...]:
    """The ports that serve pprof; what each port was found to be stands in the pod's `probe.json`.

    Raises:
        Forbidden: ports of pods may not be reached.
        NotFound: the pod is gone.
    """
    asked = ports[:MAX_PORTS]
    async with asyncio.TaskGroup() as group:
        verdicts = [group.create_task(_verdict(each.port, path, context)) for each in asked]
    results = [verdict.result() for verdict in verdicts]
    for result in results:
        if isinstance(result, (Forbidden, NotFound)):
            raise result
    words = [result if isinstance(result, str) else result.reason for result in results]
    serving = [each.port for each, word in zip(asked, words, strict=True) if word == PPROF]
    report = {
        "path": f"{path}/",
        "ports": list(_lines(asked, words)),
        "notAsked": [each.port.port for each in ports[MAX_PORTS:]],
        "notProfiled": [port.port for port in serving[MAX_FOUND:]],
    }
    await _write(report, task, context)
    return tuple(serving[:MAX_FOUND])


def _lines(asked: tuple[Candidate, ...], words: list[str]) -> Iterator[dict[str, Any]]:
    for each, word in zip(asked, words, strict=True):
        yield {"container": each.container, "port": each.port.port, "pprof": word == PPROF, "answer": word}


async def _verdict(port: PodPort, path: str, context: RunContext) -> str | SupportBundleError:
    """What answers there. A failure is a result: a port that speaks no HTTP is nothing wrong."""
    try:
        async with pod_url(port, context) as base:
            request = PodRequest(f"{base}{path}/", timeout_seconds=PROBE_SECONDS)
            async with context.cluster.request(request) as answer:
                if answer.status not in range(200, 300):
                    return f"HTTP{answer.status}"
                page = await _beginning(answer)
    except SupportBundleError as error:
        return error
    return PPROF if all(link in page for link in _LINKS) else "NotPprof"


async def _beginning(answer: PodAnswer) -> bytes:
    page = b""
    async for chunk in answer.body:
        page += chunk
        if len(page) >= _PAGE:
            break
    return page


async def _write(report: dict[str, Any], task: Task, context: RunContext) -> None:
    path = FILE.format(pod=task.target)
    async with context.sink.member(path, task=task, limit=_LIMIT) as member:
        if not await member.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)):
            raise TooLarge(f"{path} does not fit into what the bundle may hold.", "Raise limits.maxBytes.")
