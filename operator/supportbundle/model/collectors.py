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


OutputName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""The name of one file of the bundle, without folders."""

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]*$", max_length=1024)]
"""A path or glob inside a container; `..` is refused where it is used."""

RequestPath = Annotated[str, StringConstraints(pattern=r"^/[\x21-\x22\x24-\x7e]*$", max_length=1024)]
"""A URL's path with its query, already percent-encoded; no fragment."""


class PodChoice(StrEnum):
    """In how many of the targets something runs."""

    ALL = "All"
    ONE = "One"


class LogsAround(StrEnum):
    """Which lines come first when not all fit."""

    RESTARTS = "Restarts"


class LogsOptions(Value):
    """Logs of every container of the targets, init and ephemeral ones too, unless `containers` names some."""

    containers: tuple[ContainerName, ...] = ()
    since: Duration | None = None
    since_time: datetime | None = None
    tail_lines: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    previous: bool = True
    timestamps: bool = False
    around: LogsAround | None = None
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


class ConfigOptions(Value):
    """Configuration as the cluster holds it."""

    config_maps: ConfigMapOptions | None = None
    workloads: bool = False
    environment: bool = False
    related: bool = False
    secret_shapes: bool = False


class FilesOptions(Value):
    """Files inside containers, by path or glob.

    Through a program of the container's own (`cat`, `tar`, `sh`), or with `ephemeral` through a debugging container,
    which needs none.
    """

    container: ContainerName | None = None
    paths: Annotated[tuple[AbsolutePath, ...], Field(min_length=1, max_length=50)]
    pods: PodChoice = PodChoice.ALL
    ephemeral: bool = False
    max_bytes: Annotated[ByteQuantity, Field(ge=1 << 10, le=4 << 30)] = 10 << 20
    max_files: Annotated[int, Field(ge=1, le=10_000)] = 200
    timeout: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=60)


class HelmOptions(Value):
    """Releases of Helm, from the Secrets in which it keeps them.

    Without names those that the targets' `app.kubernetes.io/instance` labels tell.
    """

    releases: Annotated[tuple[str, ...], Field(max_length=50)] = ()


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


MAX_PROFILE = 16 << 20
"""Bytes of one pprof profile, compressed. It is sanitized as a whole, so one that is larger is not kept."""


class ProfileForm(StrEnum):
    """The two forms that Go has for goroutines."""

    PROFILE = "Profile"
    TEXT = "Text"


class ProfileKind(Value):
    """One profile; `seconds` only matters to CPU and Trace, `form` to Goroutine, which has both without it."""

    type: ProfileType
    seconds: Annotated[int, Field(ge=1, le=300)] = 5
    form: ProfileForm | None = None
    output: OutputName | None = None


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]


class HeaderSource(Value):
    """A header whose value is the key of a Secret of the bundle's namespace; `prefix` stands before it (`Bearer `)."""

    name: HeaderName
    prefix: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,64}$")] = ""
    secret: str
    key: str


ALL_PROFILES = (
    ProfileKind(type=ProfileType.CPU),
    ProfileKind(type=ProfileType.HEAP),
    ProfileKind(type=ProfileType.GOROUTINE),
)


class ProfileOptions(Value):
    """Go pprof over HTTP, from every target pod: from `port`, or with `probe` from declared ports that serve it."""

    port: Port | None = None
    probe: bool = False
    via: Via = Via.PORT_FORWARD
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]{0,255}$")] = "/debug/pprof"
    kinds: tuple[ProfileKind, ...] = ALL_PROFILES
    headers_from: tuple[HeaderSource, ...] = ()


class HTTPMethod(StrEnum):
    """Methods that an HTTP collector may send."""

    GET = "GET"
    POST = "POST"


class Header(Value):
    """A header whose value is no secret."""

    name: HeaderName
    value: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=1024)]


class SecretKey(Value):
    """One key of a Secret of the bundle's namespace."""

    secret: str
    key: str


class TLSOptions(Value):
    """HTTPS. Without a CA the usual public ones are trusted; skipping verification must be said."""

    ca_bundle: Annotated[str, StringConstraints(max_length=16384)] = ""
    ca_from: SecretKey | None = None
    server_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{0,253}$")] = ""
    insecure_skip_verify: bool = False


class HTTPOptions(Value):
    """One HTTP request to a port of each target pod, or to a Service of the namespace with target pods behind it."""

    method: HTTPMethod = HTTPMethod.GET
    port: Port
    path: RequestPath = "/"
    service: Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    pods: PodChoice = PodChoice.ALL
    via: Via = Via.PORT_FORWARD
    tls: TLSOptions | None = None
    headers: Annotated[tuple[Header, ...], Field(max_length=16)] = ()
    headers_from: Annotated[tuple[HeaderSource, ...], Field(max_length=8)] = ()
    body: Annotated[str, StringConstraints(max_length=8192)] = ""
    output: OutputName | None = None
    unwrap: bool = False
    timeout: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=30)
    max_bytes: Annotated[ByteQuantity, Field(ge=1 << 10, le=4 << 30)] = 10 << 20


class ExecTool(StrEnum):
    """Commands that are known by name: profilers and dumps of common runtimes."""

    JVM_THREADS = "JVMThreads"
    JVM_HEAP_HISTOGRAM = "JVMHeapHistogram"
    JVM_FLIGHT_RECORDING = "JVMFlightRecording"
    PYTHON_STACKS = "PythonStacks"
    NODE_REPORT = "NodeReport"


class ExecOptions(Value):
    """A command in a container: either `command`, or a `tool` that stands for one.

    `stdin_from` is what the command reads as its standard input, so that no argument need hold a secret.
    """

    container: ContainerName | None = None
    command: Annotated[tuple[Annotated[str, StringConstraints(max_length=1024)], ...], Field(max_length=64)] = ()
    stdin_from: SecretKey | None = None
    tool: ExecTool | None = None
    process: Annotated[int, Field(ge=1, le=4_194_304)] = 1
    seconds: Annotated[int, Field(ge=1, le=300)] = 10
    pods: PodChoice = PodChoice.ALL
    ephemeral: bool = False
    output: OutputName | None = None
    unwrap: bool = False
    timeout: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=30)
    max_bytes: Annotated[ByteQuantity, Field(ge=1 << 10, le=4 << 30)] = 10 << 20


class ResourcesOptions(Value):
    """Objects of the namespace, in troubleshoot's layout; without `kinds` all that discovery offers."""

    kinds: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    cluster_info: bool = False


class FindingsOptions(Value):
    """What is wrong with the targets; `usage` also asks metrics.k8s.io how near their limits they are."""

    scope: EventScope = EventScope.NAMESPACE
    usage: bool = False


class MetricsOptions(Value):
    """metrics.k8s.io of the targets, and the Prometheus text of a port where one is named."""

    port: Port | None = None
    path: RequestPath = "/metrics"
    via: Via = Via.PORT_FORWARD
