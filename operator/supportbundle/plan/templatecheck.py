"""What is wrong with a template whatever a bundle gives: told to its author, and to bundles that name it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue, ValidationError

from supportbundle.errors import InvalidTemplate
from supportbundle.model.archive import ArchiveOptions
from supportbundle.model.capability import Capability
from supportbundle.model.coherence import incoherent, incoherent_target
from supportbundle.model.spec import CollectorSpec, Target
from supportbundle.model.template import Template, TemplateCollector, When
from supportbundle.plan import fallbacks, parameters
from supportbundle.plan.steps import wrong_with
from supportbundle.plan.substitute import BadReference, Given, made, references, referred_at

Requires = Callable[[CollectorSpec], frozenset[Capability]]
SHOWN = 5
"""Problems of a template that one message tells."""

TRIALS = 64
"""Combinations of values that one collector is tried with; each takes about a millisecond."""


def require_valid(template: Template, requires: Requires | None = None) -> None:
    """As `problems`.

    Raises:
        InvalidTemplate: there are some.
    """
    if found := list(problems(template, requires)):
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InvalidTemplate(
            f"Template {template.name} cannot be used: {'; '.join(found[:SHOWN])}{more}.", "Its author must correct it."
        )


def problems(template: Template, requires: Requires | None = None) -> Iterator[str]:
    """Everything that is wrong with the template whatever a bundle gives.

    `requires` tells the capabilities of a collector, which the template must list.
    """
    for parameter in template.spec.parameters:
        found = list(parameters.trouble(parameter))
        yield from (f"parameter {parameter.name} {trouble}" for trouble in found)
        if found:
            return
    checker = _Checker(template)
    yield from checker.target()
    yield from checker.archive()
    for collector in template.spec.collectors:
        yield from (f"collector {collector.name}: {said}" for said in checker.collector(collector, requires))
    for name, said in fallbacks.problems({found.name: found.fallback_for for found in template.spec.collectors}):
        yield f"collector {name}: {said}"


class _Checker:
    """Tries a template with samples: what does not depend on them must hold for every bundle."""

    def __init__(self, template: Template) -> None:
        spec = template.spec
        self._spec = spec
        self._parameters = {parameter.name: parameter for parameter in spec.parameters}
        self._secrets = {secret.name: secret for secret in spec.secrets}
        self._samples = {name: parameters.sample(parameter) for name, parameter in self._parameters.items()}
        self._stand_ins = dict.fromkeys(self._secrets, "sample")
        self._guessed = {parameter.name for parameter in spec.parameters if parameter.default is None}

    def target(self) -> Iterator[str]:
        raw = self._spec.target
        if raw is None:
            return
        if wrong := self._references(raw, None):
            yield from (f"target: {said}" for said in wrong)
            return
        try:
            spec = made(Target, raw, self._samples, self._stand_ins)
        except (BadReference, ValidationError) as error:
            yield from (f"target: {said}" for said in self._errors(raw, error))
            return
        if not references(raw).parameters & self._guessed:
            yield from (f"target: {said}" for said in incoherent_target(spec))

    def archive(self) -> Iterator[str]:
        archive = self._spec.archive
        if archive is None:
            return
        if wrong := self._references(archive.raw, None):
            yield from (f"archive: {said}" for said in wrong)
            return
        try:
            made(ArchiveOptions, archive.raw, self._samples, self._stand_ins)
        except (BadReference, ValidationError) as error:
            yield from (f"archive: {said}" for said in self._errors(archive.raw, error))

    def collector(self, found: TemplateCollector, requires: Requires | None) -> Iterator[str]:
        yield from self._when(found.when)
        raw = found.raw
        if wrong := self._references(raw, found.when):
            yield from wrong
            return
        try:
            spec = made(CollectorSpec, raw, self._samples, self._stand_ins)
        except (BadReference, ValidationError) as error:
            yield from self._errors(raw, error)
            return
        if not references(raw).parameters & self._guessed:
            yield from incoherent(spec)
        for index, said in wrong_with(spec):
            place = referred_at(raw, ("api", "steps", index))
            if place is None or not place.parameters & self._guessed:
                yield said
        if requires and (missing := self._needed(found, requires, spec) - set(self._spec.capabilities)):
            yield f"it needs {', '.join(sorted(missing))}, which spec.capabilities does not list"

    def _needed(self, found: TemplateCollector, requires: Requires, spec: CollectorSpec) -> frozenset[Capability]:
        """What the collector needs with any value of Booleans and enums: an option may take a capability more."""
        needed = requires(spec)
        for given in itertools.islice(self._trials(found), TRIALS):
            try:
                needed |= requires(made(CollectorSpec, found.raw, given, self._stand_ins))
            except (BadReference, ValidationError):
                continue  # Whoever gives this value is told so.
        return needed

    def _trials(self, found: TemplateCollector) -> Iterator[dict[str, Given]]:
        """Samples with other values: all combinations while they are few, else one value at a time."""
        options: dict[str, tuple[Given, ...]] = {}
        for name in sorted(references(found.raw).parameters):
            parameter, when = self._parameters[name], found.when
            limited = when.values if when and when.parameter == name else ()
            options[name] = parameters.choices(parameter, limited)
        if math.prod(map(len, options.values())) <= TRIALS:
            for chosen in itertools.product(*options.values()):
                yield {**self._samples, **dict(zip(options, chosen, strict=True))}
        else:
            for name, choices in options.items():
                for choice in choices:
                    yield {**self._samples, name: choice}

    def _when(self, when: When | None) -> Iterator[str]:
        if when is None:
            return
        if (when.parameter is None) == (when.secret is None):
            yield "when names either a parameter or a secret"
        if when.secret is not None and when.secret not in self._secrets:
            yield f"when: there is no secret {when.secret}"
        if when.parameter is None:
            return
        if when.parameter not in self._parameters:
            yield f"when: there is no parameter {when.parameter}"
            return
        for text in when.values:
            try:
                parameters.read(self._parameters[when.parameter], text)
            except ValueError as error:
                yield f"when: {when.parameter} can never be {text!r}, which {error}"

    def _references(self, raw: dict[str, JsonValue], when: When | None) -> list[str]:
        """What is wrong with the references themselves."""
        try:
            found = references(raw)
        except BadReference as error:
            return [str(error)]
        said = [
            *self._undeclared("parameter", found.parameters, self._parameters),
            *self._undeclared("secret", found.secrets, self._secrets),
        ]
        said += (
            f"parameter {name} may be missing; give it a default, or the collector when: {{parameter: {name}}}"
            for name in sorted(found.parameters & self._parameters.keys())
            if not self._parameters[name].always_there and not (when and when.parameter == name)
        )
        said += (
            f"secret {name} may be missing; make it required, or give the collector when: {{secret: {name}}}"
            for name in sorted(found.secrets & self._secrets.keys())
            if not self._secrets[name].required and not (when and when.secret == name)
        )
        return said

    def _undeclared(self, kind: str, used: frozenset[str], declared: Mapping[str, object]) -> list[str]:
        return [f"there is no {kind} {name}; declare it in spec.{kind}s" for name in sorted(used - declared.keys())]

    def _errors(self, raw: dict[str, JsonValue], error: ValueError) -> Iterator[str]:
        """Those that no other value of a parameter can mend."""
        if not isinstance(error, ValidationError):
            yield str(error)
            return
        for item in error.errors(include_url=False):
            found = referred_at(raw, item["loc"])
            if found is None or not found.parameters & self._guessed:
                yield f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
