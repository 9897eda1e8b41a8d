"""A folder, mirrored: files sanitized by several processes, the largest first; folders, modes, times and links kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

from supportbundle.cli.outcome import Outcome, Progress
from supportbundle.cli.single import from_file
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.archives import Names, processes

Build = Callable[[], Sanitizer]
"""Makes the same sanitizer in another process."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file to do: where it is, where it goes, and what it is called in the report."""

    source: Path
    target: Path
    name: str
    size: int
    mode: int
    modified_ns: int


def mirror(build: Build, sanitizer: Sanitizer, source: Path, target: Path, jobs: int) -> list[Outcome]:
    """Sanitize all files below `source` into `target`; `build` makes the same sanitizer in another process."""
    walk = _Walk(sanitizer.names(""), source, target)
    items = sorted(walk.items(), key=lambda item: (-item.size, item.name))
    outcomes = Progress(len(items)).watch(_done(build, sanitizer, items, jobs))
    for folder, modified_ns in reversed(walk.folders):
        os.utime(folder, ns=(modified_ns, modified_ns))
    return [*outcomes, *walk.lost]


class _Walk:
    """Makes the folders and links, and lists the files."""

    def __init__(self, names: Names, source: Path, target: Path) -> None:
        self._names = names
        self._source = source.resolve()
        self._target = target
        self.folders: list[tuple[Path, int]] = []
        self.lost: list[Outcome] = []

    def items(self) -> Iterator[Item]:
        """All files, in order of their paths."""
        for top, folders, files in os.walk(self._source, onerror=self._unread):
            folders.sort()
            inside = Path(top)
            for name in sorted([*files, *(each for each in folders if (inside / each).is_symlink())]):
                yield from self._entry(inside / name)
            for name in folders:
                if not (inside / name).is_symlink():
                    self._folder(inside / name)

    def _unread(self, error: OSError) -> None:
        self.lost.append(Outcome.lost(self._name(Path(error.filename)), f"{error.strerror}."))

    def _name(self, path: Path) -> str:
        return os.fsdecode(self._names.path(os.fsencode(path.relative_to(self._source))))

    def _folder(self, path: Path) -> None:
        status, made = path.stat(), self._target / self._name(path)
        made.mkdir(exist_ok=True)
        self.folders.append((made, status.st_mtime_ns))

    def _entry(self, path: Path) -> Iterator[Item]:
        name = self._name(path)
        target, status = self._target / name, path.lstat()
        if stat.S_ISLNK(status.st_mode):
            self._link(path, target, name)
        elif not stat.S_ISREG(status.st_mode):
            self.lost.append(Outcome.lost(name, "neither a file, a folder nor a link."))
        else:
            yield Item(path, target, name, status.st_size, stat.S_IMODE(status.st_mode), status.st_mtime_ns)

    def _link(self, path: Path, target: Path, name: str) -> None:
        """Keep a link that stays inside; nothing is read through any link."""
        to = os.fsencode(path.readlink())
        # Not Path.resolve: it refuses links in a circle, which may stay as well as others.
        end = Path(os.path.realpath(path))
        if path.readlink().is_absolute() or not end.is_relative_to(self._source):
            self.lost.append(Outcome.lost(name, "a link that leads out of the folder."))
        else:
            target.symlink_to(os.fsdecode(self._names.path(to)))


_inherited: list[Sanitizer] = []
"""In a worker: its sanitizer. It cannot be sent, and where processes are forked it need not be built again."""


def _start(build: Build) -> None:
    if not _inherited:
        _inherited.append(build())


def _work(item: Item) -> Outcome:
    return _one(_inherited[0], item)


def _one(sanitizer: Sanitizer, item: Item) -> Outcome:
    if item.target.exists():
        return Outcome.lost(item.name, "another file has this name in the output.")
    outcome = from_file(sanitizer, item.source, item.target, item.name)
    if outcome.files:
        item.target.chmod(item.mode)
        os.utime(item.target, ns=(item.modified_ns, item.modified_ns))
    return outcome


def _done(build: Build, sanitizer: Sanitizer, items: list[Item], jobs: int) -> Iterator[Outcome]:
    """A file that is more than all others together comes first: if it is an archive, its members are shared out."""
    rest = sum(item.size for item in items)
    while items and (jobs == 1 or len(items) == 1 or 2 * items[0].size > rest):
        rest -= items[0].size
        yield _one(sanitizer, items.pop(0))
    if not items:
        return
    _inherited[:] = [sanitizer]
    try:
        with processes(min(jobs, len(items)), _start, build) as pool:
            for done in as_completed([pool.submit(_work, item) for item in items]):
                yield done.result()
    finally:
        _inherited.clear()
