"""`supportbundle sanitize IN OUT`: a file, a folder or a stream, by the same rules as in a cluster."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final, NoReturn

from supportbundle.cli.atomic import new_file, new_folder
from supportbundle.cli.folder import mirror
from supportbundle.cli.outcome import Outcome, tell
from supportbundle.cli.single import from_file, from_stream
from supportbundle.cli.wishes import Wishes
from supportbundle.errors import Invalid

__all__ = ["Wishes", "run"]
STREAM: Final = "-"


def run(source: str, target: str, wishes: Wishes, *, report: Path | None) -> int:
    """Do it. Returns 0, 1 if nothing was written, or 3 if something was left out.

    Raises:
        Invalid: what was asked for cannot be done; nothing was written.
    """
    _check(source, target, report)
    signal.signal(signal.SIGTERM, _ended)
    sanitizer = wishes.build()
    reasons = {rule.name: rule.reason for rule in wishes.own_rules() if rule.reason}
    path, out = Path(source), Path(target)
    if source != STREAM and path.is_dir():
        with new_folder(out) as made:
            outcomes = mirror(wishes.build, sanitizer, path, made, wishes.jobs)
        return tell(outcomes, reasons, report)
    if STREAM not in {source, target}:
        outcome = from_file(sanitizer, path, out, path.name)
        if not outcome.files:
            raise Invalid(f"{source}: {outcome.left_out[0][1]}", "Nothing was written.")
    else:
        with tempfile.TemporaryFile() as held:
            with sys.stdin.buffer if source == STREAM else path.open("rb") as stream:
                result = from_stream(sanitizer, stream, held)
            held.seek(0)
            if target == STREAM:
                shutil.copyfileobj(held, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                with new_file(out) as file:
                    shutil.copyfileobj(held, file)
        outcome = Outcome.of("" if source == STREAM else path.name, result, 0)
    return tell([outcome], reasons, report)


def _ended(*_: object) -> NoReturn:
    """End as from the keyboard: half an output and the other processes go too."""
    raise KeyboardInterrupt


def _check(source: str, target: str, report: Path | None) -> None:
    if source != STREAM and not Path(source).exists():
        raise Invalid(f"{source} does not exist.", "Name a file, a folder, or - for standard input.")
    if STREAM not in {source, target}:
        _check_apart(Path(source).resolve(), Path(target).resolve())
    if source != STREAM and Path(source).is_dir():
        _check_new_folder(target)
    elif target != STREAM and Path(target).is_dir():
        raise Invalid(f"{target} is a folder.", "Name a file for the output.")
    if report is not None and {report.resolve()} & {
        Path(name).resolve() for name in (source, target) if name != STREAM
    }:
        raise Invalid("The report would replace IN or OUT.", "Name another file with --report.")
    if report is not None and report.is_dir():
        raise Invalid(f"{report} is a folder.", "Name a file for the report.")
    for place in (Path(target) if target != STREAM else None, report):
        if place is not None and not place.absolute().parent.is_dir():
            raise Invalid(f"The folder {place.absolute().parent} does not exist.", "Make it first.")


def _check_apart(path: Path, out: Path) -> None:
    if path == out or (out.exists() and path.samefile(out)):
        raise Invalid("IN and OUT are the same.", "Name another place for the output.")
    if path.is_dir() and out.is_relative_to(path):
        raise Invalid("OUT lies inside IN.", "Name a place outside of it for the output.")
    if path.is_relative_to(out):
        raise Invalid("IN lies inside OUT.", "Name another place for the output.")


def _check_new_folder(target: str) -> None:
    if target == STREAM:
        raise Invalid("A folder cannot go to standard output.", "Name a folder for the output.")
    out = Path(target)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Invalid(f"{target} exists already.", "Remove it, or name another place for the output.")
