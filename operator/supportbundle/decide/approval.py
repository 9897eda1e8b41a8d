"""Which word on a bundle counts, and what each of them is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from supportbundle.decide.world import ApprovalFacts, Verdict
from supportbundle.model.approval import Approval, Word
from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.destination import ApprovalRule
from supportbundle.model.status import ApprovalRecord, Status

LINK_READY = "LinkReady"
"""The answer to a review while its link stands."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The condition Accepted of an approval."""

    status: ConditionStatus
    reason: str
    message: str


def decisive(words: Iterable[Approval], status: Status, rule: ApprovalRule) -> ApprovalFacts:
    """The earliest word that decides, of those that were said in time. What was decided once stays."""
    if (record := status.approval) is not None:
        return ApprovalFacts(
            rule.timeout, Verdict(record.state.value), record.by, record.reason, record.at, record.name
        )
    deadline = _deadline(status, rule.timeout)
    heard = [w for w in words if not w.refused and deadline and w.created <= deadline and not is_early(w, status)]
    said = [word for word in heard if word.spec.decision != Word.REVIEW]
    if not said:
        return ApprovalFacts(rule.timeout)
    first = min(said, key=lambda word: word.order)
    spec = first.spec
    return ApprovalFacts(rule.timeout, Verdict(spec.decision.value), spec.by, spec.reason, first.created, first.name)


def is_early(word: Approval, status: Status) -> bool:
    """Said before there was a zip: whoever said so has not decided about this one."""
    return status.staged is None or word.created < status.staged.at


def answer(word: Approval, bundle: Bundle | None, rule: ApprovalRule | None) -> Answer | None:
    """What a word is told; None while the bundle waits for one and this one is still to be looked at.

    `rule` is None where the destination is missing.
    """
    name = word.spec.bundle.name
    if bundle is None:
        return _no("NoSuchBundle", f"There is no SupportBundle {name} in this namespace.")
    if bundle.metadata.uid != word.spec.bundle.uid:
        return _no("OtherBundle", f"SupportBundle {name} has another uid, {bundle.metadata.uid}.")
    if (record := bundle.status.approval) is not None:
        return _once_decided(word, record)
    return _while_undecided(word, bundle, rule)


def unchecked() -> Answer:
    """Nobody has held `by` to the author's name."""
    message = (
        "The operator's admission policies were not in force when this was created, so nobody has checked who made it. "
        "Create it again once they are."
    )
    return _no("CreatedUnchecked", message)


def link(command: str, until: datetime) -> Answer:
    """Where a reviewer finds the link."""
    message = (
        f"The link to the staged zip is renewed until {until:%Y-%m-%dT%H:%M:%SZ}; each is good for 15 minutes, and "
        f"only you can read it: {command}"
    )
    return Answer(ConditionStatus.TRUE, LINK_READY, message)


def _once_decided(word: Approval, record: ApprovalRecord) -> Answer:
    if record.name == word.name and record.at == word.created:
        return Answer(ConditionStatus.TRUE, record.state.value, f"{record.state} by {record.by}.")
    message = f"SupportBundle {word.spec.bundle.name} was {record.state.lower()} by {record.by}."
    return _no("ReviewClosed" if word.spec.decision == Word.REVIEW else "AlreadyDecided", message)


def _while_undecided(word: Approval, bundle: Bundle, rule: ApprovalRule | None) -> Answer | None:
    name, status = bundle.metadata.name, bundle.status
    deadline = _deadline(status, rule.timeout) if rule else None
    if status.finished or (deadline is not None and word.created > deadline):
        return _no("TooLate", f"SupportBundle {name} is no longer waiting for a decision.")
    if rule is not None and not rule.required:
        return _no("NotRequired", f"The destination of SupportBundle {name} asks for no approval.")
    if is_early(word, status):
        message = (
            f"There was no zip of SupportBundle {name} yet. Decide once its condition Ready says AwaitingApproval."
        )
        return _no("TooEarly", message)
    return None


def _no(reason: str, message: str) -> Answer:
    return Answer(ConditionStatus.FALSE, reason, message)


def _deadline(status: Status, timeout: timedelta) -> datetime | None:
    return status.staged.at + timeout if status.staged else None
