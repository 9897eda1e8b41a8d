"""One HTTP request to a port of each target pod, or to a Service of the namespace; the answer is kept byte for byte.

A Service is resolved by us and reached through one of its pods, so that no name, proxy or address outside the
namespace is ever asked. Only a target pod may answer: of no other one the Secrets are known, which must not stand in
the answer. Endpoints are read as discovery.k8s.io/v1 writes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from supportbundle.collect.base import Collector, Output, PodRequest, RunContext, ok
from supportbundle.collect.ports import (
    NEEDS,
    ON_NODES_NETWORK,
    Clock,
    PodGone,
    PodPort,
    choose,
    credentials,
    download,
    pod_url,
    refused_header,
    request_headers,
    trust,
    unreachable,
)
from supportbundle.collect.unwrap import unwrap
from supportbundle.errors import Invalid, NotFound, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import HTTPMethod, HTTPOptions, Via
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection, one
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_BODY = 256 << 10
_SETUP_SECONDS = 30
"""What resolving a Service and opening a port may take besides the request's own time."""

Json = Mapping[str, Any]


class ServiceRefused(SupportBundleError):
    """A Service that may lead somewhere else than to a pod of the bundle's namespace."""

    reason = "NotAllowed"


class NoEndpoint(SupportBundleError):
    """A Service that leads nowhere now."""

    reason = "NoReadyEndpoint"


class NotATarget(SupportBundleError):
    """A Service with ready pods of which none is a target."""

    reason = "KnownSecretMissing"


class Behind(Value):
    """The target pods, of which one may answer for a Service, by name; `on_node` those on their node's network."""

    pods: tuple[str, ...]
    on_node: tuple[str, ...]


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
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.HTTP: (
            *NEEDS,
            PolicyRule(api_groups=("",), resources=("services",), verbs=("get",)),
            PolicyRule(api_groups=("discovery.k8s.io",), resources=("endpointslices",), verbs=("list",)),
        )
    }
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
        pod = params.pod or await _resolve(params, context)
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
    names = [header.name for header in options.headers] + [header.name for header in options.headers_from]
    if refused := refused_header(names):
        return f"The header {refused} frames the request and cannot be set. Leave it out."
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
    behind = Behind(
        pods=tuple(pod.name for pod in context.pods if not pod.host_network),
        on_node=tuple(pod.name for pod in context.pods if pod.host_network),
    )
    params = HTTPParams(options=options, file=file, behind=behind)
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


async def _resolve(params: HTTPParams, context: RunContext) -> PodPort:
    """A ready target pod behind the Service, and the port that the Service's port means there.

    Raises:
        NotFound: there is no such Service.
        Invalid: it has no such port.
        ServiceRefused: it may lead out of the namespace, or to a node.
        NoEndpoint: no pod behind it is ready.
        NotATarget: none of those that are ready is a target.
    """
    options = params.options
    name = str(options.service)
    service = await context.cluster.get(one("v1", "services", name, context.namespace))
    port_name = _port_name(service, options.port)
    slices = context.cluster.items(
        collection("discovery.k8s.io/v1", "endpointslices", context.namespace),
        {"labelSelector": f"kubernetes.io/service-name={name}"},
    )
    ready: list[tuple[str, int]] = []
    async for found in slices:
        port = _number(found, port_name)
        for endpoint in found.get("endpoints") or ():
            pod = _pod_behind(endpoint, name, context.namespace)
            # An endpoint that does not say whether it is ready counts as ready, so the API's documentation.
            if port and (endpoint.get("conditions") or {}).get("ready") is not False:
                ready.append((pod, port))
    if not ready:
        raise NoEndpoint(f"Service {name} has no ready pod behind port {options.port}.", "See its EndpointSlices.")
    pod, port = _chosen(ready, params.behind, name)
    return PodPort(pod=pod, uid="", ip="", port=port, via=Via.PORT_FORWARD)


def _chosen(ready: list[tuple[str, int]], behind: Behind, service: str) -> tuple[str, int]:
    """The first by name that may answer."""
    if may := [found for found in ready if found[0] in behind.pods]:
        return min(may)
    if any(pod in behind.on_node for pod, _ in ready):
        raise ServiceRefused(f"Service {service}: {ON_NODES_NETWORK}")
    raise NotATarget(
        f"The pods behind Service {service} are no targets of this collector, so their Secrets are not known.",
        "Let `target` select them.",
    )


def _port_name(service: Json, number: int) -> str:
    spec = service.get("spec") or {}
    name = (service.get("metadata") or {}).get("name", "")
    if spec.get("type") == "ExternalName" or not spec.get("selector"):
        raise ServiceRefused(
            f"Service {name} selects no pods, so it may lead anywhere.", "Ask the pods themselves: leave out `service`."
        )
    for port in spec.get("ports") or ():
        if port.get("port") == number and port.get("protocol", "TCP") == "TCP":
            return str(port.get("name") or "")
    raise Invalid(f"Service {name} has no TCP port {number}.", "Name a port of the Service, not of its pods.")


def _number(found: Json, port_name: str) -> int | None:
    for port in found.get("ports") or ():
        if (port.get("name") or "") == port_name and (port.get("protocol") or "TCP") == "TCP":
            return int(port["port"]) if port.get("port") else None
    return None


def _pod_behind(endpoint: Json, service: str, namespace: str) -> str:
    ref = endpoint.get("targetRef") or {}
    if ref.get("kind") != "Pod" or ref.get("namespace", namespace) != namespace or not ref.get("name"):
        raise ServiceRefused(
            f"An endpoint of Service {service} is no pod of this namespace.",
            "Ask the pods themselves: leave out `service`.",
        )
    return str(ref["name"])


COLLECTOR: Collector = HTTPCollector()
