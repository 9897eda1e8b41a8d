"""The corpus: every secret goes, the look-alikes stay; alone, and as one long log cut in any place."""

from __future__ import annotations

import pytest

from corpus.cases import Case, lookalikes, secrets
from corpus.judging import build, judge, run
from supportbundle.sanitize import Limits, Sanitizer

TINY = Limits(block=256, ahead=128, feed=64, stretch=128, unit=64, whole=2048, cap=4096)
LEAST_SECRETS, LEAST_LOOKALIKES = 400, 600
TOUCHED_OF = 500
"""At most one look-alike in so many may be touched."""
ORDINARY = "2026-11-21T10:00:00Z level=info msg=ok user=alice"


@pytest.fixture(scope="module")
def corpus_sanitizer() -> Sanitizer:
    return build()


def test_the_corpus_is_large_and_every_case_is_its_own() -> None:
    assert len(secrets()) >= LEAST_SECRETS
    assert len(lookalikes()) >= LEAST_LOOKALIKES
    assert all(case.secrets for case in secrets())
    for cases in (secrets(), lookalikes()):
        texts = [case.text for case in cases]
        assert len(set(texts)) == len(texts)


def test_no_secret_survives_and_what_stands_beside_it_does(corpus_sanitizer: Sanitizer) -> None:
    wrong = [(case.place, verdict.wrong) for case in secrets() if (verdict := judge(corpus_sanitizer, case)).wrong]
    assert wrong == []


def test_at_most_one_lookalike_in_five_hundred_is_touched(corpus_sanitizer: Sanitizer) -> None:
    wrong = [case.place for case in lookalikes() if judge(corpus_sanitizer, case).wrong]
    assert len(wrong) * TOUCHED_OF <= len(lookalikes()), wrong


def test_sanitizing_the_corpus_twice_changes_nothing(corpus_sanitizer: Sanitizer) -> None:
    for case in (*secrets(), *lookalikes()):
        once = run(corpus_sanitizer, [case.text.encode()], case.path)
        assert run(corpus_sanitizer, [once], case.path) == once, case.place


def test_what_is_sanitized_passes_the_leak_check(corpus_sanitizer: Sanitizer) -> None:
    check = corpus_sanitizer.leak_check()
    for case in secrets():
        check.feed(run(corpus_sanitizer, [case.text.encode()], case.path) + b"\n")
    check.finish()


@pytest.mark.parametrize("limits", [None, TINY], ids=["ordinary", "tiny windows"])
def test_as_one_log_no_split_matters_and_no_secret_survives(limits: Limits | None) -> None:
    sanitizer = build(limits)
    lines = [case for case in secrets() if case.is_line]
    log = _log(lines)
    outputs = {run(sanitizer, [log[at : at + size] for at in range(0, len(log), size)]) for size in (977, 1 << 20)}
    assert len(outputs) == 1
    output = outputs.pop().decode()
    survived = [case.place for case in lines if any(secret in output for secret in case.secrets if len(secret) > 5)]
    assert survived == []


def _log(cases: list[Case]) -> bytes:
    """The cases between ordinary lines."""
    return "".join(f"{ORDINARY}\n{case.text}\n" for case in cases).encode()


def test_with_shapes_no_secret_survives_and_a_second_time_changes_nothing() -> None:
    sanitizer = build(keep_shape=True)
    check = sanitizer.leak_check()
    for case in (*secrets(), *lookalikes()):
        once = run(sanitizer, [case.text.encode()], case.path)
        assert not [secret for secret in case.secrets if secret in once.decode()], case.place
        assert run(sanitizer, [once], case.path) == once, case.place
        check.feed(once + b"\n")
    check.finish()
