"""A SupportBundle as one value: metadata, spec, status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.base import Observed
from supportbundle.model.plan import BundleRef
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.status import Status


class Metadata(Observed):
    """The parts of metav1.ObjectMeta that decisions need."""

    namespace: str
    name: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: datetime
    annotations: dict[str, str] = Field(default_factory=dict)
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether it stays until the operator has removed its zip."""
        return names.FINALIZER in self.finalizers


class Bundle(Observed):
    """One request with what is known of it."""

    model_config = ConfigDict(extra="ignore")
    metadata: Metadata
    spec: SupportBundleSpec
    status: Status = Status()

    @property
    def ref(self) -> BundleRef:
        """Its identity in plans, manifests and messages."""
        return BundleRef(namespace=self.metadata.namespace, name=self.metadata.name, uid=self.metadata.uid)


def parse_metadata(obj: Mapping[str, Any]) -> Metadata:
    """Identity alone, for objects whose spec may not parse."""
    return Metadata.model_validate(obj["metadata"])


def parse_status(obj: Mapping[str, Any]) -> Status:
    """Status alone. One written by a newer operator that we cannot read counts as never written."""
    try:
        return Status.model_validate(obj.get("status") or {})
    except ValidationError:
        return Status()


def parse_bundle(obj: Mapping[str, Any]) -> Bundle:
    """The resource as the API server returned it.

    Raises:
        Invalid: a field that this version does not know or a value outside its bounds (the CRD is newer or older
            than the operator); the message names each field.
    """
    try:
        spec = SupportBundleSpec.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        fields = "; ".join(f"spec.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Invalid(
            f"This operator cannot read the request: {fields}.",
            "Install CRDs and operator of the same version, or create a bundle without these fields.",
        ) from error
    return Bundle(metadata=parse_metadata(obj), spec=spec, status=parse_status(obj))
