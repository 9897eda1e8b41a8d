"""References in templates: what they stand for, and that nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.plan.substitute import LONGEST, BadReference, fill, references

NAMES = st.from_regex(r"[a-z][A-Za-z0-9]{0,8}", fullmatch=True)
GIVEN = st.dictionaries(NAMES, st.one_of(st.text(max_size=40), st.integers(), st.booleans()), max_size=5)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(port)", 8065),
        ("$(on)", True),
        ("$(word)", "a$(port)"),
        (":$(port)/$(on)", ":8065/true"),
        ("$$(port)", "$(port)"),
        ("$$$(port)", "$$(port)"),
        ("$(word)$(word)", "a$(port)a$(port)"),
        ("costs 5$", "costs 5$"),
        ("$ (port)", "$ (port)"),
        ("$HOME ${HOME}", "$HOME ${HOME}"),
    ],
)
def test_what_a_string_becomes(text: str, expected: object) -> None:
    assert fill(text, {"port": 8065, "on": True, "word": "a$(port)"}, {}) == expected


@pytest.mark.parametrize("text", ["$(date +%s)", "$(", "$()", "$(Port)", "a $(b-c)", "$(port"])
def test_what_begins_no_reference_is_refused_and_never_passed_on(text: str) -> None:
    with pytest.raises(BadReference, match=r"\$\$\("):
        references({"command": ["sh", "-c", text]})
    with pytest.raises(BadReference):
        fill(text, {}, {})


def test_a_key_holds_no_reference() -> None:
    with pytest.raises(BadReference, match="values only"):
        references({"matchLabels": {"$(key)": "x"}})


def test_a_name_of_a_secret_comes_from_the_declared_ones_and_from_nothing_else() -> None:
    raw = {"headersFrom": [{"name": "A", "secret": "token", "key": "$(key)"}]}
    found = references(raw)
    assert (found.parameters, found.secrets) == ({"key"}, {"token"})
    assert fill(raw, {"key": "k", "token": "stolen"}, {"token": "mm-admin"}) == {
        "headersFrom": [{"name": "A", "secret": "mm-admin", "key": "k"}]
    }
    assert references({"secret": "$(key)"}).secrets == {"$(key)"}  # which no template can declare


def test_a_string_stays_bounded() -> None:
    with pytest.raises(BadReference, match=str(LONGEST)):
        fill("$(x) " * 20, {"x": "y" * 1024}, {})


@given(PLAIN)
def test_text_without_references_comes_back_as_it_was_once_escaped(value: object) -> None:
    def escaped(part: object) -> object:
        match part:
            case str():
                return part.replace("$(", "$$(")
            case list():
                return [escaped(item) for item in part]
            case dict():
                return {key: escaped(item) for key, item in part.items() if key != "secret" and "$(" not in key}
            case _:
                return part

    def kept(part: object) -> object:
        match part:
            case list():
                return [kept(item) for item in part]
            case dict():
                return {key: kept(item) for key, item in part.items() if key != "secret" and "$(" not in key}
            case _:
                return part

    assert fill(escaped(value), {}, {}) == kept(value)  # type: ignore[arg-type]


@given(GIVEN, st.lists(NAMES, min_size=1, max_size=4), st.text(alphabet="ab /", max_size=5))
def test_every_reference_is_seen_and_what_is_filled_in_is_never_read_again(
    values: dict[str, str | int | bool], wanted: list[str], between: str
) -> None:
    text = between.join(f"$({name})" for name in wanted)
    assert references(text).parameters == set(wanted)
    if set(wanted) <= values.keys():
        filled = fill([text, 1], values, {})
        words = [str(v).lower() if isinstance(v := values[name], bool) else str(v) for name in wanted]
        alone = len(wanted) == 1
        assert filled == [values[wanted[0]] if alone else between.join(words), 1]
    else:
        with pytest.raises(KeyError):
            fill(text, values, {})
