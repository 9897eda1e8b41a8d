"""A target pod as planning sees it: which containers, where, whose, and which Secrets and ConfigMaps it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from supportbundle.model.base import Value

OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
Json = Mapping[str, Any]
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class ContainerKind(StrEnum):
    """The list of the pod in which a container stands."""

    INIT = "init"
    REGULAR = "regular"
    EPHEMERAL = "ephemeral"


class ContainerFacts(Value):
    """One container; `waiting` is the kubelet's reason while it has not started.

    `user` and `group` are the numeric ones that it runs as, where the pod or the kubelet tells; None if only its image
    knows. `added`, `dropped` and `read_only_root` are what its own security context says; `ports` the TCP ones that it
    declares.
    """

    name: str
    kind: ContainerKind
    image: str = ""
    started: bool
    running: bool = False
    user: int | None = None
    group: int | None = None
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    read_only_root: bool = False
    restarts: int
    has_previous: bool
    waiting: str = ""
    ports: tuple[int, ...] = ()


class SecretUse(Value):
    """A Secret that a pod mounts or takes as environment."""

    name: str
    optional: bool


class OwnerRef(Value):
    """The controller of an object."""

    api_version: str
    kind: str
    name: str
    uid: str


class PodFacts(Value):
    """One pod of the bundle's namespace.

    With `share_process_namespace` (`hostPID` too) process 1 is none of a container's own, but the sandbox's or the
    node's.
    """

    name: str
    uid: str
    phase: str
    node: str
    ip: str
    ready: bool
    labels: dict[str, str]
    containers: tuple[ContainerFacts, ...]
    secrets: tuple[SecretUse, ...]
    config_maps: tuple[str, ...]
    owner: OwnerRef | None
    host_network: bool = False
    share_process_namespace: bool = False
    default_container: str = ""

    def container(self, name: str | None) -> ContainerFacts | None:
        """The named container; without a name the one that kubectl would take: the annotated one, else the first."""
        wanted = name or self.default_container
        regular = [c for c in self.containers if c.kind == ContainerKind.REGULAR]
        if wanted:
            return next((c for c in self.containers if c.name == wanted), None)
        return regular[0] if regular else None

    @property
    def running(self) -> bool:
        """A profile or a port needs a running pod; logs do not."""
        return self.phase == "Running"


def secret_names(*pods: PodFacts) -> tuple[str, ...]:
    """The Secrets that the pods use, each once, sorted."""
    return tuple(sorted({secret.name for pod in pods for secret in pod.secrets}))


def parse_pod(pod: Json) -> PodFacts:
    """Facts of a core/v1 Pod as the API server writes it."""
    meta, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    return PodFacts(
        name=meta["name"],
        uid=meta["uid"],
        phase=status.get("phase", "Unknown"),
        node=spec.get("nodeName", ""),
        ip=status.get("podIP", ""),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ())),
        labels=meta.get("labels", {}),
        containers=tuple(_containers(spec, status)),
        secrets=_secrets(spec),
        config_maps=_config_maps(spec),
        owner=controller_of(pod),
        host_network=spec.get("hostNetwork", False),
        share_process_namespace=spec.get("shareProcessNamespace", False) or spec.get("hostPID", False),
        default_container=meta.get("annotations", {}).get(_DEFAULT_CONTAINER, ""),
    )


def controller_of(obj: Json) -> OwnerRef | None:
    """The owner with `controller: true`, if any."""
    for ref in obj["metadata"].get("ownerReferences", ()):
        if ref.get("controller"):
            return OwnerRef(api_version=ref["apiVersion"], kind=ref["kind"], name=ref["name"], uid=ref["uid"])
    return None


_LISTS = (
    (ContainerKind.INIT, "initContainers", "initContainerStatuses"),
    (ContainerKind.REGULAR, "containers", "containerStatuses"),
    (ContainerKind.EPHEMERAL, "ephemeralContainers", "ephemeralContainerStatuses"),
)


def _containers(spec: Json, status: Json) -> Iterator[ContainerFacts]:
    for kind, spec_field, status_field in _LISTS:
        statuses = {s["name"]: s for s in status.get(status_field, ())}
        for container in spec.get(spec_field, ()):
            seen = statuses.get(container["name"], {})
            state = seen.get("state", {})
            restarts = seen.get("restartCount", 0)
            security = container.get("securityContext", {})
            capabilities = security.get("capabilities", {})
            yield ContainerFacts(
                name=container["name"],
                kind=kind,
                image=container.get("image", ""),
                running="running" in state,
                user=_identity(spec, container, seen, told="uid", asked="runAsUser"),
                group=_identity(spec, container, seen, told="gid", asked="runAsGroup"),
                added=tuple(capabilities.get("add", ())),
                dropped=tuple(capabilities.get("drop", ())),
                read_only_root=security.get("readOnlyRootFilesystem", False),
                started="running" in state or "terminated" in state or restarts > 0,
                restarts=restarts,
                has_previous="terminated" in seen.get("lastState", {}),
                waiting=state.get("waiting", {}).get("reason", ""),
                ports=tuple(
                    p["containerPort"] for p in container.get("ports", ()) if p.get("protocol", "TCP") == "TCP"
                ),
            )


def _identity(spec: Json, container: Json, seen: Json, *, told: str, asked: str) -> int | None:
    """What the kubelet reports (Kubernetes 1.31, with a runtime that tells), else what the pod asks for."""
    found = seen.get("user", {}).get("linux", {}).get(told)
    if found is None:
        found = container.get("securityContext", {}).get(asked, spec.get("securityContext", {}).get(asked))
    return None if found is None else int(found)


def _all_containers(spec: Json) -> Iterator[Json]:
    for _, spec_field, _ in _LISTS:
        yield from spec.get(spec_field, ())


def _references(spec: Json, *, env: str, env_from: str, volume: str, name_in_volume: str) -> Iterator[tuple[str, bool]]:
    """(name, optional) of each Secret or ConfigMap that the pod's containers and volumes refer to."""
    for container in _all_containers(spec):
        sources = [entry.get("valueFrom", {}).get(env) for entry in container.get("env", ())]
        sources += [entry.get(env_from) for entry in container.get("envFrom", ())]
        yield from ((s["name"], s.get("optional", False)) for s in sources if s and s.get("name"))
    for vol in spec.get("volumes", ()):
        if (source := vol.get(volume)) and source.get(name_in_volume):
            yield source[name_in_volume], source.get("optional", False)
        for projected in vol.get("projected", {}).get("sources", ()):
            if (source := projected.get(volume)) and source.get("name"):
                yield source["name"], source.get("optional", False)


def _secrets(spec: Json) -> tuple[SecretUse, ...]:
    required: dict[str, bool] = {}
    refs = _references(spec, env="secretKeyRef", env_from="secretRef", volume="secret", name_in_volume="secretName")
    for name, optional in refs:
        required[name] = required.get(name, False) or not optional
    for pull_secret in spec.get("imagePullSecrets", ()):
        required.setdefault(pull_secret.get("name", ""), False)
    # The API takes references that no Secret can bear; they must not become paths of mounts.
    return tuple(
        SecretUse(name=n, optional=not must) for n, must in sorted(required.items()) if OBJECT_NAME.fullmatch(n)
    )


def _config_maps(spec: Json) -> tuple[str, ...]:
    refs = _references(spec, env="configMapKeyRef", env_from="configMapRef", volume="configMap", name_in_volume="name")
    return tuple(sorted({name for name, _ in refs}))
