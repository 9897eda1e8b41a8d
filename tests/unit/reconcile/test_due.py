"""Which events put a bundle into the queue, and for when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from supportbundle.model import names
from supportbundle.reconcile.due import due_in

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def bundle(phase: str, ready: str, *, stalled: str = "False", expires: timedelta | None = None) -> dict[str, Any]:
    conditions = [
        {"type": kind, "status": value, "reason": "Any", "lastTransitionTime": "2026-03-04T05:00:00Z"}
        for kind, value in (("Ready", ready), ("Stalled", stalled))
    ]
    status: dict[str, Any] = {"phase": phase, "conditions": conditions}
    if expires is not None:
        written = (NOW + expires).isoformat()
        facts = {"destination": "default", "bucket": "b", "key": "k", "sizeBytes": 1, "etag": "e", "files": 1}
        status["artifact"] = facts | {"expiresAt": written}
    return {"metadata": {}, "status": status}


def test_a_bundle_without_a_status_is_due_at_once() -> None:
    assert due_in({"metadata": {}}, NOW) == 0


@pytest.mark.parametrize(("finalizers", "due"), [([names.FINALIZER], 0), (["somebody.else/holds"], None)])
def test_a_deleted_bundle_is_due_while_it_waits_for_us(finalizers: list[str], due: float | None) -> None:
    over = bundle("Failed", "False", stalled="True")
    over["metadata"] = {"deletionTimestamp": "2026-03-04T05:06:00Z", "finalizers": finalizers}
    assert due_in(over, NOW) == due


def test_a_running_bundle_is_due_at_once() -> None:
    assert due_in(bundle("Collecting", "Unknown"), NOW) == 0


def test_a_ready_bundle_is_due_when_it_expires() -> None:
    assert due_in(bundle("Ready", "True", expires=timedelta(hours=2)), NOW) == 7200


def test_an_overdue_bundle_is_due_at_once() -> None:
    found = due_in(bundle("Ready", "True", expires=timedelta(seconds=-5)), NOW)
    assert found is not None
    assert found <= 0


@pytest.mark.parametrize(
    "body",
    [
        bundle("Ready", "True"),
        bundle("Expired", "True", expires=timedelta(0)),
        bundle("Failed", "False", stalled="True"),
        bundle("Cancelled", "False", stalled="True"),
    ],
)
def test_what_is_over_for_good_is_never_due(body: dict[str, Any]) -> None:
    assert due_in(body, NOW) is None
