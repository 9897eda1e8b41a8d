"""From the texts that a bundle gives to a template to typed values, and the words for what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from supportbundle.errors import InvalidParameters
from supportbundle.model.quantity import format_duration, parse_duration, parse_quantity
from supportbundle.model.spec import TemplateRef
from supportbundle.model.template import Parameter, ParameterType, Template
from supportbundle.plan.substitute import Given


class _Type(NamedTuple):
    """How a type is read, what it is called, and a value to try templates with."""

    read: Callable[[str], Given]
    words: str
    sample: Given


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


def _boolean(text: str) -> bool:
    return ("false", "true").index(text) == 1


def _quantity(text: str) -> str:
    parse_quantity(text)
    return text


_TYPES: Mapping[ParameterType, _Type] = MappingProxyType(
    {
        ParameterType.STRING: _Type(str, "a text", "x"),
        ParameterType.INTEGER: _Type(_integer, "a whole number such as 8065", 1),
        ParameterType.BOOLEAN: _Type(_boolean, "true or false", sample=True),
        ParameterType.DURATION: _Type(
            lambda text: format_duration(parse_duration(text)), "a duration such as 24h", "30s"
        ),
        ParameterType.QUANTITY: _Type(_quantity, "a quantity of bytes such as 100Mi", "1Mi"),
    }
)


def read(parameter: Parameter, text: str) -> Given:
    """A text as the parameter's type.

    Raises:
        ValueError: in words that follow the text, such as `is no whole number`.
    """
    kind = _TYPES[parameter.type]
    if parameter.enum and text not in parameter.enum:
        raise ValueError(f"is none of {', '.join(parameter.enum)}")
    if parameter.pattern is not None and not _fits(parameter.pattern, text):
        raise ValueError(f"does not match {parameter.pattern}")
    try:
        return kind.read(text)
    except ValueError as error:
        raise ValueError(f"is not {kind.words}") from error


def trouble(parameter: Parameter) -> Iterator[str]:
    """What is wrong with a declaration, as the end of a sentence about the parameter."""
    if parameter.required and parameter.default is not None:
        yield "is required, so its default never holds; remove one of the two"
    try:
        _expression(parameter.pattern or "")
    except SchemaError:
        yield f"has a pattern that is no regular expression without lookaround: {parameter.pattern}"
        return
    bare = parameter.model_copy(update={"enum": ()})
    for text in parameter.enum:
        if problem := _problem(bare, text):
            yield f"has {text!r} in enum, which {problem}"
    if parameter.default is not None and (problem := _problem(parameter, parameter.default)):
        yield f"has the default {parameter.default!r}, which {problem}"


def sample(parameter: Parameter) -> Given:
    """Some value of the right type: the default, or a word of its enum, or a guess."""
    text = parameter.default if parameter.default is not None else next(iter(parameter.enum), None)
    return _TYPES[parameter.type].sample if text is None else read(parameter, text)


def choices(parameter: Parameter, limited: tuple[str, ...] = ()) -> tuple[Given, ...]:
    """All values of a Boolean or an enum, or those it is limited to; of other parameters the sample alone."""
    texts = limited or parameter.enum or (("false", "true") if parameter.type is ParameterType.BOOLEAN else ())
    return tuple(read(parameter, text) for text in texts if not _problem(parameter, text)) or (sample(parameter),)


def values(template: Template, ref: TemplateRef) -> dict[str, Given]:
    """What each parameter is for this bundle; one that is not given and has no default is left out.

    Raises:
        InvalidParameters: naming the parameter, the template and what to write.
    """
    declared = {parameter.name: parameter for parameter in template.spec.parameters}
    _known("parameter", template, declared, ref.parameters)
    found: dict[str, Given] = {}
    for name, parameter in declared.items():
        text = ref.parameters.get(name, parameter.default)
        if text is None:
            if parameter.required:
                raise _missing("parameter", template, name, parameter.description)
            continue
        try:
            found[name] = read(parameter, text)
        except ValueError as error:
            raise InvalidParameters(
                f"Parameter {name} of template {template.name}: {text!r} {error}.",
                f"Correct spec.templateRef.parameters.{name} in a new bundle.",
            ) from error
    return found


def secrets(template: Template, ref: TemplateRef) -> dict[str, str]:
    """The name of the Secret for each declared one that the bundle gives.

    Raises:
        InvalidParameters: as `values`.
    """
    declared = {secret.name: secret for secret in template.spec.secrets}
    _known("secret", template, declared, ref.secrets)
    for name, secret in declared.items():
        if secret.required and name not in ref.secrets:
            raise _missing("secret", template, name, secret.description)
    return {name: given.name for name, given in ref.secrets.items()}


def _known(kind: str, template: Template, declared: Mapping[str, object], given: Mapping[str, object]) -> None:
    if unknown := sorted(given.keys() - declared.keys()):
        has = f"it has {', '.join(sorted(declared))}" if declared else "it has none"
        raise InvalidParameters(
            f"Template {template.name} has no {kind} {', '.join(unknown)}; {has}.",
            f"Correct spec.templateRef.{kind}s in a new bundle.",
        )


def _missing(kind: str, template: Template, name: str, description: str) -> InvalidParameters:
    what = f" ({description.rstrip('.')})" if description else ""
    return InvalidParameters(
        f"Template {template.name} needs the {kind} {name}{what}.",
        f"Set spec.templateRef.{kind}s.{name} in a new bundle.",
    )


def _problem(parameter: Parameter, text: str) -> str:
    try:
        read(parameter, text)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def _expression(pattern: str) -> TypeAdapter[str]:
    """Pydantic's own engine, which takes linear time whatever an admin writes and a user gives."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")])


def _fits(pattern: str, text: str) -> bool:
    try:
        _expression(pattern).validate_python(text)
    except ValidationError:
        return False
    return True
