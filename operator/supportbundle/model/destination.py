"""SupportBundleDestination: where bundles may go. Written by the admin, named by users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from supportbundle.errors import Invalid
from supportbundle.model.base import Value
from supportbundle.model.quantity import Duration
from supportbundle.model.spec import Encryption, Name253, PseudonymKind, SanitizationRule

HostKey = Annotated[str, StringConstraints(max_length=1024)]


class DestinationType(StrEnum):
    """The discriminator; options stand in the field of the same name in lower case."""

    S3 = "S3"
    HTTP_PUT = "HTTPPut"
    SFTP = "SFTP"


class CredentialsSecret(Value):
    """A Secret of the operator's namespace; what it must hold stands where it is referred to."""

    name: Name253


class SecretKey(Value):
    """One key of a Secret of the operator's namespace."""

    name: Name253
    key: Annotated[str, StringConstraints(max_length=253)]


class SSEType(StrEnum):
    """How object storage encrypts; the words of x-amz-server-side-encryption."""

    AES256 = "AES256"
    KMS = "aws:kms"
    KMS_DSSE = "aws:kms:dsse"


class ServerSideEncryption(Value):
    """Encryption by the server itself. Without `kmsKeyID` the account's own key."""

    type: SSEType
    kms_key_id: Annotated[str | None, Field(max_length=2048, alias="kmsKeyID")] = None


class ObjectLock(Value):
    """How long nobody may delete the zip; Governance leaves a way out for those with a special right."""

    mode: Literal["GOVERNANCE", "COMPLIANCE"]
    days: Annotated[int, Field(ge=1, le=36500)]


class S3Options(Value):
    """An S3-compatible bucket. Without `credentialsSecretRef` the operator's own identity signs (IRSA and the like).

    An `external` bucket belongs to somebody else: nothing but the finished zip goes there.
    """

    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    path_style: bool = False
    ca_bundle: str | None = None
    credentials_secret_ref: CredentialsSecret | None = None
    external: bool = False
    server_side_encryption: ServerSideEncryption | None = None
    object_lock: ObjectLock | None = None
    storage_class: str | None = None
    tags: Annotated[dict[str, str], Field(max_length=10)] = Field(default_factory=dict)


class HTTPPutOptions(Value):
    """A link that whoever holds it may PUT to, such as a vendor's presigned URL."""

    url_secret_ref: SecretKey
    headers: Annotated[dict[str, str], Field(max_length=20)] = Field(default_factory=dict)
    ca_bundle: str | None = None


class SFTPOptions(Value):
    """A directory of an SFTP server whose keys are known beforehand."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(min_length=1, max_length=128)]
    path: str = "."
    host_keys: Annotated[tuple[HostKey, ...], Field(min_length=1, max_length=10)]
    credentials_secret_ref: CredentialsSecret


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
    http_put: HTTPPutOptions | None = None
    sftp: SFTPOptions | None = None
    approval: ApprovalRule = ApprovalRule()
    encryption: Encryption | None = None
    allowed_namespaces: tuple[str, ...] = ()
    retention: Retention = Retention()
    sanitization: DestinationSanitization = DestinationSanitization()

    @property
    def credentials(self) -> str | None:
        """The Secret that a delivery needs; None where the operator's own identity signs."""
        if self.http_put is not None and self.type == DestinationType.HTTP_PUT:
            return self.http_put.url_secret_ref.name
        options = self.s3 if self.type == DestinationType.S3 else self.sftp
        ref = options.credentials_secret_ref if options else None
        return ref.name if ref else None


class Destination(Value):
    """A parsed destination."""

    name: str
    spec: DestinationSpec

    def allows(self, namespace: str) -> bool:
        """Whether bundles of this namespace may go there."""
        return not self.spec.allowed_namespaces or namespace in self.spec.allowed_namespaces

    @property
    def keeps_zips(self) -> bool:
        """Whether what was delivered is still the operator's, to hand out and to remove."""
        return self.spec.type == DestinationType.S3

    def takes_parts(self, *, encrypted: bool) -> bool:
        """Whether bundles may be staged and assembled in the very store where the zip ends."""
        spec = self.spec
        inside = spec.type == DestinationType.S3 and spec.s3 is not None and not spec.s3.external
        return inside and not spec.approval.required and spec.encryption is None and not encrypted


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
