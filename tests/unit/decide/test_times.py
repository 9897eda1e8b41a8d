"""Where a bundle's time went: what people and receivers take is never counted as the operator's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from support.build import NOW, UID
from supportbundle.decide.times import time_by_stage
from supportbundle.model.bundle import Metadata
from supportbundle.model.status import ApprovalRecord, ApprovalState, Collection, Staged, Status

META = Metadata(namespace="team", name="incident", uid=UID, creation_timestamp=NOW)


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def status(**changes: Any) -> Status:
    """Seen after 1 s, collected after 11 s, over after 1011 s."""
    fields = {"started_at": later(1), "collection": Collection(ended_at=later(11)), "completed_at": later(1011)}
    return Status(**{**fields, **changes})


STAGED = Staged(at=later(14), size_bytes=1, etag="e", files=1)
APPROVED = ApprovalRecord(state=ApprovalState.APPROVED, by="ann", at=later(1000), name="yes")


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        pytest.param(status(), {"Waiting": 1, "Collecting": 10, "Assembling": 1000}, id="straight-to-its-place"),
        pytest.param(
            status(staged=STAGED),
            {"Waiting": 1, "Collecting": 10, "Assembling": 3, "Delivering": 997}, id="delivered",
        ),
        pytest.param(
            status(staged=STAGED, approval=APPROVED),
            {"Waiting": 1, "Collecting": 10, "Assembling": 3, "AwaitingApproval": 986, "Delivering": 11}, id="approved",
        ),
        pytest.param(status(started_at=None), {}, id="an-instant-is-missing"),
    ],
)  # fmt: skip
def test_each_stage_ends_where_the_next_begins(over: Status, expected: dict[str, int]) -> None:
    found = {stage: time.total_seconds() for stage, time in time_by_stage(META, over).items()}
    assert found == expected
