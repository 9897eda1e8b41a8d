"""What pods, Jobs and alerts say to triggers, and whom they speak of."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW
from support.scheduling import ALERT, JOB, LOOP, OOM, crashing_pod, failed_job
from supportbundle.decide.triggers import is_our_own, owner_of_pod, signal_of, signal_of_alert
from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.alert import Alert, AlertStatus, parse_alerts
from supportbundle.model.cause import Cause, CauseType, annotations_of, cause_of
from supportbundle.model.schedule import Trigger


def trigger(fields: dict[str, Any], **more: Any) -> Trigger:
    return Trigger.model_validate({**fields, **more})


def test_a_container_that_was_killed_for_its_memory() -> None:
    signal = signal_of(trigger(OOM), crashing_pod())
    assert signal is not None
    assert (signal.owner, signal.pods, signal.at) == ("Deployment/web", ("web-5d8f-abcde",), NOW)
    assert "container app was killed for its memory" in signal.message


@pytest.mark.parametrize(
    ("pod", "loops"),
    [
        pytest.param(crashing_pod(restarts=3), True, id="third-restart-after-a-short-run"),
        pytest.param(crashing_pod(restarts=2), False, id="two-restarts"),
        pytest.param(crashing_pod(startedAt=(NOW - timedelta(days=3)).isoformat()), False, id="ran-for-days"),
        pytest.param(crashing_pod(exitCode=0, reason="Completed"), False, id="ended-well"),
        pytest.param(crashing_pod(startedAt=None), False, id="times-are-missing"),
        pytest.param({"metadata": {"name": "p", "uid": "p"}, "status": {}}, False, id="nothing-is-known"),
    ],
)
def test_restart_loops(pod: dict[str, Any], *, loops: bool) -> None:
    assert (signal_of(trigger(LOOP), pod) is not None) == loops


def test_a_loop_is_what_the_trigger_says() -> None:
    wanted = trigger(LOOP, restartLoop={"restarts": 5, "within": "5s"})
    assert signal_of(wanted, crashing_pod(restarts=5)) is None
    assert signal_of(wanted, crashing_pod(restarts=5, startedAt=(NOW - timedelta(seconds=4)).isoformat())) is not None


def test_an_init_container_that_crashes_counts_too() -> None:
    pod = crashing_pod()
    pod["status"] = {"initContainerStatuses": pod["status"]["containerStatuses"]}
    assert signal_of(trigger(LOOP), pod) is not None


def test_a_job_that_failed_speaks_of_its_cron_job() -> None:
    signal = signal_of(trigger(JOB), failed_job(cron_job="backup"))
    assert signal is not None
    assert (signal.owner, signal.job, signal.at) == ("CronJob/backup", "Job/backup-1", NOW)
    assert signal_of(trigger(JOB), {"metadata": {"name": "j"}, "status": {}}) is None


def owned(kind: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    ref = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": True}
    return {"metadata": {"name": "web-1", "uid": "p", "labels": labels, "ownerReferences": [ref]}}


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        (crashing_pod(), "Deployment/web"),
        (owned("ReplicaSet", "web-5d8f", {}), "ReplicaSet/web-5d8f"),
        (owned("StatefulSet", "db", {}), "StatefulSet/db"),
        ({"metadata": {"name": "alone", "uid": "p"}}, "Pod/alone"),
    ],
)
def test_the_workload_behind_a_pod(pod: dict[str, Any], owner: str) -> None:
    assert owner_of_pod(pod) == owner


def test_a_failed_collection_triggers_no_collection() -> None:
    job = failed_job()
    job["metadata"]["labels"] = names.labels("incident", "uid")
    assert is_our_own(job)
    assert not is_our_own(failed_job())


ALERTS = {
    "version": "4",
    "groupKey": "g",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Slow", "namespace": "team", "pod": "web-1", "password": "hunter2"},
            "annotations": {},
            "startsAt": "2026-11-21T11:59:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "f",
        }
    ],
}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_an_alert_is_read_as_alertmanager_writes_it() -> None:
    (alert,) = parse_alerts(body(ALERTS)).alerts
    assert (alert.namespace, alert.pod, alert.name, alert.status) == ("team", "web-1", "Slow", AlertStatus.FIRING)
    signal = signal_of_alert(trigger(ALERT), alert, "Alert/Slow", NOW)
    assert signal is not None
    assert "hunter2" not in signal.message
    other = trigger({**ALERT, "alert": {"labels": {"alertname": "Slow", "severity": "page"}}})
    assert signal_of_alert(other, alert, "Alert/Slow", NOW) is None


def test_an_alert_of_the_future_is_one_of_now() -> None:
    alert = Alert(status=AlertStatus.FIRING, labels={"alertname": "Slow"}, starts_at=NOW + timedelta(days=1))
    signal = signal_of_alert(trigger(ALERT), alert, "Alert/Slow", NOW)
    assert signal is not None
    assert signal.at == NOW


@pytest.mark.parametrize(
    "change",
    [
        {"version": "3"},
        {"alerts": None},
        {"alerts": [{"status": "firing"}]},
        {"alerts": [{**ALERTS["alerts"][0], "startsAt": "yesterday"}]},  # type: ignore[dict-item]
        {"alerts": [{**ALERTS["alerts"][0], "startsAt": "2026-11-21T11:59:00"}]},  # type: ignore[dict-item]
        {"alerts": [{**ALERTS["alerts"][0], "labels": {"a": 1}}]},  # type: ignore[dict-item]
        {"alerts": [ALERTS["alerts"][0]] * 1001},  # type: ignore[index]
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse_alerts(body({**copy.deepcopy(ALERTS), **change}))


@given(st.binary(max_size=300))
def test_bytes_that_are_no_alert_are_refused_and_not_repeated(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse_alerts(data)
    assert len(str(caught.value)) < 200


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["status", "labels", "alerts", "x"]), inner)
    ),
    max_leaves=12,
)


@given(documents, documents)
def test_no_document_makes_the_parser_fail_otherwise(alerts: object, version: object) -> None:
    with contextlib.suppress(Invalid):
        parse_alerts(body({"version": version, "alerts": alerts}))


@given(
    st.sampled_from(CauseType), st.datetimes(), st.text(max_size=50), st.text(max_size=50), st.text(max_size=50)
)  # fmt: skip
def test_annotations_keep_the_cause(kind: CauseType, at: Any, trigger_name: str, owner: str, message: str) -> None:
    when = at.replace(tzinfo=NOW.tzinfo)
    cause = Cause(type=kind, schedule="night", at=when, trigger=trigger_name, owner=owner, message=message)
    assert cause_of(annotations_of(cause)) == cause


@given(
    st.dictionaries(
        st.sampled_from(sorted(annotations_of(Cause(type=CauseType.CRON, schedule="s", at=NOW)))), st.text()
    )
)
def test_annotations_that_somebody_changed_do_no_harm(annotations: dict[str, str]) -> None:
    found = cause_of(annotations)
    assert found is None or found.type in CauseType
