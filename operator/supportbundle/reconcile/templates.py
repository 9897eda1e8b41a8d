"""Templates: reading the one that a bundle names, and telling authors what the operator makes of theirs."""

from __future__ import annotations

import logging

from supportbundle.decide.world import Refusal
from supportbundle.errors import Conflict, InvalidParameters, InvalidRule, InvalidTemplate, NotFound
from supportbundle.model.bundle import Bundle
from supportbundle.model.capability import Capability
from supportbundle.model.conditions import MESSAGE_LIMIT, ConditionStatus
from supportbundle.model.gap import printable
from supportbundle.model.plan import dump
from supportbundle.model.request import Request
from supportbundle.model.spec import CollectorSpec
from supportbundle.model.template import (
    Template,
    TemplateCondition,
    TemplateSpec,
    TemplateStatus,
    parse_template,
    parse_template_status,
)
from supportbundle.plan import require_valid, resolve
from supportbundle.reconcile import paths, refusals
from supportbundle.reconcile.deps import Deps

log = logging.getLogger(__name__)


async def request_of(bundle: Bundle, deps: Deps) -> Request | Refusal:
    """What the bundle asks for with its template as it is now, or why there is no telling."""
    ref = bundle.spec.template_ref
    if ref is None:
        return Request(bundle.spec)
    try:
        return resolve(bundle.spec, parse_template(await deps.client.get(paths.template(ref.name))))
    except NotFound:
        return refusals.of_missing_template(ref.name)
    except (InvalidTemplate, InvalidParameters, InvalidRule) as error:
        return refusals.of_template(error)


class TemplateKeeper:
    """Writes the condition Ready of templates. What it writes follows from the spec alone, so any process may."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def run(self, name: str) -> float | None:
        """Check one template and say so in its status, if that says anything new.

        Raises:
            SupportBundleError: the API server failed, and the step is to be repeated.
        """
        client = self._deps.client
        try:
            obj = await client.get(paths.template(name))
        except NotFound:
            return None
        ready, reason, message = await self._judged(obj)
        generation = obj["metadata"].get("generation", 1)
        status = self._status(parse_template_status(obj), generation, ready=ready, reason=reason, message=message)
        if dump(status) == obj.get("status"):
            return None
        patch = {"metadata": {"resourceVersion": obj["metadata"]["resourceVersion"]}, "status": dump(status)}
        try:
            await client.patch(f"{paths.template(name)}/status", patch)
        except (Conflict, NotFound):  # changed or deleted meanwhile: the event of that brings it back
            return None
        log.info("template %s: %s: %s", name, reason, message)
        return None

    async def _judged(self, obj: dict[str, object]) -> tuple[ConditionStatus, str, str]:
        try:
            template = parse_template(obj)
            require_valid(template, self._requires)
            if (rules := template.spec.sanitization.rules) and not self._is_shipped(template):
                await self._deps.check_rules((*self._deps.config.sanitization.rules, *rules))
        except (InvalidTemplate, InvalidRule) as error:
            return ConditionStatus.FALSE, error.reason, str(error)
        return ConditionStatus.TRUE, "Valid", _usage(template)

    def _is_shipped(self, template: Template) -> bool:
        """As this version brings it: its rules were tried when it was made. To try them takes 60 MiB at each start."""
        spec = self._deps.config.templates.get(template.name)
        return spec is not None and TemplateSpec.model_validate(spec) == template.spec

    def _requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        planner = self._deps.planners.get(spec.type)
        return planner.requires(spec) if planner else frozenset()

    def _status(
        self, old: TemplateStatus, generation: int, *, ready: ConditionStatus, reason: str, message: str
    ) -> TemplateStatus:
        before = next(iter(old.conditions), None)
        unchanged = before is not None and before.status == ready
        condition = TemplateCondition(
            type="Ready",
            status=ready,
            reason=reason,
            message=printable(message, MESSAGE_LIMIT),
            observed_generation=generation,
            last_transition_time=before.last_transition_time if before and unchanged else self._deps.clock(),
        )
        return TemplateStatus(observed_generation=generation, conditions=(condition,))


def _usage(template: Template) -> str:
    """What a bundle has to say to use it."""
    needed = [parameter.name for parameter in template.spec.parameters if parameter.required]
    needed += [f"{secret.name} (a Secret)" for secret in template.spec.secrets if secret.required]
    words = f" It must give {', '.join(needed)}." if needed else ""
    return f"A bundle that uses all of it lists the capabilities {', '.join(template.spec.capabilities)}.{words}"
