"""Environment files: Kubernetes' expansion, and lines that parse again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.collect.dotenv import MAX_VALUE, TOO_LONG, expand, line, quoted

KNOWN = {"A": "1", "B": "two", "EMPTY": ""}
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
tricky = st.text(alphabet="$()AB x", max_size=30) | texts


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(B)", "1-two"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(NOPE)", "$(NOPE)"),
        ("$(EMPTY)", ""),
        ("$(A", "$(A"),
        ("$", "$"),
        ("$A", "$A"),
        ("$($(A))", "$($(A))"),
        ("$()", "$()"),
        ("a$$", "a$"),
    ],
)
def test_references_expand_as_in_a_pod(text: str, expanded: str) -> None:
    assert expand(text, KNOWN) == expanded


def kubernetes(text: str, known: dict[str, str]) -> str:
    """The algorithm step by step, one character after the other."""
    out, i = "", 0
    while i < len(text):
        if text[i] != "$" or i + 1 == len(text):
            out += text[i]
            i += 1
        elif text[i + 1] == "(" and (end := text.find(")", i)) > 0:
            out += known.get(text[i + 2 : end], text[i : end + 1])
            i = end + 1
        else:
            out += "$" if text[i + 1] == "$" else text[i : i + 2]
            i += 2
    return out


@given(tricky)
def test_any_text_expands_as_the_plain_algorithm_does(text: str) -> None:
    assert expand(text, KNOWN) == kubernetes(text, KNOWN)


def test_doubling_ends_at_what_a_process_can_have() -> None:
    known = {"V0": "x" * 1000}
    for n in range(40):
        known[f"V{n + 1}"] = expand(f"$(V{n})$(V{n})", known)
    assert known["V40"] == TOO_LONG * 2 or len(known["V40"]) <= MAX_VALUE
    assert all(len(value) <= MAX_VALUE for value in known.values())
    assert TOO_LONG in known.values()


def parsed(text: str) -> str:
    """What a reader of .env files takes: quoted text unescaped, plain text up to a comment, without outer blanks."""
    if text.startswith('"'):
        assert text.endswith('"')
        return text[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    assert not text.startswith(("'", "#", "`"))
    return text.partition(" #")[0].strip()


@given(texts)
def test_a_line_parses_to_its_value(value: str) -> None:
    text = line("NAME", value)
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert parsed(text[5:-1]) == value


@pytest.mark.parametrize("value", ["", "plain", "a b", "x=y", "$HOME", "a#b", "http://h/?a=1&b=2", "<secret a/b>", "ü"])
def test_ordinary_values_stay_as_they_are(value: str) -> None:
    assert quoted(value) == value


@pytest.mark.parametrize("name", ["a b", "#x", "", "a\nEVIL=1", 'q"'])
def test_a_name_that_no_reader_takes_is_a_comment(name: str) -> None:
    text = line(name, "v\nw")
    assert text.startswith("# ")
    assert text.count("\n") == 1
