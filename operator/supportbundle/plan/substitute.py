"""References in templates: `$(name)` in any string below target and collectors, and in archive. Evaluated once.

`$$(` is a plain `$(`. What is filled in is never looked at again, so no value can smuggle in a reference. Names of
Secrets are no text: a key called `secret` names a Secret that the template declares, and nothing else can stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import JsonValue

from supportbundle.model.base import Value
from supportbundle.model.template import PARAMETER_NAME

V = TypeVar("V", bound=Value)
Given = str | int | bool
SECRET_KEY: Final = "secret"  # noqa: S105 - the name of a field
LONGEST: Final = 16_384
"""Characters of a string once it is filled in; no option of a collector holds more."""
_TOKEN = re.compile(rf"\$\$\(|\$\(({PARAMETER_NAME})\)|\$\(")


class BadReference(ValueError):
    """What stands there is no reference, or a string has become too long."""


@dataclass(frozen=True, slots=True)
class Found:
    """The names that a value refers to."""

    parameters: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)


def references(value: JsonValue) -> Found:
    """All references below `value`.

    Raises:
        BadReference: a `$(` begins none.
    """
    found = list(_references(value))
    return Found(
        frozenset(name for name, secret in found if not secret), frozenset(name for name, secret in found if secret)
    )


def referred_at(raw: JsonValue, place: tuple[int | str, ...]) -> Found | None:
    """The references at a place below `raw`, as near as there is something; None where there are none."""
    value: JsonValue = raw
    for step in place:
        match value, step:
            case dict(), str() if step in value:
                value = value[step]
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                break
    found = references(value)
    return found if found.parameters else None


def fill(value: JsonValue, given: Mapping[str, Given], secrets: Mapping[str, str]) -> JsonValue:
    """`value` with all references filled in. A string that is nothing but one takes the parameter's own type.

    Raises:
        KeyError: a name is not given.
        BadReference: a `$(` begins no reference, or a string has become longer than `LONGEST`.
    """
    match value:
        case str():
            return _filled(value, given)
        case list():
            return [fill(item, given, secrets) for item in value]
        case dict():
            return {
                key: secrets[item] if key == SECRET_KEY and isinstance(item, str) else fill(item, given, secrets)
                for key, item in value.items()
            }
        case _:
            return value


def made(kind: type[V], raw: JsonValue, given: Mapping[str, Given], secrets: Mapping[str, str]) -> V:
    """`raw` filled in and read as the API would read it: by the names that it writes.

    Raises:
        ValidationError: it is none of this kind.
        KeyError, BadReference: as `fill`.
    """
    return kind.model_validate(fill(raw, given, secrets), by_alias=True, by_name=False)


def _references(value: JsonValue) -> Iterator[tuple[str, bool]]:
    match value:
        case str():
            yield from ((name, False) for name in _names(value))
        case list():
            for item in value:
                yield from _references(item)
        case dict():
            for key, item in value.items():
                if "$(" in key:
                    raise BadReference(f"{key!r} is a key; references stand in values only")
                if key == SECRET_KEY and isinstance(item, str):
                    yield item, True
                else:
                    yield from _references(item)
        case _:
            pass


def _names(text: str) -> Iterator[str]:
    for token in _TOKEN.finditer(text):
        if token[0] == "$(":
            raise BadReference(f"{text[token.start() :][:40]!r} begins no reference; write $$( for a plain $(")
        if token[1]:
            yield token[1]


def _filled(text: str, given: Mapping[str, Given]) -> Given:
    names = list(_names(text))
    if len(names) == 1 and text == f"$({names[0]})":
        return given[names[0]]
    filled = _TOKEN.sub(lambda token: as_text(given[token[1]]) if token[1] else "$(", text)
    if len(filled) > LONGEST:
        raise BadReference(f"a string of more than {LONGEST} characters")
    return filled


def as_text(value: Given) -> str:
    """A value as it stands inside a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)
