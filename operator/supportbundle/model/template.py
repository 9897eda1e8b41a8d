"""SupportBundleTemplate: a preset as data. Written by admins, filled in by bundles.

What a collector's options hold is known only once the parameters are filled in, so they stay raw here; `plan/template`
makes real collectors of them and checks these as strictly as admission checks those of a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError, WithJsonSchema

from supportbundle.errors import InvalidTemplate
from supportbundle.model.archive import ArchiveOptions
from supportbundle.model.base import Observed, Value
from supportbundle.model.capability import Capability
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.hint import Hint
from supportbundle.model.placing import FallbackFor, FallbackWhen, Missing
from supportbundle.model.spec import CollectorType, Name63, ParameterValue, Sanitization

PARAMETER_NAME = "[a-z][A-Za-z0-9]{0,62}"
ParameterName = Annotated[str, StringConstraints(pattern=f"^{PARAMETER_NAME}$")]
Description = Annotated[str, StringConstraints(max_length=1024)]

Raw = Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
"""Options as in a bundle, in which strings may hold references such as `$(port)`."""


RawText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A string in which references may stand."""

_PIECES = rf"\{{(timestamp|time|name|namespace)\}}|\$\({PARAMETER_NAME}\)"
RawDownloadName = Annotated[
    str, StringConstraints(pattern=rf"^([A-Za-z0-9_-]|{_PIECES})([A-Za-z0-9._-]|{_PIECES})*\.zip$", max_length=256)
]
"""A download's name in which references may stand."""


class ParameterType(StrEnum):
    """How the text of a parameter is read."""

    STRING = "String"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    DURATION = "Duration"
    QUANTITY = "Quantity"


class Parameter(Value):
    """What a bundle may fill in. Without `default`, and not `required`, it may be missing."""

    name: ParameterName
    description: Description = ""
    type: ParameterType = ParameterType.STRING
    required: bool = False
    default: ParameterValue | None = None
    enum: Annotated[tuple[ParameterValue, ...], Field(max_length=32)] = ()
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None

    @property
    def always_there(self) -> bool:
        """Whether every bundle that is accepted has a value for it."""
        return self.required or self.default is not None


class SecretParameter(Value):
    """A Secret that a bundle may name; the template itself names none."""

    name: ParameterName
    description: Description = ""
    required: bool = False


class When(Value):
    """A condition on one parameter or one Secret: that it is given, or has one of these values."""

    parameter: ParameterName | None = None
    secret: ParameterName | None = None
    values: Annotated[tuple[ParameterValue, ...], Field(max_length=32)] = ()


class TemplateCollector(Value):
    """A collector as in a bundle, but for references in its options, and `when`."""

    name: Name63
    type: CollectorType
    when: When | None = None
    path: RawText | None = None
    missing: Missing | None = None
    fallback_for: FallbackFor | None = None
    fallback_when: FallbackWhen | None = None
    hints: Annotated[tuple[Hint, ...], Field(max_length=16)] = ()
    target: Raw | None = None
    logs: Raw | None = None
    events: Raw | None = None
    config: Raw | None = None
    profile: Raw | None = None
    http: Raw | None = None
    exec: Raw | None = None
    files: Raw | None = None
    helm: Raw | None = None
    resources: Raw | None = None
    metrics: Raw | None = None
    findings: Raw | None = None
    api: Raw | None = None

    @property
    def raw(self) -> dict[str, JsonValue]:
        """What becomes a `CollectorSpec` once the references in it are filled in."""
        found: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"when"})
        return found


class TemplateArchive(ArchiveOptions):
    """The names as in a bundle, but for references in that of the download."""

    file_name: RawDownloadName | None = None

    @property
    def raw(self) -> dict[str, JsonValue]:
        """What becomes `ArchiveOptions` once the references in it are filled in."""
        found: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return found


class TemplateSpec(Value):
    """The preset. `capabilities` tell readers what its collectors need; they grant nothing."""

    description: Description = ""
    capabilities: tuple[Capability, ...]
    parameters: Annotated[tuple[Parameter, ...], Field(max_length=32)] = ()
    secrets: Annotated[tuple[SecretParameter, ...], Field(max_length=8)] = ()
    target: Raw | None = None
    collectors: Annotated[tuple[TemplateCollector, ...], Field(min_length=1, max_length=50)]
    sanitization: Sanitization = Sanitization()
    archive: TemplateArchive | None = None


class TemplateCondition(Observed):
    """metav1.Condition; Ready says whether bundles can use the template."""

    type: Literal["Ready"]
    status: ConditionStatus
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime


class TemplateStatus(Observed):
    """What the operator says of a template to its author."""

    observed_generation: int = 0
    conditions: tuple[TemplateCondition, ...] = ()


class Template(Observed):
    """A parsed template."""

    name: str
    uid: str
    generation: int
    spec: TemplateSpec


class UsedTemplate(Value):
    """Which template a plan was made from, and with what. `secrets` are the template's own names for them."""

    name: str
    uid: str
    generation: int
    parameters: dict[str, str] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def parse_template(obj: Mapping[str, Any]) -> Template:
    """The resource as the API server returned it.

    Raises:
        InvalidTemplate: a field that this version does not know, or a value outside its bounds.
    """
    meta = obj["metadata"]
    try:
        spec = TemplateSpec.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        fields = "; ".join(f"spec.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise InvalidTemplate(
            f"This operator cannot read the template {meta['name']}: {fields}.",
            "Install CRDs and operator of the same version, or correct the template.",
        ) from error
    return Template(name=meta["name"], uid=meta["uid"], generation=meta.get("generation", 1), spec=spec)


def parse_template_status(obj: Mapping[str, Any]) -> TemplateStatus:
    """Status alone; one that we cannot read counts as never written."""
    try:
        return TemplateStatus.model_validate(obj.get("status") or {})
    except ValidationError:
        return TemplateStatus()
