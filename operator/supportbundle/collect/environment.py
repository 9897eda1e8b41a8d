"""The environment of every container of the targets, computed from their specifications as the kubelet does it.

A debugger would read it from the process; this needs no program in the container and never sees a Secret's value:
what comes from one is shown as `<secret name/key>`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from supportbundle.collect import downward
from supportbundle.collect.base import ClusterReader, RunContext
from supportbundle.collect.dotenv import expand, line
from supportbundle.collect.lists import named
from supportbundle.collect.workloads import POD, PodNames
from supportbundle.errors import NotFound, SupportBundleError
from supportbundle.model.gap import Gap, printable
from supportbundle.model.paths import one
from supportbundle.model.plan import Task

FOLDER = "pods/"
FILE = FOLDER + "{pod}/{container}/environment.env"
LIMIT = 4 << 20
"""Bytes of one file; a process cannot be started with more than some 6 MiB of environment."""

CACHE_BYTES = 8 << 20
"""Characters of ConfigMaps that are kept, because the pods of a workload share them."""

Json = Mapping[str, Any]
_LISTS = ("initContainers", "containers", "ephemeralContainers")
_HEAD = "# From the pod's specification. Variables of the image and of Services are not listed.\n"
_TEXT_CHARS = 600


class ConfigMaps:
    """The ConfigMaps of the namespace by name, each asked for once and each failure said once."""

    def __init__(self, cluster: ClusterReader, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._kept: dict[str, Mapping[str, str]] = {}
        self._size = 0
        self._failed: dict[str, SupportBundleError] = {}
        self.needed: dict[str, SupportBundleError] = {}
        """Failures that matter: of ConfigMaps that are not optional, or that exist and may not be read."""

    async def data(self, name: str, *, optional: bool) -> Mapping[str, str] | None:
        """Its text keys; None if it cannot be had."""
        if name in self._kept:
            return self._kept[name]
        if name not in self._failed:
            try:
                found = await self._cluster.get(one("v1", "configmaps", name, self._namespace))
            except SupportBundleError as error:
                self._failed[name] = error
            else:
                return self._keep(name, found.get("data") or {})
        if not (optional and isinstance(self._failed[name], NotFound)):
            self.needed[name] = self._failed[name]
        return None

    def _keep(self, name: str, data: Mapping[str, str]) -> Mapping[str, str]:
        self._kept[name] = data
        self._size += _size(data)
        while self._size > CACHE_BYTES and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._size -= _size(self._kept.pop(oldest))
        return data


class Environment:
    """The variables of one container; `values` end up as in the process, where the last of a name holds."""

    def __init__(self, pod: Json, container: Json, config_maps: ConfigMaps) -> None:
        self._pod = pod
        self._container = container
        self._config_maps = config_maps
        self.values: dict[str, str] = {}
        self.remarks: list[str] = []
        self.cut = False
        self._room = LIMIT

    async def compute(self) -> None:
        """`envFrom` first, then `env` in its order, as the kubelet does."""
        for source in self._container.get("envFrom") or ():
            await self._all_keys(source)
        for entry in self._container.get("env") or ():
            await self._entry(entry)

    def _set(self, name: str, value: str) -> None:
        self._room -= len(name) + len(value)
        if self._room < 0:
            self.cut = True
        else:
            self.values[name] = value

    def _remark(self, text: str) -> None:
        self.remarks.append(printable(text, _TEXT_CHARS))

    async def _all_keys(self, source: Json) -> None:
        prefix = source.get("prefix") or ""
        if (secret := source.get("secretRef")) is not None:
            behind = f", each with {prefix} before it" if prefix else ""
            self._remark(f"all keys of Secret {secret.get('name', '')}{behind}")
            return
        ref = source.get("configMapRef") or {}
        name = str(ref.get("name", ""))
        data = await self._config_maps.data(name, optional=bool(ref.get("optional")))
        if data is None:
            self._remark(f"no keys of ConfigMap {name}: it could not be read or does not exist")
            return
        for key in sorted(data):
            self._set(prefix + key, data[key])

    async def _entry(self, entry: Json) -> None:
        name = str(entry.get("name", ""))
        source = entry.get("valueFrom")
        if not source:
            self._set(name, expand(str(entry.get("value") or ""), self.values))
        elif (ref := source.get("configMapKeyRef")) is not None:
            await self._config_map_key(name, ref)
        else:
            self._set(name, self._marker(source))

    async def _config_map_key(self, name: str, ref: Json) -> None:
        optional = bool(ref.get("optional"))
        data = await self._config_maps.data(str(ref.get("name", "")), optional=optional)
        key = str(ref.get("key", ""))
        if data is not None and key in data:
            self._set(name, data[key])
        else:
            consequence = "not set" if optional else "the container cannot start"
            self._remark(f"{name}: ConfigMap {ref.get('name', '')} gave no key {key}; {consequence}")

    def _marker(self, source: Json) -> str:
        """What is known without asking, or a description in angle brackets."""
        if (ref := source.get("secretKeyRef")) is not None:
            return f"<secret {ref.get('name', '')}/{ref.get('key', '')}>"
        if (ref := source.get("fieldRef")) is not None:
            return downward.field(self._pod, str(ref.get("fieldPath", "")))
        if (ref := source.get("resourceFieldRef")) is not None:
            whose = self._named(str(ref.get("containerName") or ""))
            return downward.resource(whose, str(ref.get("resource", "")), str(ref.get("divisor") or "1"))
        return f"<{next(iter(source))}>"

    def _named(self, name: str) -> Json:
        spec = self._pod["spec"]
        everywhere = (container for field in _LISTS for container in spec.get(field) or ())
        return next((c for c in everywhere if c.get("name") == name), self._container)


async def collect_environment(task: Task, context: RunContext) -> None:
    """One file for each container that was there at planning."""
    config_maps = ConfigMaps(context.cluster, context.namespace)
    async for pod in named(POD, PodNames.model_validate(task.params).pods, task, context):
        async for path, environment in _containers(pod, task, config_maps):
            await _write(path, environment, task, context)
    for name, error in config_maps.needed.items():
        gap = Gap.say(error.reason, str(error), target=f"ConfigMap/{name}", collector=task.collector)
        context.sink.gap(gap)


async def _containers(pod: Json, task: Task, config_maps: ConfigMaps) -> AsyncIterator[tuple[str, Environment]]:
    claims = frozenset(task.claims)
    for field in _LISTS:
        for container in pod["spec"].get(field) or ():
            path = FILE.format(pod=pod["metadata"]["name"], container=container["name"])
            if path in claims:
                environment = Environment(pod, container, config_maps)
                await environment.compute()
                yield path, environment


async def _write(path: str, environment: Environment, task: Task, context: RunContext) -> None:
    remarks = "".join(f"# {remark}\n" for remark in environment.remarks)
    async with context.sink.member(path, task=task, limit=LIMIT) as member:
        complete = await member.write((_HEAD + remarks).encode("utf-8", "replace"))
        for name, value in environment.values.items():
            complete = complete and await member.write(line(name, value).encode())
    if environment.cut:
        message = f"{path}: there are more variables than a process can be started with."
        context.sink.gap(Gap.say("TooLarge", message, target=task.target, collector=task.collector))


def _size(data: Mapping[str, str]) -> int:
    return sum(len(key) + len(value) for key, value in data.items())
