"""SupportBundleDestination: where bundles may go. Written by the admin, named by users."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model.base import Value
from supportbundle.model.spec import Name253


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


class DestinationSpec(Value):
    """One place. `allowedNamespaces` empty means: wherever RBAC grants `use`."""

    type: DestinationType
    s3: S3Options | None = None
    allowed_namespaces: tuple[str, ...] = ()


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
