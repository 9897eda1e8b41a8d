"""Steps of API collectors: what is wrong with them is told before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.steps import read_steps, wrong_with


def collector(*steps: dict[str, Any], **options: Any) -> CollectorSpec:
    api = {"port": 1, "steps": list(steps), **options}
    return CollectorSpec.model_validate({"name": "c", "type": "API", "api": api})


def asked(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": f"/{name}", "output": f"{name}.json", **more}


def fields(**values: str) -> list[dict[str, str]]:
    return [{"key": key.replace("__", "."), "value": value} for key, value in values.items()]


@pytest.mark.parametrize(
    ("steps", "place", "words"),
    [
        ([asked("a", value="b.")], 0, "step a: value: it ends too early"),
        ([asked("a"), asked("b", when="nope(a)")], 1, "step b: when: there is no function nope()"),
        ([asked("a"), asked("b", path="/{a.")], 1, "step b: path: column 2"),
        ([{"name": "d", "output": "d", "fields": fields(k="a ||")}], 0, "step d: field k: it ends too early"),
        ([asked("b", path="/{a.id}"), asked("a")], 0, "step b: path: a is no earlier step"),
        ([asked("a", path="/{a.id}")], 0, "a is no earlier step"),
        ([asked("a", when="a.x")], 0, "a is no earlier step"),
        ([asked("a"), {"name": "d", "output": "d", "value": "values(@)"}], 1, "value: values(@) is about all answers"),
        ([asked("a", unwrap=True), asked("b", when="a.x")], 1, "step b: when: a is answered by a zip"),
        ([asked("a", unwrap=True, output="x"), asked("b", output="x/y")], 1, "its output x/y is in the way of that"),
        ([asked("pod")], 0, "a step cannot be called pod"),
        ([{"name": "a", "path": "/a"}], 0, "step a: nothing comes of it"),
        ([asked("a"), asked("b", output="a.json")], 1, "its output a.json is in the way of that of step a"),
        ([asked("a", output="x"), asked("b", output="x/y")], 1, "its output x/y is in the way of that of step a"),
        ([asked("a"), asked("b", fallbackFor="c")], 1, "fallbackFor: c is no earlier step"),
        ([asked("a", fallbackFor="a")], 0, "fallbackFor: a is no earlier step"),
        (
            [asked("a"), asked("b", fallbackFor="a"), asked("c", fallbackFor="a")],
            2,
            "a has the fallback b already; set fallbackFor: b",
        ),
        (
            [asked("a"), {"name": "d", "output": "d", "fields": fields(k="a", k__l="a")}],
            1,
            "field k.l: it lies inside of another field",
        ),
    ],
)
def test_a_step_that_cannot_work_is_told(steps: list[dict[str, Any]], place: int, words: str) -> None:
    ((found, said),) = wrong_with(collector(*steps))
    assert found == place
    assert words in said


def test_with_a_service_nobody_knows_the_pod_before() -> None:
    step = {"name": "d", "output": "d", "value": "pod.name"}
    assert not wrong_with(collector(step))
    assert "nobody knows yet which pod answers" in wrong_with(collector(step, service="web"))[0][1]


def test_every_step_that_is_wrong_is_told() -> None:
    said = wrong_with(collector(asked("a", value="b."), asked("b", value="c."), asked("c", path="/{b.id}")))
    assert [place for place, _ in said] == [0, 1]


def test_other_collectors_have_no_steps() -> None:
    assert wrong_with(CollectorSpec.model_validate({"name": "c", "type": "Logs"})) == []


def test_steps_tell_what_they_need_and_who_needs_them() -> None:
    spec = collector(
        asked("a"),
        asked("b", path="/{a.id}", value="[?x].pod"),
        asked("c", output="b.json", fallbackFor="b", when="a.old"),
        {"name": "d", "output": "d/e.yaml", "format": "YAML", "fields": fields(k="b || c", pod="pod.name")},
        {"name": "f", "path": "/f", "output": "f", "fields": fields(own="f.x", other="d.k")},
    )
    assert spec.api
    assert not wrong_with(spec)
    told = [(step.name, set(step.needs), step.kept, step.fallback) for step in read_steps(spec.api)]
    assert told == [
        ("a", set(), True, None),
        ("b", {"a"}, True, "c"),
        ("c", {"a"}, True, None),
        ("d", {"b", "c"}, True, None),
        ("f", {"d"}, False, None),
    ]


def test_outputs_may_be_the_same_along_a_chain_of_fallbacks() -> None:
    chain = [asked("a"), asked("b", output="a.json", fallbackFor="a"), asked("c", output="a.json", fallbackFor="b")]
    assert not wrong_with(collector(*chain))
