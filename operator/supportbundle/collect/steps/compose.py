"""A document that is put together of several answers, key by key, in the order of its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from supportbundle.plan.expressions import Expression, ExpressionFailed, Meter

Fields = Sequence[tuple[tuple[str, ...], Expression]]


@dataclass(slots=True)
class Document:
    """The object. `found` says that some key has a source.

    `left_out` are the keys that have none, `failed` those of them whose expression does not fit the answers.
    """

    content: dict[str, object] = field(default_factory=dict)
    found: bool = False
    left_out: list[str] = field(default_factory=list)
    failed: list[tuple[str, ExpressionFailed]] = field(default_factory=list)

    def put(self, key: tuple[str, ...], value: object, *, keep_null: bool) -> None:
        """One more key; all but its last part lead into objects inside."""
        if value is None:
            self.left_out.append(".".join(key))
            if not keep_null:
                return
        else:
            self.found = True
        inner = self.content
        for part in key[:-1]:
            step = inner.setdefault(part, {})
            assert isinstance(step, dict), "no field lies inside another"  # noqa: S101 - `plan/steps.py` sees to it
            inner = step
        inner[key[-1]] = value


def document(fields: Fields, data: Mapping[str, object], meter: Meter, *, keep_null: bool) -> Document:
    """All fields; one whose expression does not fit the answers is left out and costs nothing else.

    Raises:
        TooLarge: the expressions take or make too much.
    """
    made = Document()
    for key, expression in fields:
        try:
            value = expression.on(data, meter)
        except ExpressionFailed as error:
            made.failed.append((".".join(key), error))
            value = None
        made.put(key, value, keep_null=keep_null)
    return made
