"""Kubernetes Lists as files: written object by object, so that a list's length costs no memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from supportbundle.collect.base import ClusterReader, Member
from supportbundle.errors import SupportBundleError, TooLarge

LIMIT = 64 << 20
"""Bytes of one List file as we write it; the sink gets a quarter more, for what sanitizing may add."""

SINK_LIMIT = LIMIT + (LIMIT >> 2)
Json = dict[str, Any]

_AT_ONCE = 8
_END = b"\n  ]\n}\n"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


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
        self.kept = 0
        self.omitted = 0

    async def add(self, obj: Mapping[str, Any]) -> None:
        """One more object.

        Raises:
            TooLarge: the bundle's own limit is reached, so that the file cannot be finished.
        """
        text = orjson.dumps(obj, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")
        # JSON has no raw line break inside strings, so each one found is layout.
        text = (b",\n    " if self.kept else b"\n    ") + text
        if self.omitted or len(text) > self._room:
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


async def each(cluster: ClusterReader, paths: Iterable[str]) -> AsyncIterator[Json | SupportBundleError]:
    """The objects at these paths in their order, a few requests at a time; the failure where one failed."""

    async def attempt(path: str) -> Json | SupportBundleError:
        try:
            return await cluster.get(path)
        except SupportBundleError as error:
            return error

    rest = iter(paths)
    while batch := tuple(islice(rest, _AT_ONCE)):
        for answer in await asyncio.gather(*map(attempt, batch)):
            yield answer
