"""SupportBundleApproval: one person's word on one staged bundle. A kind of its own, so that RBAC says who may speak."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model.base import Observed, Value
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.spec import Name253

Uid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Word(StrEnum):
    """What somebody says. A review decides nothing: it asks for a link to the staged zip."""

    APPROVED = "Approved"
    DENIED = "Denied"
    REVIEW = "Review"


class BundleTarget(Value):
    """Which bundle. The uid, so that no word outlives the bundle that it was said about."""

    name: Name253
    uid: Uid


class ApprovalSpec(Value):
    """Who says what. Immutable in the API; admission holds `by` to the name of whoever creates it."""

    bundle: BundleTarget
    decision: Word
    reason: Annotated[str, StringConstraints(max_length=1024)] = ""
    by: Annotated[str, StringConstraints(min_length=1, max_length=512)]


class ApprovalConditionType(StrEnum):
    """The one condition of an approval."""

    ACCEPTED = "Accepted"


class ApprovalCondition(Observed):
    """metav1.Condition."""

    type: ApprovalConditionType
    status: ConditionStatus
    reason: str
    message: str = ""
    last_transition_time: datetime


class ApprovalStatus(Observed):
    """Whether the word was taken, or why not."""

    conditions: Annotated[tuple[ApprovalCondition, ...], Field(max_length=4)] = ()


class Approval(Observed):
    """One of them, as the API server returned it."""

    namespace: str
    name: str
    created: datetime
    spec: ApprovalSpec
    status: ApprovalStatus = ApprovalStatus()

    @property
    def answer(self) -> ApprovalCondition | None:
        """What the operator has said about it."""
        return self.status.conditions[0] if self.status.conditions else None

    @property
    def refused(self) -> bool:
        """It counts for nothing, and for good."""
        return self.answer is not None and self.answer.status == ConditionStatus.FALSE

    @property
    def order(self) -> tuple[datetime, str]:
        """Of two words the earlier one counts, however they are listed."""
        return self.created, self.name


def parse_approval(obj: Mapping[str, Any]) -> Approval:
    """The resource as the API server returned it.

    Raises:
        Invalid: if it does not parse; the CRD is newer or older than the operator.
    """
    meta = obj["metadata"]
    try:
        return Approval(
            namespace=meta["namespace"],
            name=meta["name"],
            created=meta["creationTimestamp"],
            spec=ApprovalSpec.model_validate(obj.get("spec") or {}),
            status=ApprovalStatus.model_validate(obj.get("status") or {}),
        )
    except ValidationError as error:
        raise Invalid(
            f"SupportBundleApproval {meta['name']!r} cannot be read: {error.errors()[0]['msg']}.",
            "Install CRDs and operator of the same version.",
        ) from error
