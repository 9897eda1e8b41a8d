"""A product's own API as files: a sequence of requests to one port, of whose answers documents are put together.

Each file is one step's. Expressions see answers as they came; what they make is sanitized after, like any other file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ClassVar, TypeVar

from pydantic import JsonValue

from supportbundle.collect.base import Collector, Output, PodAnswer, PodRequest, RunContext, ok
from supportbundle.collect.ports import (
    NEEDS,
    Clock,
    PodPort,
    choose,
    content_type,
    credentials,
    header_problem,
    pod_url,
    redirect_of,
    request_headers,
    trust,
    unreachable,
)
from supportbundle.collect.services import SERVICE_NEEDS, Behind, answering
from supportbundle.collect.steps.facts import facts
from supportbundle.collect.steps.sequence import Answer, Sequence
from supportbundle.errors import HTTPStatus, SupportBundleError
from supportbundle.model.api import APIOptions, Step
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.coherence import incoherent
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext
from supportbundle.plan.steps import ReadStep, read_steps, wrong_with

T = TypeVar("T")
_SETUP_SECONDS = 30
"""What resolving a Service, opening ports and putting documents together may take besides the requests' own time."""

USUAL_FILE = 64 << 10
_HINTS = {
    401: "Check headersFrom: is the token right and still valid?",
    403: "Check what the token of headersFrom may do.",
    404: "Another version of the product may serve another path; fallbackFor and accept are for that.",
    429: "Make a new bundle later.",
}
SHOWN = 5
"""Problems of one collector's steps that are told."""


class APIParams(Value):
    """One sequence: to `pod`, or to the options' Service, of which the pods `behind` it may answer."""

    options: APIOptions
    folder: str
    facts: dict[str, JsonValue]
    pod: PodPort | None = None
    behind: Behind = Behind(pods=(), on_node=())


class APICollector:
    """One task for each pod, by default for one pod; or one for a Service."""

    type: ClassVar[CollectorType] = CollectorType.API
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {Capability.HTTP: (*NEEDS, *SERVICE_NEEDS)}
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("pods/<pod>/api/<output>", "What a step made of a pod's answers.", "maxBytes; 16Mi if made anew"),
        Output("services/<service>/api/<output>", "The same of a Service's answers.", "maxBytes; 16Mi if made anew"),
        Output("pods/<pod>/api/<name>", "With `unwrap`: a file of the zip that a step was answered with.", "maxBytes"),
    )

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        # One thread for all tasks of a process: what expressions make is in memory once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="steps")

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.HTTP})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """Nothing without targets."""
        options = spec.api
        problem = "An API collector needs `api`." if options is None else _problem(spec, options)
        if options is None or problem:
            yield Gap.say("Invalid", problem or "", collector=spec.name)
        elif options.service:
            if context.pods:
                params = APIParams(
                    options=options,
                    folder=f"services/{options.service}/api/",
                    facts=facts(None, context),
                    behind=Behind.of(context.pods),
                )
                yield _task(spec.name, f"service/{options.service}", params, secret_names(*context.pods))
        else:
            for pod in choose(context.pods, options.pods, spec.name):
                if isinstance(pod, Gap):
                    yield pod
                else:
                    yield unreachable(pod, options.via, spec.name) or _pod_task(spec.name, options, pod, context)

    async def run(self, task: Task, context: RunContext) -> None:
        """All steps; each failure of one is its gap."""
        params = APIParams.model_validate(task.params)
        sequence = Sequence(
            steps=read_steps(params.options),
            facts=params.facts,
            think=self._think,
            task=task,
            context=context,
            folder=params.folder,
            limit=params.options.max_bytes,
        )
        try:
            asker = _Asker(params, context, self._clock)
            options = params.options
            pod = params.pod or await answering(str(options.service), options.port, params.behind, context)
        except SupportBundleError as error:
            await sequence.run(error)
        else:
            await sequence.run(partial(asker.ask, pod))

    async def _think(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Asker:
    """Sends the requests of a task: to one port, with the same headers."""

    def __init__(self, params: APIParams, context: RunContext, clock: Clock) -> None:
        options = params.options
        self._options = options
        self._context = context
        self._clock = clock
        self._headers = request_headers(options.headers, options.headers_from, context.secrets)
        server_name = f"{options.service}.{context.namespace}.svc" if params.pod is None else params.pod.ip
        self._tls = trust(options.tls, context.secrets, server_name=server_name)

    @asynccontextmanager
    async def ask(self, pod: PodPort, step: ReadStep, path: str) -> AsyncIterator[Answer]:
        """See `steps.sequence.Ask`."""
        # Each time anew: an address may have passed to another pod since the step before.
        async with pod_url(pod, self._context, secure=self._tls is not None) as base:
            request = PodRequest(
                url=base + path,
                headers=self._headers,
                timeout_seconds=self._options.timeout.total_seconds(),
                tls=self._tls,
            )
            started = self._clock()
            async with self._context.cluster.request(request) as answer:
                notes: dict[str, str | int] = {"status": answer.status}
                if kind := content_type(answer):
                    notes["contentType"] = kind
                notes["firstByteMs"] = round((self._clock() - started) * 1000)
                if answer.status in step.options.accept:
                    yield Answer(None, notes)
                else:
                    yield Answer(await _body(answer, path.partition("?")[0]), notes)


async def _body(answer: PodAnswer, path: str) -> AsyncIterator[bytes]:
    """Raises HTTPStatus, with what to do about it."""
    try:
        return await ok(answer, f"GET {path}")
    except HTTPStatus as error:
        hint = redirect_of(answer) or _HINTS.get(answer.status, "")
        raise HTTPStatus(answer.status, error.cause, hint) from error


def _problem(spec: CollectorSpec, options: APIOptions) -> str | None:
    if problem := header_problem(options.headers, options.headers_from):
        return problem
    found = [*incoherent(spec), *(said for _, said in wrong_with(spec))]
    if not found:
        return None
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{'; '.join(found[:SHOWN])}{more}."


def _pod_task(collector: str, options: APIOptions, pod: PodFacts, context: PlanContext) -> Task:
    params = APIParams(
        options=options,
        folder=f"pods/{pod.name}/api/",
        facts=facts(pod, context),
        pod=PodPort.of(pod, options.port, options.via),
    )
    return _task(collector, pod.name, params, secret_names(pod), node=pod.node)


def _task(collector: str, target: str, params: APIParams, secrets: tuple[str, ...], *, node: str = "") -> Task:
    options = params.options
    outputs = dict.fromkeys(_claim(params.folder, step) for step in options.steps if step.output or step.unwrap)
    zips = sum(step.unwrap for step in options.steps)
    asked = sum(step.path is not None for step in options.steps)
    return Task(
        id=f"{collector}/{target}",
        collector=collector,
        type=CollectorType.API,
        target=target,
        params=dump(params),
        secrets=secrets,
        credentials=credentials(options.headers_from, options.tls),
        claims=tuple(outputs),
        folder=params.folder,
        constants={f"{params.folder}{s.output}": s.missing for s in options.steps if s.output and s.missing},
        node=node,
        timeout_seconds=_SETUP_SECONDS + asked * int(options.timeout.total_seconds()),
        estimate=len(outputs) * min(options.max_bytes, USUAL_FILE) + zips * options.max_bytes,
    )


def _claim(folder: str, step: Step) -> str:
    """One file; or the folder for those of a zip."""
    if not step.unwrap:
        return f"{folder}{step.output}"
    return f"{folder}{step.output}/" if step.output else folder


COLLECTOR: Collector = APICollector()
