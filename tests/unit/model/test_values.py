"""Parsing at the border: quantities, durations, untrusted text, pods."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import UID
from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.bundle import parse_bundle
from supportbundle.model.gap import MESSAGE_LIMIT, Gap, printable
from supportbundle.model.pod import parse_pod
from supportbundle.model.quantity import format_duration, parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "size"),
    [("1Gi", 1 << 30), ("100Mi", 100 << 20), ("512Ki", 512 << 10), ("5", 5), ("2k", 2000), ("3M", 3_000_000)],
)
def test_quantities(text: str, size: int) -> None:
    assert parse_quantity(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1Mi", "1.5Gi", "1mi", "Gi", "1 Gi", "9" * 30])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(text)


@given(st.integers(0, 10**8))
def test_durations_survive_the_round_trip(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert parse_duration(format_duration(value)) == value


@given(st.text())
def test_text_from_pods_can_be_shown_on_a_terminal(text: str) -> None:
    shown = printable(text, 100)
    assert shown.isprintable()
    assert len(shown) <= 100
    shown.encode()


@given(st.text(), st.text())
def test_a_gap_always_fits_its_own_bounds(message: str, target: str) -> None:
    gap = Gap.say("Timeout", message, target=target, collector="c")
    assert Gap.model_validate_json(gap.model_dump_json()) == gap
    assert len(gap.message) <= MESSAGE_LIMIT


def test_names_fit_the_api() -> None:
    assert len(f"{names.run_name(UID)}-resources") <= 63
    labels = names.labels("a" * 62 + ".-b", UID)
    assert all(len(value) <= 63 and value[-1].isalnum() for value in labels.values())


def raw(spec: dict[str, object]) -> dict[str, object]:
    metadata = {"namespace": "n", "name": "b", "uid": UID, "creationTimestamp": "2026-11-21T00:00:00Z"}
    return {"metadata": metadata, "spec": spec}


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match=r"spec\.surprise"):
        parse_bundle(raw({"surprise": 1}))


def test_pod_facts_name_every_secret_and_config_map_that_the_pod_uses() -> None:
    container = {
        "name": "app",
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
            {"name": "C", "value": "plain"},
        ],
        "envFrom": [{"secretRef": {"name": "two", "optional": True}}],
    }
    volumes = [
        {"name": "v", "secret": {"secretName": "three"}},
        {"name": "p", "projected": {"sources": [{"secret": {"name": "four"}}, {"serviceAccountToken": {"path": "t"}}]}},
    ]
    facts = parse_pod(
        {
            "metadata": {"name": "p", "uid": "u"},
            # The API server accepts nameless and impossible references.
            "spec": {
                "containers": [container],
                "volumes": volumes,
                "imagePullSecrets": [{"name": "pull"}, {}, {"name": ".."}],
            },
            "status": {
                "containerStatuses": [
                    {
                        "name": "app",
                        "restartCount": 2,
                        "lastState": {"terminated": {}},
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    }
                ]
            },
        }
    )
    assert {s.name: s.optional for s in facts.secrets} == {
        "one": False,
        "two": True,
        "three": False,
        "four": False,
        "pull": True,
    }
    assert facts.config_maps == ("cm",)
    assert (facts.containers[0].started, facts.containers[0].has_previous) == (True, True)
