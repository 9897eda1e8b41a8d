"""Odd, hostile and huge objects: no check fails, and what they say is bounded, ordered, and known to the sanitizer."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.findings.check import evidence
from supportbundle.findings.events import EventBook, Told
from supportbundle.findings.registry import CHECKS
from supportbundle.findings.report import MAX_FINDINGS, examine
from supportbundle.findings.seen import Seen, Source, Usage
from supportbundle.findings.view import View, quoted
from supportbundle.model.findings import MAX_EVIDENCE, TEXT_CHARS, TITLE_CHARS, Finding, Problems
from supportbundle.sanitize import KnownSecret, Sanitizer

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
PLAIN = """
CrashLoopBackOff OOMKilled ErrImagePull CreateContainerConfigError PodScheduled False True Pending Failed Running
Evicted DisruptionTarget Lost app web-0 Pod Job Deployment Progressing FileSystemResizePending Unhealthy FailedMount
FailedCreate BackoffLimitExceeded spec.containers{app} 2026-03-04T11:58:00Z 9999-12-31T23:59:59-23:00 1Gi 1e9999 nan -5
"""
LONG = ("9" * 39 + "Ki", "x\x1b[2J\ud800y", "é" * 5000, "a " * 3000, "Insufficient cpu", "no space left on device")
WORDS = st.sampled_from([*PLAIN.split(), *LONG])
SCALARS = WORDS | st.sampled_from([None, True, False, 0, 7, -1, 1 << 70, 1.5, float("nan"), "", [], {}])
NAMES = """
metadata name spec status containers containerStatuses state lastState waiting terminated reason message type conditions
phase limits cpu count series involvedObject
"""
KEYS = st.sampled_from(NAMES.split())
ODD: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
STATE = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("reason", "message", "exitCode", "finishedAt", "startedAt"), SCALARS)
        )
        for name in ("waiting", "terminated", "running")
    },
)
CONTAINER = st.fixed_dictionaries(
    {}, optional={"name": SCALARS, "restartCount": SCALARS, "ready": SCALARS, "state": STATE, "lastState": STATE}
)
CONDITION = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("type", "status", "reason", "message", "lastTransitionTime"), SCALARS)
)
NEARLY = st.fixed_dictionaries(
    {"metadata": st.fixed_dictionaries({"name": SCALARS}), "kind": SCALARS},
    optional={
        "spec": st.fixed_dictionaries({}, optional={"containers": st.lists(ODD, max_size=2), "replicas": SCALARS}),
        "status": st.fixed_dictionaries(
            {},
            optional={
                "phase": SCALARS,
                "reason": SCALARS,
                "startTime": SCALARS,
                "conditions": st.lists(CONDITION | ODD, max_size=2),
                "containerStatuses": st.lists(CONTAINER | ODD, max_size=2),
            },
        ),
    },
)
OBJECTS = st.lists(NEARLY | ODD, max_size=2)
EVENT = st.fixed_dictionaries(
    {"type": st.just("Warning"), "reason": SCALARS},
    optional={
        "message": SCALARS,
        "count": SCALARS,
        "lastTimestamp": SCALARS,
        "involvedObject": st.fixed_dictionaries({"kind": SCALARS, "name": SCALARS}, optional={"fieldPath": SCALARS}),
    },
)
QUANTITIES = st.none() | st.decimals(min_value=0, max_value=1 << 60, allow_nan=False)


@st.composite
def worlds(draw: st.DrawFn) -> Seen:
    def views() -> tuple[View, ...]:
        return tuple(map(View, draw(OBJECTS)))

    events = draw(st.lists(EVENT | ODD, max_size=3))
    told = [each for event in events if isinstance(event, dict) and (each := Told.of(event))]
    return Seen(
        now=NOW,
        pods=views(),
        workloads=views(),
        claims=views(),
        absent=tuple(draw(st.lists(st.text(max_size=300), max_size=2))),
        events=EventBook(told),
        usage={("web-0", "app"): Usage(cpu=draw(QUANTITIES), memory=draw(QUANTITIES), time=NOW)},
        unread=frozenset(draw(st.sets(st.sampled_from(Source)))),
    )


@given(worlds())
def test_whatever_there_is_the_report_is_whole_and_bounded(seen: Seen) -> None:
    report = examine(seen, CHECKS)
    written = json.loads(orjson.dumps(report.document))
    findings = [Finding.model_validate_json(json.dumps(raw)) for raw in written["findings"]]
    assert len(findings) <= MAX_FINDINGS
    assert len({finding.id for finding in findings}) == len(findings)
    assert [f.severity.rank for f in findings] == sorted(f.severity.rank for f in findings)
    for finding in findings:
        assert 0 < len(finding.title) <= TITLE_CHARS
        assert len(finding.evidence) <= MAX_EVIDENCE
        texts = (finding.id, finding.title, *(e.source for e in finding.evidence))
        assert all(text.isprintable() and len(text) <= TEXT_CHARS for text in texts)
        assert all(len(e.text) <= TEXT_CHARS for e in finding.evidence)
    assert [each["check"] for each in written["checked"]] == sorted(check.name for check in CHECKS)
    assert sum(written["bySeverity"].values()) == len(findings) + written["omitted"]
    assert Problems.of(report.problems.notes()) == Problems(
        **{name: getattr(report.problems, name) for name in ("critical", "warning", "info", "unchecked", "titles")},
        files=1,
    )


@given(worlds())
def test_the_same_objects_give_the_same_report(seen: Seen) -> None:
    assert examine(seen, CHECKS) == examine(seen, reversed(CHECKS))


@given(ODD)
def test_any_value_reads_as_anything(value: Any) -> None:
    view = View(value)
    assert isinstance(view.number(), int)
    assert view.moment() is None or view.moment() is not None
    found = view.quantity()
    assert found is None or 0 <= found < Decimal(1 << 70)
    assert len(view.name()) <= 253
    assert all(isinstance(item, View) for _, item in view["x"].each())


@given(st.text(max_size=3000))
def test_a_quote_is_bounded_and_fits_into_json(text: str) -> None:
    shown = quoted(text)
    assert len(shown) <= TEXT_CHARS
    assert json.loads(orjson.dumps(shown)) == shown


SECRETS = (
    "pass\u00a0word-hunter22",
    "zolty-kettle-\u200bhunter",
    "Zmarł-żółw\u2028hasło",
    "tab\tseparated-hunter2",
    "first-line-hunter\nsecond-line-kettle",
    'quote"back\\slash-hunter2',
    "bell\x07-\x1b[2Jhunter2",
    "\U000e0001tag-kettle-hunter",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_quoted_so_that_the_sanitizer_knows_it(secret: str) -> None:
    document = orjson.dumps({"findings": [{"evidence": [{"text": evidence("Event x", f"value {secret} end").text}]}]})
    stream = Sanitizer.build([KnownSecret("s/k", secret.encode())]).open("findings.json")
    written = json.loads(stream.feed(document) + stream.finish())
    [told] = written["findings"][0]["evidence"]
    assert set(re.split(r"<redacted:known-secret>|\s", told["text"])) == {"value", "", "end"}


def test_what_is_cut_is_cut_between_words() -> None:
    secret = "s3cr3t-" * 30
    assert "s3cr" not in quoted(f"{'a ' * 500}{secret} end")
    assert quoted(secret * 20) == "…"
    assert quoted(f" {secret} ") == secret


def test_hundreds_of_findings_are_counted_and_the_worst_written() -> None:
    def bad(number: int) -> View:
        looping = {"waiting": {"reason": "CrashLoopBackOff"}} if number % 2 else {"running": {}}
        container = {"name": "app", "restartCount": 9, "state": looping}
        return View({"metadata": {"name": f"p-{number:04}"}, "status": {"containerStatuses": [container]}})

    report = examine(Seen(now=NOW, pods=tuple(map(bad, range(500)))), CHECKS)
    assert (len(report.document["findings"]), report.omitted) == (MAX_FINDINGS, 300)
    assert {finding["severity"] for finding in report.document["findings"]} == {"Critical"}
    assert (report.problems.critical, report.problems.info) == (250, 250)


def test_not_looked_differs_from_nothing_found() -> None:
    report = examine(Seen(now=NOW, unread=frozenset({Source.EVENTS})), CHECKS, {"cpu-throttling": "ask for it"})
    checked = {each["check"]: each for each in report.document["checked"]}
    assert checked["replicas"] == {**checked["replicas"], "findings": 0, "complete": True}
    assert checked["failing-probes"]["notRead"] == ["events"]
    assert checked["pod-creation"]["complete"] is False
    assert checked["cpu-throttling"]["skipped"] == "ask for it"
    assert report.problems.unchecked == sum(Source.EVENTS in check.needs for check in CHECKS)
