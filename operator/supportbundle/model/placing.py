"""Where the files of a collector stand in the zip when somebody says so, and what stands there when there is none."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import StringConstraints

from supportbundle.model.base import Value

FILE: Final = "{file}"
_NAME: Final = r"([A-Za-z0-9_]|\{(pod|container|collector)\})([A-Za-z0-9._-]|\{(pod|container|collector)\})*"
PATH_PATTERN: Final = rf"^(\{{(pod|container)/\}}|{_NAME}/)*({_NAME}|({_NAME})?\{{file\}})$"
OutputPath = Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=256)]
"""Plain names and placeholders; no segment begins with a dot, so none can be `..` whatever is filled in."""

FALLBACK_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(/[a-z][A-Za-z0-9_]{0,62})?$"
FallbackFor = Annotated[str, StringConstraints(pattern=FALLBACK_PATTERN, max_length=127)]
"""A collector, or `collector/step`."""


class FallbackWhen(StrEnum):
    """When a fallback runs: if what it stands in for wrote nothing, or also if just a file of its own is missing."""

    NOTHING_WRITTEN = "NothingWritten"
    FILE_MISSING = "FileMissing"


class Missing(StrEnum):
    """What stands at a collector's path when it has written nothing there."""

    NULL = "Null"
    EMPTY = "Empty"


class MissingFile(Value):
    """A path of the zip that must be there, whether or not anything could be collected for it."""

    path: str
    content: Missing
    collector: str

    @property
    def data(self) -> bytes:
        """What is written."""
        return b"null\n" if self.content == Missing.NULL else b""
