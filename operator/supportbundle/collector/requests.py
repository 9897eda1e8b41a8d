"""The request log: which HTTP requests collectors sent to targets, and how each ended. Never a header or a body.

It is kept in memory, bounded, and leaves with the fragment's index; the assembly makes one file of all shards'.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_plus, urlsplit

from supportbundle.archive.index import REQUEST_CHARS
from supportbundle.errors import SupportBundleError
from supportbundle.model.exchange import PodAnswer, PodRequest
from supportbundle.model.gap import printable

if TYPE_CHECKING:
    from supportbundle.collect.base import ClusterReader

MOST = 10_000
"""Requests of one shard; a fragment may have room for fewer."""

HIDDEN = "<redacted>"
Clean = Callable[[str], str]


@dataclass(slots=True)
class _Entry:
    """One request; `ended` is a status, or why there was none."""

    at: datetime
    method: str
    origin: str
    target: str
    ended: str = "Interrupted"
    size: int = 0
    milliseconds: int = 0


class RequestLog:
    """What was asked, in the order of the answers' ends."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._entries: list[_Entry] = []
        self._dropped = 0
        self._pods: dict[str, str] = {}

    def around(self, cluster: ClusterReader) -> ClusterReader:
        """The same cluster; every request to a target is noted here."""
        return cast("ClusterReader", _Recorded(cluster, self))

    def lines(self, clean: Clean) -> list[str]:
        """One line for each request, without what must not leave."""
        once = cache(clean)  # the same segments stand in many addresses
        lines = [printable(clean(_line(entry, once)), REQUEST_CHARS) for entry in self._entries]
        return [*lines, *([f"({self._dropped} more requests)"] if self._dropped else [])]

    def reached(self, origin: str, pod: str) -> None:
        """`origin` (`127.0.0.1:40001`) leads to `pod` (`web-0:8065`)."""
        self._pods[origin] = pod

    @asynccontextmanager
    async def entry(self, request: PodRequest) -> AsyncIterator[_Entry]:
        """Notes a request when it is over, however it ends."""
        url = urlsplit(request.url)
        origin = f"{url.scheme}://{self._pods.get(url.netloc, url.netloc)}"
        target = f"{url.path}?{url.query}" if url.query else url.path
        entry = _Entry(self._wall(), request.method, origin, target)
        began = self._clock()
        try:
            yield entry
        finally:
            entry.milliseconds = round((self._clock() - began) * 1000)
            if len(self._entries) < MOST:
                self._entries.append(entry)
            else:
                self._dropped += 1


class _Recorded:
    """A cluster by `__getattr__`, but for what matters here."""

    def __init__(self, cluster: ClusterReader, log: RequestLog) -> None:
        self._cluster = cluster
        self._log = log

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a cluster can do
        return getattr(self._cluster, name)

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        """As `ClusterReader.forward`."""
        async with self._cluster.forward(namespace, pod, port) as base:
            self._log.reached(base.partition("://")[2], f"{pod}:{port}")
            yield base

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        """As `ClusterReader.request`."""
        async with self._log.entry(request) as entry:
            try:
                async with self._cluster.request(request) as answer:
                    entry.ended = str(answer.status)
                    yield PodAnswer(answer.status, answer.headers, _Counted(answer.body, entry))
            except SupportBundleError as error:
                if not entry.ended.isdecimal():
                    entry.ended = error.reason
                raise


class _Counted:
    """A body whose bytes are counted."""

    def __init__(self, body: AsyncIterator[bytes], entry: _Entry) -> None:
        self._body = body
        self._entry = entry

    def __aiter__(self) -> _Counted:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._body)
        self._entry.size += len(chunk)
        return chunk


def _line(entry: _Entry, clean: Clean) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    path, question, query = entry.target.partition("?")
    shown = "/".join(_shown(part, clean) for part in path.split("/"))
    shown += question + "&".join(_shown(part, clean) for part in query.split("&"))
    return f"{at} {entry.method} {entry.origin}{shown} {entry.ended} {entry.size} B {entry.milliseconds} ms"


def _shown(part: str, clean: Clean) -> str:
    """A segment, or a name with its value: percent-encoded a secret would not be known."""
    plain = unquote_plus(part)
    if clean(plain) == plain:
        return part
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals and clean(unquote_plus(name)) == unquote_plus(name) else HIDDEN
