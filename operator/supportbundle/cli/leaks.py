"""`supportbundle leaks PATH`: where certain secrets still stand, by rule and place, never by value."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from supportbundle.cli.outcome import warn
from supportbundle.cli.single import CHUNK
from supportbundle.cli.wishes import LIMITS, known_values
from supportbundle.errors import Invalid, SupportBundleError
from supportbundle.model.gap import printable
from supportbundle.sanitize import Archives
from supportbundle.sanitize.archives import Search
from supportbundle.sanitize.leaks.leak import Finding, LeakRules

NONE, FOUND, FAILED = 0, 1, 2
STREAM: Final = "-"
_NAME: Final = 1000


def run(path: str, known: tuple[Path, ...]) -> int:
    """Look. Returns 0 if nothing was found, 1 if something was, else 2 if something could not be looked at."""
    printer = _Printer()
    try:
        search = Search(LeakRules.build(known_values(known)), Archives(LIMITS), printer.found)
        for name in _files(path):
            _look(search, name, printer)
    except SupportBundleError as error:
        printer.failed(str(error))
    return FOUND if printer.findings else FAILED if printer.failures else NONE


def _look(search: Search, name: str, printer: _Printer) -> None:
    try:
        with sys.stdin.buffer if name == STREAM else open(name, "rb") as stream:  # noqa: PTH123 - a name may be no valid text
            report = search.content(iter(lambda: stream.read(CHUNK), b""), name)
        for part in report.parts:
            printer.failed(f"{name}/{part.name}: {part.why}")
        if report.omitted > len(report.parts):
            printer.failed(f"{name}: {report.omitted - len(report.parts)} more members could not be opened.")
    except SupportBundleError as error:
        printer.failed(f"{name}: {error}")
    except OSError as error:
        printer.failed(f"{name}: {error.strerror}.")


def _files(path: str) -> Iterator[str]:
    """The files to look at; links are not followed.

    Raises:
        Invalid: if there is nothing at `path`.
    """
    if path != STREAM and not Path(path).exists():
        raise Invalid(f"{path} does not exist.")
    if path == STREAM or not Path(path).is_dir():
        yield path
        return
    for top, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            file = Path(top, name)
            if file.is_file() and not file.is_symlink():
                yield str(file)


class _Printer:
    """Findings go to standard output, one a line; failures to standard error."""

    def __init__(self) -> None:
        self.findings = self.failures = 0

    def found(self, path: str, line: int, finding: Finding) -> None:
        """A finding."""
        self.findings += 1
        where = f":{line}" if line else ""
        print(f"{printable(path, _NAME)}{where}: {finding.rule} (ends at byte {finding.end})")  # noqa: T201 - a command line speaks

    def failed(self, text: str) -> None:
        """Something that could not be looked at."""
        self.failures += 1
        warn(text)
