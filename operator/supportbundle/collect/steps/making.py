"""What one step makes of its answer and of earlier results, without asking or writing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from supportbundle.collect.steps.answers import parsed
from supportbundle.collect.steps.compose import Document, document
from supportbundle.collect.steps.formats import encoded
from supportbundle.plan.expressions import Meter, NothingThere
from supportbundle.plan.steps import ReadStep

ABSENT = b"null"
"""What stands for an answer whose status the step takes for null."""


@dataclass(frozen=True, slots=True)
class Made:
    """`result` is for later steps, None if no step takes it; `file` is there where the file is made anew."""

    result: object = None
    file: bytes | None = None
    document: Document | None = None


def make(step: ReadStep, data: Mapping[str, object], raw: bytes | None, meter: Meter) -> Made:
    """All that costs the processor's time, in one piece, so that little is held in memory between two awaits.

    `data` are the results of earlier steps by their names, `raw` is the answer to the step's own request.

    Raises:
        NotJSON: the answer is none.
        NothingThere: the value is null, or no field has a source; no failure where the answer is `ABSENT`.
        ExpressionFailed, TooLarge: as the expressions and `formats.encoded`.
    """
    options = step.options
    result: object = None if raw is None else parsed(raw)
    composed = None
    if step.value is not None:
        result = step.value.on(data if raw is None else result, meter)
        if result is None and raw is not ABSENT:
            raise NothingThere("Its value is null.")
    if step.fields:
        seen = data if raw is None else {**data, step.name: result}
        composed = document(step.fields, seen, meter, keep_null=options.keep_null)
        if not composed.found and raw is not ABSENT:
            raise NothingThere("None of its fields has a source.")
        result = composed.content if composed.found else None
    file = None
    if options.output is not None and options.rewritten and result is not None:
        file = encoded(result, options.format, options.indent)
    return Made(result if step.kept else None, file, composed)
