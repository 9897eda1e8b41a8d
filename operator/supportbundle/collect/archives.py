"""From a tar stream into the bundle: one member for each plain file, under names of our own."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from supportbundle.collect.base import Member, RunContext
from supportbundle.collect.containerpaths import archive_path
from supportbundle.collect.tarstream import Entry, EntryEnd, EntryKind, TarReader
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task

_NAME_CHARS = 300
_MIRROR = re.compile(rb"(?:^|/)\.\.(?:data|data_tmp|[0-9]{4}(?:_[0-9]{2}){5}\.[0-9]+)(?:/|$)")
"""Kubernetes' volumes: `..data` and the dated folder that it leads to; the files are links through both."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where files go, and how many of which size. `taken` are the paths below it that are written already.

    `mirrors`: also what the kubelet keeps behind a mounted ConfigMap, which is each of its files once or twice more.
    """

    path: str
    max_bytes: int
    max_files: int
    taken: set[str] = field(default_factory=set)
    mirrors: bool = False


class Unpacking:
    """Takes the stream piece by piece. Left by an exception it drops the file that was being written."""

    def __init__(self, folder: Folder, task: Task, context: RunContext) -> None:
        self._folder = folder
        self._task = task
        self._context = context
        self._tar = TarReader()
        self._folders: set[str] = set()
        self._left_out: Counter[EntryKind] = Counter()
        self._first_left_out = b""
        self._file = AsyncExitStack()
        self._member: Member | None = None
        self._written = 0
        self.full = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        # A file that ends here ends too early, whether or not anybody raised.
        if self._member is not None:
            self._member = None
            cut = error or _Cut()
            with suppress(_Cut):
                await self._file.__aexit__(type(cut), cut, cut.__traceback__)

    @property
    def started(self) -> bool:
        """Whether anything came."""
        return self._tar.started

    async def feed(self, data: bytes) -> bool:
        """Take more bytes; False when there is enough.

        Raises:
            Corrupt: this is no tar stream.
        """
        for event in self._tar.feed(data):
            if isinstance(event, Entry):
                await self._begin(event)
            elif isinstance(event, EntryEnd):
                await self._end()
            elif self._member is not None:
                await self._write(self._member, event)
            if self.full:
                return False
        return True

    def close(self) -> None:
        """The stream is over.

        Raises:
            Corrupt: before the archive's end.
        """
        self._tar.close()

    def report(self) -> None:
        """Say what was left out."""
        if self._left_out:
            kinds = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(self._left_out.items()))
            first = printable(self._first_left_out.decode("utf-8", "replace"), _NAME_CHARS)
            self._gap("NotAFile", f"Only plain files are kept. Left out: {kinds}; the first is {first}.")

    async def _begin(self, entry: Entry) -> None:
        if entry.kind == EntryKind.DIRECTORY or (not self._folder.mirrors and _MIRROR.search(entry.name)):
            return
        path = archive_path(entry.name)
        taken = self._folder.taken
        if path in taken and entry.kind == EntryKind.FILE:
            return  # two patterns may match the same file
        above = {path[:at] for at, char in enumerate(path) if char == "/"}
        if entry.kind != EntryKind.FILE or path in self._folders or not above.isdisjoint(taken):
            self._first_left_out = self._first_left_out or entry.name
            self._left_out[entry.kind] += 1
            return
        if len(taken) >= self._folder.max_files:
            self.full = True
            message = f"There are more than maxFiles ({self._folder.max_files}) files. Raise it, or name fewer."
            self._gap("TooManyFiles", message)
            return
        taken.add(path)
        self._folders |= above
        await self._open(path, entry)

    async def _open(self, path: str, entry: Entry) -> None:
        self._file = AsyncExitStack()
        self._written = 0
        self._member = await self._file.enter_async_context(
            self._context.sink.member(self._folder.path + path, task=self._task, limit=self._folder.max_bytes)
        )
        plain = entry.name.strip(b"/")
        if path.encode() != plain:
            self._member.note("name", printable(plain.decode("utf-8", "backslashreplace"), _NAME_CHARS))

    async def _write(self, member: Member, piece: bytes) -> None:
        room = self._folder.max_bytes - self._written
        self._written += len(piece)
        if room < 0:
            return  # what is over the limit still has to be read, to reach the next file
        # The piece may exceed the limit by any length: the member cuts it, and tells of the cut.
        if not await member.write(piece) and self._written <= self._folder.max_bytes:
            self.full = True  # not this file's limit but the bundle's
            await self._end()

    async def _end(self) -> None:
        if self._member is not None:
            self._member = None
            await self._file.aclose()

    def _gap(self, reason: str, message: str) -> None:
        self._context.sink.gap(Gap.say(reason, message, target=self._task.target, collector=self._task.collector))


class _Cut(Exception):
    """The stream ended within a file."""
