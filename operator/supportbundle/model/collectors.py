"""The options of each collector, as they stand in the resource."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from supportbundle.model.base import Value
from supportbundle.model.quantity import ByteQuantity, Duration

Port = Annotated[int, Field(ge=1, le=65535)]
ContainerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class LogsOptions(Value):
    """Logs of every container of the targets, init and ephemeral ones too, unless `containers` names some."""

    containers: tuple[ContainerName, ...] = ()
    since: Duration | None = None
    since_time: datetime | None = None
    tail_lines: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    previous: bool = True
    timestamps: bool = False
    max_bytes_per_container: Annotated[ByteQuantity, Field(ge=1 << 10, le=100 << 30)] = 100 << 20


class EventScope(StrEnum):
    """Whose Events."""

    NAMESPACE = "Namespace"
    TARGETS = "Targets"


class EventsOptions(Value):
    """Events of the namespace, or only those about the targets and their owners."""

    scope: EventScope = EventScope.NAMESPACE


class ConfigMapOptions(Value):
    """ConfigMaps by name; without names those that the target pods mount or take as environment."""

    names: tuple[str, ...] = ()


class FileOptions(Value):
    """One file or glob in a container."""

    container: ContainerName | None = None
    path: str
    max_bytes: ByteQuantity = 10 << 20


class ConfigOptions(Value):
    """Configuration as the cluster and the containers hold it."""

    config_maps: ConfigMapOptions | None = None
    workloads: bool = False
    files: tuple[FileOptions, ...] = ()
    environment: bool = False
    related: bool = False
    helm_releases: bool = False
    secret_shapes: bool = False


class Via(StrEnum):
    """How a port of a pod is reached."""

    PORT_FORWARD = "PortForward"
    POD_IP = "PodIP"


class ProfileType(StrEnum):
    """Go pprof profiles."""

    CPU = "CPU"
    HEAP = "Heap"
    GOROUTINE = "Goroutine"
    ALLOCS = "Allocs"
    BLOCK = "Block"
    MUTEX = "Mutex"
    THREAD_CREATE = "ThreadCreate"
    TRACE = "Trace"


class ProfileKind(Value):
    """One profile; `seconds` only matters to CPU and Trace."""

    type: ProfileType
    seconds: Annotated[int, Field(ge=1, le=300)] = 5


class HeaderSource(Value):
    """A header whose value is the key of a Secret of the bundle's namespace."""

    name: str
    secret: str
    key: str


ALL_PROFILES = (
    ProfileKind(type=ProfileType.CPU),
    ProfileKind(type=ProfileType.HEAP),
    ProfileKind(type=ProfileType.GOROUTINE),
)


class ProfileOptions(Value):
    """Go pprof over HTTP, from every target pod."""

    port: Port
    via: Via = Via.PORT_FORWARD
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]{0,255}$")] = "/debug/pprof"
    kinds: tuple[ProfileKind, ...] = ALL_PROFILES
    headers_from: tuple[HeaderSource, ...] = ()


class HTTPMethod(StrEnum):
    """Methods that an HTTP collector may send."""

    GET = "GET"
    POST = "POST"


class HTTPOptions(Value):
    """One HTTP request to a port of each target pod, or to a Service of the namespace."""

    method: HTTPMethod = HTTPMethod.GET
    port: Port
    path: str = "/"
    service: str | None = None
    via: Via = Via.PORT_FORWARD
    tls: bool = False
    headers_from: tuple[HeaderSource, ...] = ()
    output: str = ""
    timeout: Duration = timedelta(seconds=30)
    max_bytes: ByteQuantity = 10 << 20


class PodChoice(StrEnum):
    """In how many of the targets something runs."""

    ALL = "All"
    ONE = "One"


class ExecOptions(Value):
    """A command in a container."""

    container: ContainerName | None = None
    command: tuple[str, ...]
    pods: PodChoice = PodChoice.ALL
    timeout: Duration = timedelta(seconds=30)
    max_bytes: ByteQuantity = 10 << 20


class ResourcesOptions(Value):
    """Objects of the namespace, in troubleshoot's layout."""

    kinds: tuple[str, ...] = ()
    cluster_info: bool = False


class MetricsOptions(Value):
    """metrics.k8s.io of the targets, and the Prometheus text of a port where one is named."""

    port: Port | None = None
    path: str = "/metrics"
