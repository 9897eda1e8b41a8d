"""A body that is a product's own zip: its members become files of the bundle, each sanitized as its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from supportbundle.collect.base import RunContext
from supportbundle.collect.containerpaths import archive_path
from supportbundle.collect.spool import SpoolFile
from supportbundle.collect.zipreader import NotAZip, ZipEntry, ZipReader
from supportbundle.errors import Conflict, Invalid, TooLarge
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task

MAX_UNPACKED: Final = 1 << 30
RATIO, GRACE = 300, 128 << 20
"""A zip may unfold to so many times its size beyond the grace; a log of one repeated line comes near that."""

_NAME_CHARS = 200
Notes = Mapping[str, str | int]


async def unwrap(
    body: AsyncIterator[bytes],
    folder: str,
    task: Task,
    context: RunContext,
    *,
    limit: int,
    notes: Notes | None = None,
    about: str = "",
) -> int:
    """Hold the body (at most `limit` bytes) on disk, then write its members below `folder`, which ends in `/`.

    Each file gets `notes`. What is wrong with one member is its own gap, which begins with what it is `about`.
    Returns how many could be read.

    Raises:
        NotAZip: the body is no zip.
        TooLarge: it is longer than `limit`, or would unfold to more than may be.
        SupportBundleError: the body broke off.
    """
    with context.spool.file() as held:
        async for chunk in body:
            if held.size + len(chunk) > limit:
                raise TooLarge(
                    f"The zip is larger than maxBytes ({limit} bytes), and a part cannot be read.", "Raise it."
                )
            held.write(chunk)
        return await _Unwrapping(held, folder, task, context, notes or {}, f"{about}: " if about else "").run()


@dataclass(slots=True)
class _Unwrapping:
    held: SpoolFile
    folder: str
    task: Task
    context: RunContext
    notes: Notes
    about: str
    _left_out: Counter[str] = field(default_factory=Counter)
    _first: str = ""

    async def run(self) -> int:
        reader = ZipReader(self.held.handle, self.held.size)
        members = [entry for entry in reader.entries if not entry.folder]
        unpacked = sum(entry.size for entry in members)
        allowed = min(MAX_UNPACKED, GRACE + RATIO * self.held.size)
        if unpacked > allowed:
            raise TooLarge(f"The zip unfolds to {unpacked} bytes; {allowed} are allowed.")
        taken: set[str] = set()
        for entry in members:
            path = archive_path(entry.name)
            if problem := entry.oddity or ("twice there" if path in taken else ""):
                self._leave_out(entry, problem)
                continue
            try:
                await self._write(reader, entry, path)
            except (NotAZip, Conflict, Invalid) as error:
                self._gap(error.reason, f"{_shown(entry)}: {error}")
                continue
            taken.add(path)
        if self._left_out:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._left_out.items()))
            self._gap("NotAFile", f"Members of the zip are left out: {kinds}; the first is {self._first}.")
        return len(taken)

    async def _write(self, reader: ZipReader, entry: ZipEntry, path: str) -> None:
        sink = self.context.sink
        async with sink.member(self.folder + path, task=self.task, limit=max(1, entry.size)) as member:
            for key, value in self.notes.items():
                member.note(key, value)
            if path.encode() != entry.name:
                member.note("name", _shown(entry))
            for block in reader.content(entry):
                if not await member.write(block):
                    return

    def _leave_out(self, entry: ZipEntry, problem: str) -> None:
        self._left_out[problem] += 1
        self._first = self._first or _shown(entry)

    def _gap(self, reason: str, message: str) -> None:
        message = f"{self.about}{message}"
        self.context.sink.gap(Gap.say(reason, message, target=self.task.target, collector=self.task.collector))


def _shown(entry: ZipEntry) -> str:
    return printable(entry.name.decode("utf-8", "backslashreplace"), _NAME_CHARS)
