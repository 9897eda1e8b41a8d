"""From a bundle and its template to what the bundle asks for: pure, so that the same two always mean the same plan.

A template widens nothing. `capabilities` are the bundle's alone, and what admission can only see in the fields of
collectors (facts about the cluster, shapes of Secrets) holds only if the bundle itself asks for it too.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from supportbundle.errors import InvalidParameters, InvalidRule
from supportbundle.model.archive import CLASH, ArchiveOptions
from supportbundle.model.coherence import incoherent, incoherent_target
from supportbundle.model.gap import Gap
from supportbundle.model.request import Request
from supportbundle.model.spec import CollectorSpec, Sanitization, SupportBundleSpec, Target, TemplateRef
from supportbundle.model.template import Template, TemplateCollector, UsedTemplate, When
from supportbundle.plan import parameters
from supportbundle.plan.fallbacks import collector_of
from supportbundle.plan.steps import wrong_with
from supportbundle.plan.substitute import BadReference, Found, Given, as_text, made, references, referred_at
from supportbundle.plan.templatecheck import require_valid

STRIPPED = "and this bundle does not ask for it itself, so nobody has checked that its requester may have it."


def resolve(spec: SupportBundleSpec, template: Template) -> Request:
    """What the bundle asks for: the template's collectors, filled in, and its own.

    A collector of the bundle replaces the template's of the same name, and the bundle's target that of the template;
    sanitizing rules add up.

    Raises:
        InvalidTemplate: the template's author must correct it.
        InvalidParameters: the bundle's must; the message names the parameter.
        InvalidRule: a rule of the bundle bears the name of another one in the template.
    """
    require_valid(template)
    ref = spec.template_ref or TemplateRef(name=template.name)
    given, secrets = parameters.values(template, ref), parameters.secrets(template, ref)
    filler = _Filler(template, given, secrets)
    filled = [filler.collector(found) for found in template.spec.collectors if filler.wants(found.when)]
    own = {collector.name: collector for collector in spec.collectors}
    gaps: list[Gap] = []
    merged = {found.name: own.get(found.name) or _bounded(found, spec, template.name, gaps) for found in filled}
    asked = spec.model_copy(
        update={
            "target": spec.target or filler.target(),
            "collectors": _bridged(merged | own, template),
            "sanitization": _added(template, spec.sanitization),
            "archive": _names(filler.archive(), template.name, spec.archive),
        }
    )
    used = UsedTemplate(
        name=template.name,
        uid=template.uid,
        generation=template.generation,
        parameters={name: as_text(value) for name, value in given.items()},
        secrets=tuple(sorted(secrets)),
    )
    return Request(asked, tuple(gaps), used)


class _Filler:
    """Makes real collectors of the template's, for one bundle."""

    def __init__(self, template: Template, given: Mapping[str, Given], secrets: Mapping[str, str]) -> None:
        self._template = template
        self._given = given
        self._secrets = secrets

    def wants(self, when: When | None) -> bool:
        if when is None:
            return True
        if when.parameter is None:
            return when.secret in self._secrets
        if when.parameter not in self._given:
            return False
        declared = next(found for found in self._template.spec.parameters if found.name == when.parameter)
        wanted = {parameters.read(declared, text) for text in when.values}
        return not wanted or self._given[when.parameter] in wanted

    def collector(self, found: TemplateCollector) -> CollectorSpec:
        raw = found.raw
        try:
            spec = made(CollectorSpec, raw, self._given, self._secrets)
        except (BadReference, ValidationError) as error:
            raise self._refused(f"collector {found.name}", raw, error) from error
        for said in incoherent(spec):
            raise self._unfit(f"collector {found.name}", references(raw), said)
        for index, said in wrong_with(spec):
            place = referred_at(raw, ("api", "steps", index))
            raise self._unfit(f"collector {found.name}", place or references(raw), said)
        return spec

    def target(self) -> Target | None:
        raw = self._template.spec.target
        if raw is None:
            return None
        try:
            spec = made(Target, raw, self._given, self._secrets)
        except (BadReference, ValidationError) as error:
            raise self._refused("target", raw, error) from error
        for said in incoherent_target(spec):
            raise self._unfit("target", references(raw), said)
        return spec

    def archive(self) -> ArchiveOptions | None:
        found = self._template.spec.archive
        if found is None:
            return None
        try:
            return made(ArchiveOptions, found.raw, self._given, self._secrets)
        except (BadReference, ValidationError) as error:
            raise self._refused("archive", found.raw, error) from error

    def _refused(self, where: str, raw: dict[str, JsonValue], error: ValueError) -> InvalidParameters:
        if not isinstance(error, ValidationError):
            return self._unfit(where, references(raw), f"makes {error}")
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return self._unfit(where, referred_at(raw, first["loc"]) or references(raw), f"at {place}: {first['msg']}")

    def _unfit(self, where: str, found: Found, said: str) -> InvalidParameters:
        names = sorted(found.parameters)
        shown = ", ".join(f"{name}={as_text(self._given[name])!r}" for name in names)
        return InvalidParameters(
            f"{'Parameter' if len(names) == 1 else 'Parameters'} {shown} of template {self._template.name} "
            f"cannot stand in {where}: {said}.",
            f"Correct spec.templateRef.parameters.{names[0]} in a new bundle." if len(names) == 1 else "Correct them.",
        )


def _bounded(found: CollectorSpec, spec: SupportBundleSpec, template: str, gaps: list[Gap]) -> CollectorSpec:
    """The collector without what only the bundle itself can ask for, where admission sees it; each such is a gap."""
    asks = f"Template {template} asks for"
    if found.resources and found.resources.cluster_info and not spec.wants_cluster_info:
        message = f"{asks} clusterInfo, {STRIPPED} Add a collector of type Resources with clusterInfo to a new bundle."
        gaps.append(Gap.say("NotAllowed", message, target="clusterInfo", collector=found.name))
        found = found.model_copy(update={"resources": found.resources.model_copy(update={"cluster_info": False})})
    if found.config and found.config.secret_shapes and not spec.uses_secrets:
        message = f"{asks} secretShapes, {STRIPPED} Add a collector of type Config with secretShapes to a new bundle."
        gaps.append(Gap.say("NotAllowed", message, target="secretShapes", collector=found.name))
        found = found.model_copy(update={"config": found.config.model_copy(update={"secret_shapes": False})})
    return found


def _bridged(asked: Mapping[str, CollectorSpec], template: Template) -> tuple[CollectorSpec, ...]:
    """A fallback for what is not taken stands in for what that one stood in for, if for anything."""
    left_out = {found.name: found.fallback_for for found in template.spec.collectors if found.name not in asked}

    def nearest(wanted: str | None) -> str | None:
        while wanted is not None and collector_of(wanted) in left_out:
            wanted = left_out[collector_of(wanted)]
        return wanted

    def bridged(found: CollectorSpec) -> CollectorSpec:
        wanted = nearest(found.fallback_for)
        return found.model_copy(
            update={"fallback_for": wanted, "fallback_when": found.fallback_when if wanted else None}
        )

    return tuple(bridged(found) for found in asked.values())


def _names(base: ArchiveOptions | None, template: str, own: ArchiveOptions | None) -> ArchiveOptions | None:
    """The bundle's names, and the template's where it gives none."""
    try:
        return own.over(base) if own else base
    except ValidationError as error:
        raise InvalidParameters(
            f"The names in spec.archive and those of template {template} do not go together: {CLASH}.",
            "Correct spec.archive in a new bundle.",
        ) from error


def _added(template: Template, own: Sanitization) -> Sanitization:
    """Both together."""
    base = template.spec.sanitization
    rules = tuple(dict.fromkeys((*base.rules, *own.rules)))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRule(
                f"Sanitizing rule {name} stands in template {template.name} and, otherwise, in the bundle.",
                "Rename that of the bundle.",
            )
    return Sanitization(
        pseudonymize=tuple(dict.fromkeys((*base.pseudonymize, *own.pseudonymize))),
        hostnames=tuple(dict.fromkeys((*base.hostnames, *own.hostnames))),
        domains=tuple(dict.fromkeys((*base.domains, *own.domains))),
        users=tuple(dict.fromkeys((*base.users, *own.users))),
        keep_shape=base.keep_shape or own.keep_shape,
        rules=rules,
    )
