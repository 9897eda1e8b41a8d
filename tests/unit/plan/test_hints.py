"""Gaps end with what the author of their collector says, and are otherwise as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supportbundle.model.gap import MESSAGE_LIMIT, Gap
from supportbundle.model.hint import Hint
from supportbundle.plan.hints import advised

LICENCE = Hint(reason="HTTP403", contains="no_license", say="Buy one.")
OTHER = Hint(reason="HTTP403", say="Ask for the right.")


def said(gap: Gap, *hints: Hint) -> str:
    (found,) = advised([gap], {"native": hints})
    assert (found.reason, found.target, found.collector) == (gap.reason, gap.target, gap.collector)
    return found.message


def test_the_first_hint_that_is_about_it_is_said() -> None:
    gap = Gap.say("HTTP403", "answered with 403: no_license", target="web-0", collector="native")
    assert said(gap, LICENCE, OTHER) == "answered with 403: no_license Buy one."
    assert said(gap, OTHER, LICENCE) == "answered with 403: no_license Ask for the right."
    assert said(gap.model_copy(update={"message": "denied"}), LICENCE, OTHER) == "denied Ask for the right."


def test_other_reasons_and_other_collectors_are_left_alone() -> None:
    gap = Gap.say("HTTP401", "no_license", collector="native")
    assert said(gap, LICENCE, OTHER) == "no_license"
    assert said(Gap.say("HTTP403", "no_license", collector="other"), OTHER) == "no_license"


@given(message=st.text(max_size=2000), say=st.from_regex(r"[A-Za-z ]{0,398}[a-z][.]", fullmatch=True))
def test_there_is_always_room_for_it(message: str, say: str) -> None:
    found = said(Gap.say("HTTP403", message, collector="native"), Hint(reason="HTTP403", say=say))
    assert found.endswith(say.strip())
    assert len(found) <= MESSAGE_LIMIT
