"""Files of another container as a tar stream, where that container has no program to write one itself.

Bounds are those of the reader and one more: one byte beyond a file's limit and one file beyond their number, so that
the reader sees that something was cut.
"""

from __future__ import annotations

import fnmatch
import os
import stat
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from supportbundle.inside.rooted import Root, names, readable

MAX_DEPTH = 32
MAX_VISITED = 100_000
"""Names that are looked at, so that a tree of links ends."""

UNSIZED = 4 << 20
"""Bytes of a file whose length cannot be believed; they are held in memory."""

_BELIEVED = 64 << 10
"""Files of /proc say that they are empty, those of /sys that they fill a page."""

NOTHING = "supportbundle: nothing matches pattern "
"""Begins a line of standard error; the pattern's index from 0 follows."""

OWNER = "supportbundle: the files are of a process of user "
"""Begins a line of standard error where the root may not be entered; numeric user and group follow."""

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` is of one file."""

    max_bytes: int
    max_files: int


class TooMany(Exception):
    """`Limits.max_files` is reached, and the reader will see it."""


def write_files(root: str, patterns: Sequence[str], limits: Limits, *, out: BinaryIO, err: TextIO) -> int:
    """Write all files that the patterns lead to, directories with all that is below; the program's exit code.

    Returns:
        0, or 1 where something could not be read, as `err` says.
    """
    try:
        foreign = Root(root)
    except OSError as error:
        err.write(f"supportbundle: {root}: {error.strerror}\n")
        with suppress(OSError):
            # Who the process is may be seen when what it has may not.
            owner = Path(root).parent.stat()
            err.write(f"{OWNER}{owner.st_uid} and group {owner.st_gid}\n")
        return 1
    try:
        # Written as a stream: standard output is no file to seek in.
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            writer = _Writer(foreign, limits, archive, err)
            with suppress(TooMany):
                for index, pattern in enumerate(patterns):
                    if not writer.add_all(_matches(foreign, pattern)):
                        err.write(f"{NOTHING}{index}\n")
    finally:
        foreign.close()
    return 1 if writer.failed else 0


def main(root: str, patterns: Sequence[str], limits: Limits) -> int:
    """The command `files`. A reader that has enough and goes away is no failure to speak of."""
    try:
        return write_files(root, patterns, limits, out=sys.stdout.buffer, err=sys.stderr)
    except BrokenPipeError:
        return 1


class _Exactly:
    """A file of exactly the promised length: what shrank meanwhile or cannot be read on ends in zeros, as with tar."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        """Always `size` bytes."""
        try:
            data = self._source.read(size)
        except OSError:
            data = b""
        return data.ljust(size, b"\0")


def _matches(root: Root, pattern: str) -> Iterator[str]:
    """Paths that exist, in order. As in a shell, `*` passes no `/` and finds no hidden names."""
    paths = [""]
    for part in filter(None, pattern.split("/")):
        if _GLOB.isdisjoint(part):
            paths = [f"{path}/{part}" for path in paths]
        else:
            paths = [f"{path}/{name}" for path in paths for name in _listed(root, path) if _fits(name, part)]
        del paths[MAX_VISITED:]
    for path in paths:
        try:
            with root.found(path):
                pass
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass  # it is there, and whoever opens it says what is wrong
        yield path


def _fits(name: str, part: str) -> bool:
    return (not name.startswith(".") or part.startswith(".")) and fnmatch.fnmatchcase(name, part)


def _listed(root: Root, path: str) -> list[str]:
    try:
        with root.found(path) as fd:
            return names(fd) if stat.S_ISDIR(os.fstat(fd).st_mode) else []
    except OSError:
        return []


class _Writer:
    """The archive, and what was put into it."""

    def __init__(self, root: Root, limits: Limits, archive: tarfile.TarFile, err: TextIO) -> None:
        self._root = root
        self._limits = limits
        self._archive = archive
        self._err = err
        self._written: set[str] = set()
        self._visited = 0
        self.failed = False

    def add_all(self, paths: Iterator[str]) -> bool:
        """Whether there were any."""
        some = False
        for path in paths:
            some = True
            self._add(path, ())
        return some

    def _add(self, path: str, above: tuple[tuple[int, int], ...]) -> None:
        """`above` identifies the directories that we are in: a link back to one of them ends there."""
        self._visited += 1
        if path in self._written or self._visited > MAX_VISITED:
            return
        try:
            with self._root.found(path) as fd:
                facts = os.fstat(fd)
                if stat.S_ISREG(facts.st_mode):
                    self._file(path, fd, facts)
                    return
                here = (facts.st_dev, facts.st_ino)
                if not stat.S_ISDIR(facts.st_mode) or here in above or len(above) >= MAX_DEPTH:
                    return
                inner = names(fd)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._fail(path, error)
            return
        for name in inner:
            if name.startswith(".."):
                continue  # behind a mounted ConfigMap; its files are links through them
            self._add(f"{path}/{name}", (*above, here))

    def _file(self, path: str, fd: int, facts: os.stat_result) -> None:
        info = tarfile.TarInfo(path.lstrip("/"))
        info.mtime = max(0, int(facts.st_mtime))
        self._written.add(path)
        if len(self._written) > self._limits.max_files:
            self._archive.addfile(info)
            raise TooMany
        with open(readable(fd), "rb") as source:  # noqa: PTH123 - a descriptor, not a path
            if facts.st_size > _BELIEVED:
                info.size = min(facts.st_size, self._limits.max_bytes + 1)
                self._archive.addfile(info, cast("BinaryIO", _Exactly(source)))
            else:
                unsized = source.read(min(UNSIZED, self._limits.max_bytes + 1))
                info.size = len(unsized)
                self._archive.addfile(info, BytesIO(unsized))

    def _fail(self, path: str, error: OSError) -> None:
        self.failed = True
        self._err.write(f"supportbundle: {path!r}: {error.strerror}\n")
