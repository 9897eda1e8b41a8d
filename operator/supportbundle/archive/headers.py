"""Proof that a fragment's local headers say what its index says.

A reader that streams a zip from its front believes local headers; one that seeks believes the central directory. A
hostile fragment could show each of them other names. The index implies every byte of every local header, and the server
copies records unseen, so those bytes, and only those, are fetched and compared before the assembly. Neighbours are
fetched together, so small members cost one request per `MAX_WINDOW` and large ones one each.

What this leaves open: the deflate streams are not inflated. A stream that ends early and hides another record behind
itself is seen only by readers that ignore the compressed size, and its hidden bytes are the tenant's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from supportbundle.archive.footer import Read
from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.records import local_header
from supportbundle.errors import Corrupt

JOIN: Final = 64 << 10
"""Bytes between two headers that are cheaper to read over than to skip with a second request."""

MAX_WINDOW: Final = 4 << 20

Run = Callable[[Callable[["HeaderWindow"], None], Iterable["HeaderWindow"]], Iterable[None]]
"""The shape of `map`, and of an executor's."""


@dataclass(frozen=True, slots=True)
class HeaderWindow:
    """Bytes `[start, end)` of a fragment, from the first local header of `entries` to the end of the last one."""

    start: int
    end: int
    entries: tuple[IndexEntry, ...]

    def check(self, data: bytes, modified: datetime) -> None:
        """Compare the window's bytes with what its entries imply.

        Raises:
            Corrupt: a header differs.
        """
        view = memoryview(data)
        for entry in self.entries:
            at = entry.offset - self.start
            if view[at : at + entry.header_size] != local_header(entry, modified):
                raise Corrupt(
                    f"The fragment is corrupt: the local header of {entry.path[:200]!a} contradicts the index.",
                    "Create the bundle again; compare the collector's image.",
                )


def header_windows(index: FragmentIndex) -> Iterator[HeaderWindow]:
    """All local headers of a fragment in as few reads as `JOIN` and `MAX_WINDOW` allow."""
    group: list[IndexEntry] = []
    for entry in index.members:
        if group and not _near(group, entry):
            yield _window(group)
            group = []
        group.append(entry)
    if group:
        yield _window(group)


def verify_headers(read: Read, index: FragmentIndex, *, modified: datetime, run: Run = map) -> None:
    """Check every local header of a fragment; give an executor's `map` as `run` to read windows in parallel.

    Raises:
        Corrupt: a header differs. Errors of `read` pass through.
    """

    def check(window: HeaderWindow) -> None:
        window.check(read(window.start, window.end), modified)

    for _ in run(check, header_windows(index)):
        pass


def _near(group: list[IndexEntry], entry: IndexEntry) -> bool:
    gap = entry.offset - group[-1].offset - group[-1].header_size
    return gap <= JOIN and entry.offset + entry.header_size - group[0].offset <= MAX_WINDOW


def _window(group: list[IndexEntry]) -> HeaderWindow:
    return HeaderWindow(group[0].offset, group[-1].offset + group[-1].header_size, tuple(group))
