"""Which word on a staged bundle counts, and what the others are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, UID, bundle, seen_status
from supportbundle.decide.approval import answer, decisive
from supportbundle.model.approval import (
    Approval,
    ApprovalCondition,
    ApprovalConditionType,
    ApprovalSpec,
    ApprovalStatus,
    BundleTarget,
    Word,
)
from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.destination import ApprovalRule
from supportbundle.model.status import ApprovalRecord, ApprovalState, Staged

RULE = ApprovalRule(required=True, timeout=timedelta(hours=1))
STAGED = Staged(at=NOW, size_bytes=1, etag="e", files=1)
OTHER = "99999999-2222-3333-4444-555555555555"


def said(
    name: str, word: Word = Word.APPROVED, *, after: float = 10, uid: str = UID, refused: bool = False
) -> Approval:
    condition = ApprovalCondition(
        type=ApprovalConditionType.ACCEPTED, status=ConditionStatus.FALSE, reason="TooEarly", last_transition_time=NOW
    )
    return Approval(
        namespace="team",
        name=name,
        created=NOW + timedelta(seconds=after),
        spec=ApprovalSpec(bundle=BundleTarget(name="incident", uid=uid), decision=word, reason="r", by=f"by-{name}"),
        status=ApprovalStatus(conditions=(condition,) if refused else ()),
    )


def staged(**changes: Any) -> Bundle:
    return bundle(seen_status(staged=STAGED, **changes))


words = st.builds(
    said,
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from(Word),
    after=st.integers(0, 7200),
    refused=st.booleans(),
)


@given(st.lists(words, max_size=6, unique_by=lambda word: word.name), st.randoms())
def test_the_earliest_decision_in_time_counts_in_whatever_order_they_come(heard: list[Approval], random: Any) -> None:
    status = seen_status(staged=STAGED)
    facts = decisive(heard, status, RULE)
    random.shuffle(heard)
    assert decisive(heard, status, RULE) == facts
    able = [w for w in heard if w.spec.decision != Word.REVIEW and not w.refused and w.created <= NOW + RULE.timeout]
    if facts.verdict is None:
        assert not able
    else:
        assert min((w.created, w.name) for w in able) == (facts.at, facts.name)


def test_a_word_from_before_the_staging_decides_nothing() -> None:
    heard = [said("early", after=-1), said("later", Word.DENIED, after=0)]
    assert decisive(heard, seen_status(staged=STAGED), RULE).verdict == "Denied"
    assert decisive(heard[:1], seen_status(staged=STAGED), RULE).verdict is None


@given(st.lists(words, max_size=4, unique_by=lambda word: word.name))
def test_what_was_decided_once_stays(heard: list[Approval]) -> None:
    record = ApprovalRecord(state=ApprovalState.DENIED, by="ann", at=NOW, name="no")
    assert decisive(heard, seen_status(staged=STAGED, approval=record), RULE).verdict == "Denied"


RECORD = ApprovalRecord(state=ApprovalState.APPROVED, by="by-a", at=said("a").created, name="a")
FAILED = seen_status(staged=STAGED)
FAILED = FAILED.model_copy(
    update={
        "conditions": tuple(
            c.model_copy(update={"status": ConditionStatus.TRUE}) if c.type == "Stalled" else c
            for c in FAILED.conditions
        )
    }
)


@pytest.mark.parametrize(
    ("word", "about", "rule", "reason"),
    [
        (said("a"), None, None, "NoSuchBundle"),
        (said("a", uid=OTHER), staged(), RULE, "OtherBundle"),
        (said("a"), staged(approval=RECORD), RULE, "Approved"),
        (said("b"), staged(approval=RECORD), RULE, "AlreadyDecided"),
        (said("b", Word.REVIEW), staged(approval=RECORD), RULE, "ReviewClosed"),
        # Deleted and made again under the same name, it is not the one that counted.
        (said("a", after=11), staged(approval=RECORD), RULE, "AlreadyDecided"),
        (said("a", after=3601), staged(), RULE, "TooLate"),
        (said("a", after=-1), staged(), RULE, "TooEarly"),
        (said("a"), bundle(FAILED), RULE, "TooLate"),
        (said("a"), staged(), ApprovalRule(), "NotRequired"),
        (said("a"), bundle(), RULE, "TooEarly"),
        (said("a"), staged(), RULE, None),
        (said("a", Word.REVIEW), staged(), RULE, None),
    ],
)
def test_every_word_is_answered(
    word: Approval, about: Bundle | None, rule: ApprovalRule | None, reason: str | None
) -> None:
    found = answer(word, about, rule)
    assert (found.reason if found else None) == reason
    if found:
        assert (found.status == ConditionStatus.TRUE) == (reason == "Approved")
        assert found.message
