"""Paths of sanitizing rules: what is one, and what is said of what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.errors import Invalid
from supportbundle.model.rulepath import Step, StepKind, parse


def name(text: str) -> Step:
    return Step(StepKind.NAME, name=text)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$.SqlSettings.DataSource", (name("SqlSettings"), name("DataSource"))),
        ("SqlSettings.DataSource", (name("SqlSettings"), name("DataSource"))),
        ("**.Secret", (Step(StepKind.ANYWHERE), name("Secret"))),
        ("$.items[*].spec.x", (name("items"), Step(StepKind.ANY_POSITION), name("spec"), name("x"))),
        ("$.a[3]", (name("a"), Step(StepKind.POSITION, position=3))),
        ("$.a.*", (name("a"), Step(StepKind.ANY))),
        ("$['a.b/c'].d-e_f", (name("a.b/c"), name("d-e_f"))),
        ("$[0].a", (Step(StepKind.POSITION), name("a"))),
        ("$.größe", (name("größe"),)),
    ],
)
def test_a_path_is_read_step_by_step(path: str, steps: tuple[Step, ...]) -> None:
    assert parse(path) == steps


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "is no step"),
        ("$", "it names nothing"),
        ("$.*", "it names nothing"),
        ("**", "it names nothing"),
        ("$[*]", "it names nothing"),
        ("$.a.**", "it ends in `**`"),
        ("$..a", "is no step"),
        ("$.a b", "is no step"),
        ("$.a[-1]", "is no step"),
        ("$.a[?(@.b)]", "is no step"),
        ("$.a['b'", "is no step"),
        ("$['a\\b']", "is no step"),
        ("$.a\n.b", "is no step"),
        (".a", "is no step"),
        ("$" + ".a" * 21, "20 steps"),
        ("$." + "a" * 300, "256 characters"),
        ("**.a.**.b.**.c.**.d.**.e", "4 times"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(path: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(path)
    assert why in str(refused.value)


@given(st.text(max_size=400))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        steps = parse(text)
    except Invalid:
        return
    assert any(step.name for step in steps)
