"""How the zip itself is called, and those of its files which the assembly writes by names that a product gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import StringConstraints, model_validator

from supportbundle.model.base import Value
from supportbundle.model.collectors import OutputName

MANIFEST: Final = "manifest.json"
REDACTIONS: Final = "redactions.json"
WARNINGS: Final = "warning.txt"
COLLECTOR_LOG: Final = "collector.log"
RESERVED: Final = frozenset({MANIFEST, REDACTIONS, WARNINGS, COLLECTOR_LOG})
"""Names that only the assembly gives; compared without case, because some file systems do."""

CLASH: Final = (
    "warnings, collectorLog and requestLog need names of their own, none of them manifest.json or redactions.json"
)
_LONGEST: Final = 200
"""Characters of a download's name; file systems take 255, and an ending may follow."""

DownloadName = Annotated[
    str,
    StringConstraints(
        pattern=r"^([A-Za-z0-9_-]|\{(timestamp|time|name|namespace)\})"
        r"([A-Za-z0-9._-]|\{(timestamp|time|name|namespace)\})*\.zip$",
        max_length=128,
    ),
]


class PlannedArchive(Value):
    """The names that hold for one run; an empty one is not there. `file_name` is what a download is called."""

    file_name: str = ""
    warnings: str = WARNINGS
    collector_log: str = COLLECTOR_LOG
    request_log: str = ""

    def owns(self, path: str) -> bool:
        """Whether only the assembly may write this path of the zip."""
        given = {name.casefold() for name in (self.warnings, self.collector_log, self.request_log)}
        return path.casefold() in RESERVED | given

    def is_warnings(self, path: str) -> bool:
        """Whether it is where the warnings for people stand."""
        return path.casefold() == self.warnings.casefold()


USUAL_NAMES: Final = PlannedArchive()


class ArchiveOptions(Value):
    """Names that a product gives to its own bundle; what is not set keeps its usual name, or is not there."""

    file_name: DownloadName | None = None
    warnings: OutputName | None = None
    collector_log: OutputName | None = None
    request_log: OutputName | None = None

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        """Two files of one name would be one."""
        names = [self.warnings or WARNINGS, self.collector_log or COLLECTOR_LOG, *filter(None, [self.request_log])]
        taken = [MANIFEST, REDACTIONS, *(name.lower() for name in names)]
        if len(set(taken)) < len(taken):
            raise ValueError(CLASH)
        return self

    def over(self, base: ArchiveOptions | None) -> ArchiveOptions:
        """These names, and those of `base` where there are none.

        Raises:
            ValidationError: together they give one name twice.
        """
        return ArchiveOptions.model_validate({**(base.model_dump(exclude_none=True) if base else {}), **self._set()})

    def planned(self, *, name: str, namespace: str, at: datetime) -> PlannedArchive:
        """What holds for a bundle that is planned `at` this instant."""
        values = {
            "{timestamp}": str(int(at.timestamp())),
            "{time}": at.astimezone(UTC).strftime("%Y-%m-%dT%H-%M"),
            "{namespace}": namespace,
            "{name}": name,
        }
        file_name = self.file_name or ""
        for placeholder, value in values.items():
            file_name = file_name.replace(placeholder, value)
        if len(file_name) > _LONGEST:
            file_name = f"{file_name[: _LONGEST - 4]}.zip"
        return PlannedArchive(**{**self._set(), "file_name": file_name})

    def _set(self) -> dict[str, str]:
        return self.model_dump(exclude_none=True)
