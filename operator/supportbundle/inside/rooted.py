"""A foreign file system below a directory, opened without ever leaving it.

Its owner may turn any name into a link at any time. So every step is one `openat` that follows no link, and links are
read as text and resolved here, against that root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

MAX_LINKS = 40
"""As the kernel bounds them."""

_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Root:
    """The directory that is `/` to all paths given here."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    @contextmanager
    def found(self, path: str) -> Iterator[int]:
        """An `O_PATH` descriptor of what the path leads to, links followed.

        Raises:
            OSError: as the kernel would; ELOOP after `MAX_LINKS` links.
        """
        open_fds = [os.dup(self._fd)]
        try:
            self._walk(path.split("/"), open_fds)
            yield open_fds[-1]
        finally:
            for fd in open_fds:
                os.close(fd)

    def _walk(self, parts: list[str], above: list[int]) -> None:
        """`above` is the chain of open directories from the root down; its last one is where we are."""
        todo = [part for part in reversed(parts) if part not in {"", "."}]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if len(above) > 1:
                    os.close(above.pop())
                continue
            fd = os.open(part, _PATH, dir_fd=above[-1])
            above.append(fd)
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            text = os.readlink("", dir_fd=fd)
            os.close(above.pop())
            if text.startswith("/"):
                while len(above) > 1:
                    os.close(above.pop())
            todo += [part for part in reversed(text.split("/")) if part not in {"", "."}]


def names(fd: int) -> list[str]:
    """The names in a directory, sorted."""
    opened = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return sorted(os.listdir(opened))  # noqa: PTH208 - a descriptor, not a path
    finally:
        os.close(opened)


def readable(fd: int) -> int:
    """A descriptor to read the regular file with; the caller closes it."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
