"""Output that is there whole or not at all: written beside its place under another name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from supportbundle.errors import Invalid


class Unwritable(Invalid):
    """The output has no room, or no right to be there: the next file would fare no better."""


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """What goes wrong in here, goes wrong with the output.

    Raises:
        Unwritable: for any such error, but a reader of a pipe that left.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        step = "Make room, or name another place for the output." if full else "Name another place for the output."
        raise Unwritable(f"{path} cannot be written: {error.strerror}.", step) from error


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that becomes `path` when the block ends well; else it is removed."""
    if path.exists() and not path.is_file():
        # A device or a pipe is written to; a file put in its place would be the end of it.
        with tempfile.TemporaryFile() as held:
            yield held
            held.seek(0)
            with writing(path), path.open("wb") as device:
                shutil.copyfileobj(held, device)
        return
    with writing(path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:60]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        with writing(path):
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that becomes `path`, which is missing or empty, when the block ends well."""
    with writing(path):
        made = Path(tempfile.mkdtemp(prefix=f".{path.name[:60]}.", dir=path.parent))
    try:
        yield made
        with writing(path):
            made.chmod(0o777 & ~_umask())
            made.replace(path)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
