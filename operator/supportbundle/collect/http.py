"""One HTTP request to a port of each target pod, or to a Service of the namespace; the answer is kept byte for byte."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

from supportbundle.collect.base import Collector, Output, PodRequest, RunContext, ok
from supportbundle.collect.ports import (
    NEEDS,
    Clock,
    PodGone,
    PodPort,
    choose,
    credentials,
    download,
    header_problem,
    pod_url,
    request_headers,
    trust,
    unreachable,
)
from supportbundle.collect.services import SERVICE_NEEDS, Behind, answering
from supportbundle.collect.unwrap import unwrap
from supportbundle.errors import NotFound
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import HTTPMethod, HTTPOptions, Via
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_BODY = 256 << 10
_SETUP_SECONDS = 30
"""What resolving a Service and opening a port may take besides the request's own time."""


class HTTPParams(Value):
    """One request: to `pod`, or to the options' Service, of which the pods `behind` it may answer.

    `file` is where the answer goes; a folder for the members of a zip.
    """

    options: HTTPOptions
    file: str
    pod: PodPort | None = None
    behind: Behind = Behind(pods=(), on_node=())


class HTTPCollector:
    """`pods/<pod>/http/<output>`, one task for each pod; or `services/<service>/http/<output>`."""

    type: ClassVar[CollectorType] = CollectorType.HTTP
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {Capability.HTTP: (*NEEDS, *SERVICE_NEEDS)}
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("pods/<pod>/http/<output>", "The body of a pod's answer, whatever its status.", "maxBytes"),
        Output("services/<service>/http/<output>", "The body of a Service's answer.", "maxBytes"),
        Output("pods/<pod>/http/<output>/<name>", "With `unwrap`: a file of the zip that was answered.", "maxBytes"),
    )

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.HTTP})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each running pod, or one for the Service; nothing without targets."""
        options = spec.http
        problem = "An HTTP collector needs `http.port`." if options is None else _contradiction(options)
        if options is None or problem:
            yield Gap.say("Invalid", problem or "", collector=spec.name)
        elif options.service:
            if context.pods:
                yield _service_task(spec.name, options, context)
        else:
            for pod in choose(context.pods, options.pods, spec.name):
                if isinstance(pod, Gap):
                    yield pod
                else:
                    yield unreachable(pod, options.via, spec.name) or _pod_task(spec.name, options, pod)

    async def run(self, task: Task, context: RunContext) -> None:
        """Ask once, and keep what comes."""
        params = HTTPParams.model_validate(task.params)
        options = params.options
        headers = request_headers(options.headers, options.headers_from, context.secrets)
        server_name = f"{options.service}.{context.namespace}.svc" if params.pod is None else params.pod.ip
        tls = trust(options.tls, context.secrets, server_name=server_name)
        pod = params.pod or await answering(str(options.service), options.port, params.behind, context)
        try:
            async with pod_url(pod, context, secure=tls is not None) as base:
                request = PodRequest(
                    url=base + options.path,
                    method=options.method.value,
                    headers=headers,
                    body=options.body.encode(),
                    timeout_seconds=options.timeout.total_seconds(),
                    tls=tls,
                )
                if options.unwrap:
                    async with context.cluster.request(request) as answer:
                        body = await ok(answer, f"{request.method} {options.path.partition('?')[0]}")
                        await unwrap(body, params.file, task, context, limit=options.max_bytes)
                else:
                    await download(request, params.file, task, context, limit=options.max_bytes, clock=self._clock)
        except PodGone:
            raise
        except NotFound as error:
            message = f"The pod was deleted meanwhile. {error}"
            context.sink.gap(Gap.say("PodGone", message, target=task.target, collector=task.collector))


def _contradiction(options: HTTPOptions) -> str | None:
    if problem := header_problem(options.headers, options.headers_from):
        return problem
    if options.body and options.method != HTTPMethod.POST:
        return "A body needs `method: POST`."
    if options.service and options.via == Via.POD_IP:
        return "A Service is always reached by port-forward to one of its pods. Leave out `via`."
    return None


def _pod_task(collector: str, options: HTTPOptions, pod: PodFacts) -> Task:
    file = _file(f"pods/{pod.name}", collector, options)
    params = HTTPParams(options=options, file=file, pod=PodPort.of(pod, options.port, options.via))
    return _task(collector, pod.name, params, secret_names(pod), node=pod.node)


def _service_task(collector: str, options: HTTPOptions, context: PlanContext) -> Task:
    """Which of the targets will answer is not known yet, so the Secrets of all are."""
    file = _file(f"services/{options.service}", collector, options)
    params = HTTPParams(options=options, file=file, behind=Behind.of(context.pods))
    return _task(collector, f"service/{options.service}", params, secret_names(*context.pods))


def _file(owner: str, collector: str, options: HTTPOptions) -> str:
    """One file; or the folder for those of a zip."""
    return f"{owner}/http/{options.output or collector}{'/' if options.unwrap else ''}"


def _task(collector: str, target: str, params: HTTPParams, secrets: tuple[str, ...], *, node: str = "") -> Task:
    options = params.options
    return Task(
        id=f"{collector}/{target}",
        collector=collector,
        type=CollectorType.HTTP,
        target=target,
        params=dump(params),
        secrets=secrets,
        credentials=credentials(options.headers_from, options.tls),
        claims=(params.file,),
        folder=params.file if options.unwrap else "",
        node=node,
        timeout_seconds=_SETUP_SECONDS + int(options.timeout.total_seconds()),
        estimate=options.max_bytes if options.unwrap else min(options.max_bytes, USUAL_BODY),
    )


COLLECTOR: Collector = HTTPCollector()
