"""Kubernetes Lists as files: written object by object, so that a list's length costs no memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

import orjson

from supportbundle.collect.base import ClusterReader, Member, RunContext
from supportbundle.collect.nesting import within
from supportbundle.errors import SupportBundleError, TooLarge
from supportbundle.model.gap import Gap
from supportbundle.model.paths import one
from supportbundle.model.plan import Task

LIMIT = 64 << 20
"""Bytes of one List file as we write it; the sink gets a quarter more, for what sanitizing may add."""

SINK_LIMIT = LIMIT + (LIMIT >> 2)
Json = dict[str, Any]

LISTS = "cluster-resources/"
"""The folder of troubleshoot's layout in which Lists stand."""

_AT_ONCE = 8
_LARGE, _DEEP = 64 << 10, 16
"""Bytes and levels: a custom resource of 1 MiB and 250 levels would take hundreds of MiB when it is indented."""

_END = b"\n  ]\n}\n"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "ingresses": "ingress",
        "networkpolicies": "network-policy",
        "persistentvolumeclaims": "pvcs",
        "resourcequotas": "resource-quota",
    }
)
"""Where troubleshoot's folder has another name than the API; `sbctl` looks for the others under their plural."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind; `plural` is its name in the API's paths."""

    api_version: str
    kind: str
    plural: str

    def file(self, namespace: str) -> str:
        """Where its List stands in troubleshoot's layout."""
        return f"{LISTS}{_FOLDERS.get(self.plural, self.plural)}/{namespace}.json"


def presentable(obj: Mapping[str, Any], api_version: str, kind: str) -> Json:
    """The object without noise, and with the kind that the API leaves out within lists.

    The last-applied annotation goes: it repeats the object as escaped text, where no structure shows what is secret.
    """
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key != "managedFields"}
    if _LAST_APPLIED in metadata.get("annotations", {}):
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    rest = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata"}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


class ListWriter:
    """A `<kind>List` that stays well-formed when its limit is reached: what does not fit is counted instead."""

    def __init__(self, member: Member, api_version: str, kind: str, limit: int = LIMIT) -> None:
        self._member = member
        self._head = f'{{\n  "apiVersion": "{api_version}",\n  "kind": "{kind}List",\n  "metadata": {{}},\n  "items": ['
        self._room = limit - len(self._head) - len(_END)
        self._full = False
        self.kept = 0
        self.omitted = 0

    async def add(self, obj: Mapping[str, Any]) -> None:
        """One more object.

        Raises:
            TooLarge: the bundle's own limit is reached, so that the file cannot be finished.
        """
        try:
            text = _laid_out(obj)
        except orjson.JSONEncodeError:  # custom resources may be nested deeper than it goes
            self.omitted += 1
            return
        # JSON has no raw line break inside strings, so each one found is layout.
        text = (b",\n    " if self.kept else b"\n    ") + text
        self._full = self._full or len(text) > self._room
        if self._full:
            self.omitted += 1
            return
        self._room -= len(text)
        await self._write(text if self.kept else self._head.encode() + text)
        self.kept += 1

    async def close(self) -> None:
        """The end of the list; also of an empty one.

        Raises:
            TooLarge: as `add`.
        """
        await self._write(_END if self.kept else self._head.encode() + _END)
        if self.omitted:
            self._member.note("truncated", value=True)

    async def _write(self, data: bytes) -> None:
        if not await self._member.write(data):
            raise TooLarge("The bundle's limit was reached within this list.", "Raise limits.maxBytes.")


def _laid_out(obj: Mapping[str, Any]) -> bytes:
    """The object, indented as an item of the list unless it is both large and deep."""
    text = orjson.dumps(obj)
    if len(text) > _LARGE and not within(obj, _DEEP):
        return text
    return orjson.dumps(obj, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")


async def each(cluster: ClusterReader, paths: Iterable[str]) -> AsyncIterator[Json | SupportBundleError]:
    """The objects at these paths in their order, a few requests at a time; the failure where one failed."""

    async def asked(path: str) -> Json | SupportBundleError:
        try:
            return await cluster.get(path)
        except SupportBundleError as error:
            return error

    rest = iter(paths)
    while batch := tuple(islice(rest, _AT_ONCE)):
        for answer in await asyncio.gather(*map(asked, batch)):
            yield answer


async def named(kind: Kind, names: Iterable[str], task: Task, context: RunContext) -> AsyncIterator[Json]:
    """The objects with these names; each that cannot be had is a gap of its own."""
    names = tuple(names)
    paths = (one(kind.api_version, kind.plural, name, context.namespace) for name in names)
    rest = iter(names)
    async for found in each(context.cluster, paths):
        name = next(rest)
        if isinstance(found, SupportBundleError):
            gap = Gap.say(found.reason, str(found), target=f"{kind.kind}/{name}", collector=task.collector)
            context.sink.gap(gap)
        else:
            yield found


async def attempt(writing: Awaitable[None], target: str, task: Task, context: RunContext) -> None:
    """Write something whose failure costs only itself: it is the gap of `target`."""
    try:
        await writing
    except SupportBundleError as error:
        context.sink.gap(Gap.of(error, target=target, collector=task.collector))


async def write_list(
    objects: AsyncIterator[Json], kind: Kind, task: Task, context: RunContext, *, path: str = "", empty: bool = False
) -> None:
    """One List file, by default where troubleshoot's layout has it; without objects none, unless `empty` asks for it.

    Raises:
        SupportBundleError: what the objects raise; the file is then dropped whole.
    """
    path = path or kind.file(context.namespace)
    first = await anext(objects, None)
    if first is None and not empty:
        return
    async with context.sink.member(path, task=task, limit=SINK_LIMIT) as member:
        writer = ListWriter(member, kind.api_version, kind.kind)
        while first is not None:
            await writer.add(presentable(first, kind.api_version, kind.kind))
            first = None  # so that the next page is not read while this one is held
            first = await anext(objects, None)
        await writer.close()
    if writer.omitted:
        message = f"{writer.omitted} of {writer.kept + writer.omitted} objects did not fit into {path}."
        context.sink.gap(Gap.say("TooLarge", message, target=kind.plural, collector=task.collector))
