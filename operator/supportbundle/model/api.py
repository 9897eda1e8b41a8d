"""The options of a collector of type API: a sequence of requests, and what is made of their answers.

Expressions and paths with expressions are only bounded here; `plan/steps.py` reads them.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from supportbundle.model.base import Value
from supportbundle.model.collectors import Header, HeaderSource, PodChoice, Port, TLSOptions, Via
from supportbundle.model.placing import Missing
from supportbundle.model.quantity import ByteQuantity, Duration

MAX_STEPS = 64
MAX_FIELDS = 128

StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9_]{0,62}$")]
"""How later expressions call what a step made, so it is what JMESPath takes without quotes."""

Expression = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""JMESPath."""

StepPath = Annotated[str, StringConstraints(pattern=r"^/[\x20-\x22\x24-\x7e]*$", max_length=1024)]
"""A URL's path with its query, percent-encoded, in which `{JMESPath}` is filled in and `{{` is a brace."""

OutputPath = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,7}$"),
]
"""A file below the collector's folder, perhaps in folders of its own."""

FieldKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}([.][A-Za-z0-9_-]{1,64}){0,7}$", max_length=256)
]
"""A key of an object; a dot leads into an object inside it."""

FailedStatus = Annotated[int, Field(ge=300, le=599)]


class DocumentFormat(StrEnum):
    """How a step writes what it made."""

    JSON = "JSON"
    YAML = "YAML"
    TEXT = "Text"


class DocumentField(Value):
    """One key of a document that is put together; its expression sees all earlier steps by their names."""

    key: FieldKey
    value: Expression


class Step(Value):
    """A request (`path`), or a document of earlier answers.

    What later steps see under its name is its value or its document where it has one, else its answer. With `unwrap`
    the answer is a zip: its members become files, and `output`, if it is set, is their folder. `note` is for readers of
    the manifest.
    """

    name: StepName
    path: StepPath | None = None
    value: Expression | None = None
    fields: Annotated[tuple[DocumentField, ...], Field(max_length=MAX_FIELDS)] = ()
    output: OutputPath | None = None
    format: DocumentFormat = DocumentFormat.JSON
    indent: Annotated[int, Field(ge=1, le=8)] | None = None
    keep_null: bool = False
    report_missing: bool = False
    missing: Missing | None = None
    note: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    when: Expression | None = None
    accept: Annotated[tuple[FailedStatus, ...], Field(max_length=8)] = ()
    fallback_for: StepName | None = None
    unwrap: bool = False

    @property
    def rewritten(self) -> bool:
        """Whether the file is made anew. Otherwise the bytes of the answer stay as they came."""
        made = self.value is not None or bool(self.fields)
        return made or self.indent is not None or self.format != DocumentFormat.JSON


class APIOptions(Value):
    """Requests to one port of a target pod, or of a Service with target pods behind it, one after the other."""

    port: Port
    service: Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    pods: PodChoice = PodChoice.ONE
    via: Via = Via.PORT_FORWARD
    tls: TLSOptions | None = None
    headers: Annotated[tuple[Header, ...], Field(max_length=16)] = ()
    headers_from: Annotated[tuple[HeaderSource, ...], Field(max_length=8)] = ()
    timeout: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=30)
    max_bytes: Annotated[ByteQuantity, Field(ge=1 << 10, le=4 << 30)] = 10 << 20
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS)]
