"""A Service of the namespace as a port of one of its pods.

It is resolved by us and reached through that pod, so that no name, proxy or address outside the namespace is ever
asked. Only a target pod may answer: of no other one the Secrets are known, which must not stand in the answer.
Endpoints are read as discovery.k8s.io/v1 writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supportbundle.collect.base import RunContext
from supportbundle.collect.ports import ON_NODES_NETWORK, PodPort
from supportbundle.errors import Invalid, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import PolicyRule
from supportbundle.model.collectors import Via
from supportbundle.model.paths import collection, one
from supportbundle.model.pod import PodFacts

Json = Mapping[str, Any]
SERVICE_NEEDS = (
    PolicyRule(api_groups=("",), resources=("services",), verbs=("get",)),
    PolicyRule(api_groups=("discovery.k8s.io",), resources=("endpointslices",), verbs=("list",)),
)
"""What it takes to find the pods behind a Service, besides asking them."""


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

    @classmethod
    def of(cls, pods: tuple[PodFacts, ...]) -> Behind:
        """All targets of a collector."""
        return cls(
            pods=tuple(pod.name for pod in pods if not pod.host_network),
            on_node=tuple(pod.name for pod in pods if pod.host_network),
        )


async def answering(name: str, number: int, behind: Behind, context: RunContext) -> PodPort:
    """A ready target pod behind Service `name`, and the port that the Service's port `number` means there.

    Raises:
        NotFound: there is no such Service.
        Invalid: it has no such port.
        ServiceRefused: it may lead out of the namespace, or to a node.
        NoEndpoint: no pod behind it is ready.
        NotATarget: none of those that are ready is a target.
    """
    service = await context.cluster.get(one("v1", "services", name, context.namespace))
    port_name = _port_name(service, number)
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
        raise NoEndpoint(f"Service {name} has no ready pod behind port {number}.", "See its EndpointSlices.")
    pod, port = _chosen(ready, behind, name)
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
