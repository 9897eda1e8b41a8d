"""The short ways that make the sanitizer fast give what the long ways give."""

from __future__ import annotations

import json
import re

import pytest
import re2
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.documents import jsonitem, jsonlocal, yamlitem, yamllocal
from supportbundle.sanitize.edits import apply
from supportbundle.sanitize.find.triggers import Kind, latin1, triggers
from supportbundle.sanitize.rules.builtin import BUILTIN
from supportbundle.sanitize.rules.harmless import is_harmless
from supportbundle.sanitize.text.armour import OpenBlocks
from supportbundle.sanitize.text.dialect import LOG
from supportbundle.sanitize.text.places import Places
from supportbundle.sanitize.text.plain import plain

KEYS = [
    "password",
    "DB_PASSWORD",
    "api key",
    "apiKey",
    "tokenExpiry",
    "name",
    "value",
    "user",
    "client_secret",
    "secretName",
]
VALUES = [
    "hunter2",
    "pw0123456789",
    "30s",
    "true",
    "12345678",
    "x" * 30,
    "ghp_" + "a1B2" * 9,
    "",
    "db-0",
    "null",
    "****",
]
PIECES = st.sampled_from(
    [
        *KEYS,
        *VALUES,
        "=",
        ": ",
        " ",
        ",",
        "\n",
        '"',
        "'",
        "{",
        "}",
        "[",
        "]",
        "\\",
        "- ",
        "--",
        "&",
        "kind: Secret",
        ":=",
    ]
)


@pytest.mark.parametrize(
    "row", [row for row in triggers(BUILTIN).rows if row.rule is not None], ids=lambda row: row.rule.name
)
def test_what_is_seen_first_covers_each_rule(row: object) -> None:
    """Hyperscan must report a place in every line in which RE2 finds the trigger."""
    for hit in row.rule.hits:  # type: ignore[attr-defined]
        text = hit.text.encode()
        if row.exact.search(text):  # type: ignore[attr-defined]
            assert triggers(BUILTIN).matcher.find(text), hit.text


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PIECES, max_size=30))
def test_every_secret_key_before_a_separator_is_found(sanitizer: Sanitizer, parts: list[str]) -> None:
    text = "".join(parts).encode()
    core = sanitizer._core  # noqa: SLF001 - the scanner has no door of its own
    names = triggers(BUILTIN).key.pattern.decode()
    expected = {
        match.span()
        for match in re2.compile(names.encode(), latin1()).finditer(text)
        if (key := core.classify(match.group(1))) is not None and not key.rule.quiet
    }
    found = [(hit.start, hit.end) for hit in core.scanner.scan(text, 0, len(text), len(text))]
    for start, end in expected:
        assert any(low <= end and high >= end for low, high in found), (text, text[start:end], found)


@settings(max_examples=300, deadline=None)
@given(
    before=st.sampled_from(["", "x ", '"Linux)" ', "it's' ", '" ', "2026-11-21T10:00:00Z ", "export ", "- ", "a=b "]),
    key=st.sampled_from(KEYS),
    value=st.sampled_from(VALUES) | st.text("abcXYZ0189.-_/%$", max_size=20),
    after=st.sampled_from(["", " retry=3", " x}", "\n", " and more\nnext=1"]),
)
def test_plain_values_are_replaced_as_by_the_closer_look(
    sanitizer: Sanitizer, before: str, key: str, value: str, after: str
) -> None:
    text = f"{before}{key}={value}{after}\n".encode()
    core = sanitizer._core  # noqa: SLF001 - as above
    for hit in core.scanner.scan(text, 0, len(text), len(text)):
        edit = plain(core, text, hit, 0, len(text))
        if edit is not None:
            window = Places(core, LOG, OpenBlocks(), text, len(text), final=True)
            assert window.look(hit).edits == [edit]


scalars = st.sampled_from(VALUES) | st.integers(0, 99) | st.booleans() | st.none() | st.text('ab"\\{}:, é', max_size=8)
texts = st.builds(lambda key, value: f"{key}={value}", st.sampled_from(KEYS), st.sampled_from(VALUES))


def around(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Containers of such values, and the values themselves."""
    names = st.sampled_from(KEYS) | st.text('ab"', max_size=4)
    pairs = st.builds(lambda name, value: {"name": name, "value": value}, st.sampled_from(KEYS), inner)
    return inner | st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4) | pairs


documents = around(around(around(scalars | texts)))


@settings(max_examples=400, deadline=None)
@given(document=documents, indent=st.sampled_from([None, 0, 2]))
def test_json_resolved_in_place_is_json_walked(sanitizer: Sanitizer, document: object, indent: int | None) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    context = sanitizer.context()
    hits = context.core.scanner.scan(text, 0, len(text), len(text))
    local = jsonlocal.edits(context, text, 0, len(text), hits)
    if hits and local is not None:
        walked = jsonitem.walked(context, text, 0, len(text), hits)
        assert apply(text, local, 0, len(text)) == apply(text, walked, 0, len(text))


@settings(max_examples=400, deadline=None)
@given(document=documents)
def test_yaml_resolved_in_place_means_what_parsed_yaml_means(sanitizer: Sanitizer, document: object) -> None:
    text = yaml.safe_dump({"top": document}, allow_unicode=True).encode()
    context = sanitizer.context()
    hits = context.core.scanner.scan(text, 0, len(text), len(text))
    local = yamllocal.edits(context.core, text, hits)
    if local is None or not hits:
        return
    parsed = yamlitem.edits(context, text, hits)
    assert parsed is not None
    one, other = (yaml.safe_load(apply(text, edits, 0, len(text))) for edits in (local, parsed))
    assert one == other


def test_a_long_list_of_objects_is_cut_where_its_elements_end(sanitizer: Sanitizer) -> None:
    """Elements that look alike inside, braces in strings, and a second list: nothing leaks, nothing else changes."""
    element = {"apiVersion": "v1", "owners": [{"apiVersion": "a"}, {"apiVersion": "b"}], "note": '}},{{ "x": ['}
    plainly = [element | {"n": number} for number in range(6000)]
    document = {"items": plainly, "credentials": [element | {"password": "hunter2"}] * 3, "more": plainly[:10]}
    text = json.dumps(document).encode()
    stream = sanitizer.open("x")
    out = stream.feed(text) + stream.finish()
    clean = json.loads(out)
    assert clean["items"] == plainly
    assert clean["more"] == plainly[:10]
    assert b"hunter2" not in out


def test_harmless_values_are_never_plain_secrets(sanitizer: Sanitizer) -> None:
    core = sanitizer._core  # noqa: SLF001 - as above
    key = core.classify(b"password")
    assert key is not None
    for value in (b"null", b"12345678ms", b"amd64", b"${PASSWORD}", b"********", b"xxxxxxxxxx"):
        assert is_harmless(value, key, document=False) or re.fullmatch(rb"[\w]+", value)
        text = b"at 10:00 login password=" + value + b" ok\n"
        hits = [hit for hit in core.scanner.scan(text, 0, len(text), len(text)) if hit.kind is Kind.KEY]
        assert [plain(core, text, hit, 0, len(text)) for hit in hits if is_harmless(value, key, document=False)] in (
            [],
            [None],
        )


@pytest.mark.parametrize("note", ["", "]", "[", '}],"tokens":[{', "{[", "]}"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_secret_list_behind_a_long_list_is_claimed_whatever_strings_hold(
    sanitizer: Sanitizer, note: str, indent: int | None
) -> None:
    """Brackets in strings may make the end of a list hard to see; then the member is refused, not let through."""
    plainly = [{"apiVersion": "v1", "note": note if number == 3000 else "x", "n": number} for number in range(6000)]
    secret = [
        {"apiVersion": "v1", "note": note[::-1] if number == 10 else "x", "code": "hunter2"} for number in range(6000)
    ]
    stream = sanitizer.open("x")
    try:
        out = stream.feed(json.dumps({"items": plainly, "tokens": secret}, indent=indent).encode()) + stream.finish()
    except Unsanitizable:
        return
    assert b"hunter2" not in out
    assert json.loads(out)["items"] == plainly
