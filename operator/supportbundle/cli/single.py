"""One file through the sanitizer and the leak check into a place of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from supportbundle.cli.atomic import Unwritable, new_file, writing
from supportbundle.cli.outcome import Outcome
from supportbundle.errors import SupportBundleError
from supportbundle.sanitize import Report, Sanitizer
from supportbundle.sanitize.archives import kind, rebuilt

CHUNK: Final = 256 << 10
_HEAD: Final = 512


def from_file(sanitizer: Sanitizer, source: Path, target: Path, name: str) -> Outcome:
    """Sanitize `source` into `target`; an outcome that says why if that is not possible, and then no target."""
    try:
        with source.open("rb") as file, new_file(target) as out:
            size = os.fstat(file.fileno()).st_size
            report = Report(detailed=True)
            checked(sanitizer, _pieces(sanitizer, file, size, name, report), out)
        return Outcome.of(name, report, size)
    except Unwritable:
        raise
    except SupportBundleError as error:
        return Outcome.lost(name, str(error))
    except OSError as error:
        return Outcome.lost(name, f"{error.strerror}.")


def from_stream(sanitizer: Sanitizer, source: IO[bytes], out: IO[bytes]) -> Report:
    """Sanitize a stream; nothing in `out` may be used before this returns.

    Raises:
        Unsanitizable: if it cannot be proven clean.
    """
    report = Report(detailed=True)
    checked(sanitizer, _streamed(sanitizer, iter(lambda: source.read(CHUNK), b""), "", report), out)
    return report


def checked(sanitizer: Sanitizer, pieces: Iterator[bytes], out: IO[bytes]) -> None:
    """Write the pieces, each seen by the leak check.

    Raises:
        Unsanitizable: if it finds something.
    """
    check = sanitizer.leak_check()
    for piece in pieces:
        check.feed(piece)
        with writing("The output"):
            out.write(piece)
    check.finish()
    with writing("The output"):
        out.flush()


def _pieces(sanitizer: Sanitizer, file: IO[bytes], size: int, name: str, report: Report) -> Iterator[bytes]:
    if not file.seekable():
        return _streamed(sanitizer, iter(lambda: file.read(CHUNK), b""), name, report)
    head = file.read(_HEAD)
    file.seek(0)
    if kind(head):
        return rebuilt(sanitizer, file, size, name, report)
    return _streamed(sanitizer, iter(lambda: file.read(CHUNK), b""), name, report)


def _streamed(sanitizer: Sanitizer, chunks: Iterator[bytes], name: str, report: Report) -> Iterator[bytes]:
    stream = sanitizer.open(name, report)
    for chunk in chunks:
        yield stream.feed(chunk)
    yield from stream.ending()
