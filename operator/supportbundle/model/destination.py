"""SupportBundleDestination: where bundles may go. Written by the admin, named by users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from supportbundle.errors import Invalid
from supportbundle.model.base import Value
from supportbundle.model.quantity import Duration
from supportbundle.model.spec import Name253, PseudonymKind, SanitizationRule


class DestinationType(StrEnum):
    """The discriminator; options stand in the field of the same name in lower case."""

    S3 = "S3"


class CredentialsSecret(Value):
    """A Secret of the operator's namespace with `accessKey`, `secretKey` and perhaps `sessionToken`."""

    name: Name253


class S3Options(Value):
    """An S3-compatible bucket. Without `credentialsSecretRef` the operator's own identity signs (IRSA and the like)."""

    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    path_style: bool = False
    ca_bundle: str | None = None
    credentials_secret_ref: CredentialsSecret | None = None


class ApprovalRule(Value):
    """Whether somebody must approve each delivery, and how long that is waited for."""

    required: bool = False
    timeout: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(hours=720))] = timedelta(hours=72)


TTL = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=8760))]


class Retention(Value):
    """How long zips are kept here at least and at most, whatever a bundle's `ttl` says."""

    min_ttl: Annotated[TTL | None, Field(alias="minTTL")] = None
    max_ttl: Annotated[TTL | None, Field(alias="maxTTL")] = None

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        """Bounds that no ttl can meet."""
        if self.min_ttl is not None and self.max_ttl is not None and self.min_ttl > self.max_ttl:
            raise ValueError("retention.minTTL is longer than retention.maxTTL")
        return self

    def clamp(self, ttl: timedelta) -> timedelta:
        """The ttl that holds."""
        ttl = min(ttl, self.max_ttl) if self.max_ttl is not None else ttl
        return max(ttl, self.min_ttl) if self.min_ttl is not None else ttl


class DestinationSanitization(Value):
    """What is taken out of every bundle that goes here, beside what always is and what the bundle asks for."""

    pseudonymize: tuple[PseudonymKind, ...] = ()
    rules: Annotated[tuple[SanitizationRule, ...], Field(max_length=50)] = ()


class DestinationSpec(Value):
    """One place. `allowedNamespaces` empty means: wherever RBAC grants `use`."""

    type: DestinationType
    s3: S3Options | None = None
    allowed_namespaces: tuple[str, ...] = ()
    approval: ApprovalRule = ApprovalRule()
    retention: Retention = Retention()
    sanitization: DestinationSanitization = DestinationSanitization()


class Destination(Value):
    """A parsed destination."""

    name: str
    spec: DestinationSpec

    def allows(self, namespace: str) -> bool:
        """Whether bundles of this namespace may go there."""
        return not self.spec.allowed_namespaces or namespace in self.spec.allowed_namespaces


def parse_destination(obj: Mapping[str, Any]) -> Destination:
    """The resource as the API server returned it.

    Raises:
        Invalid: if it does not parse.
    """
    name = obj["metadata"]["name"]
    try:
        return Destination(name=name, spec=DestinationSpec.model_validate(obj.get("spec") or {}))
    except ValidationError as error:
        raise Invalid(
            f"SupportBundleDestination {name!r} cannot be read: {error.errors()[0]['msg']}.",
            "An admin must correct it.",
        ) from error
