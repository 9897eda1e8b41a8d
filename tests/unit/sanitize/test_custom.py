"""Rules that somebody wrote: which are refused and why, what they take out, and that they only ever add."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.__main__ import main
from supportbundle.errors import InvalidRule
from supportbundle.model.spec import SanitizationRule
from supportbundle.sanitize import BUILTIN, Sanitizer
from supportbundle.sanitize.rules.custom import MAX_RULES, check, extended, parse

Run = Callable[..., str]
FEW = replace(BUILTIN, patterns=())
"""All but the patterns: compiling those takes most of the time."""


def rule(kind: str, pattern: str, **fields: Any) -> SanitizationRule:
    return SanitizationRule.model_validate({"name": "acme", "type": kind, "pattern": pattern, **fields})


def clean(text: str, *rules: SanitizationRule, **options: Any) -> str:
    stream = Sanitizer.build((), extended(FEW, rules), **options).open("x")
    return (stream.feed(text.encode()) + stream.finish()).decode()


@pytest.mark.parametrize(
    ("kind", "pattern", "why"),
    [
        ("Key", "ab", "at least 3 letters or digits"),
        ("Key", "pass:word", "at least 3 letters or digits"),
        ("Key", "ключ", "type Path"),
        ("Path", "$.a..b", "'..b' is no step"),
        ("Path", "$.*", "it names nothing"),
        ("Regex", "(", "RE2 refuses it (missing ): ()"),
        ("Regex", "(?=a)b", "invalid perl operator: (?="),
        ("Regex", r"(a)\1", r"invalid escape sequence: \1"),
        ("Regex", "a{1,2000}", "invalid repetition size"),
        ("Regex", "(abc?){1,1000}(def?){1,1000}", "too large"),
        ("Regex", "x*", "matches the empty string"),
        ("Regex", r"\b", "matches the empty string"),
        ("Regex", "^", "matches the empty string"),
        ("Regex", r"\Aabc", r"\A and \z mean nothing"),
        ("Regex", r"abc\z", r"\A and \z mean nothing"),
        ("Regex", "[a-z]{8}", "matches <redacted:acme>"),
        ("Regex", "<red", "matches <redacted:acme>"),
        ("Regex", "schlüssel", "ASCII only"),
        ("Regex", r"\pL{3}", "ASCII only"),
        ("Literal", "abc", "at least 4 bytes"),
        ("Literal", "abcd\nefgh", "on one line"),
        ("Literal", "redact", "what replaces a secret"),
        ("Literal", "acme", "what replaces a secret"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_name(kind: str, pattern: str, why: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        extended(FEW, [rule(kind, pattern)])
    assert f"Sanitizing rule acme ({kind}) cannot be used: " in str(refused.value)
    assert why in str(refused.value)
    assert refused.value.reason == "InvalidRule"


@pytest.mark.parametrize("name", ["password", "known-secret", "secret-object", "pem"])
def test_names_of_built_in_rules_are_taken(name: str) -> None:
    with pytest.raises(InvalidRule, match="Rename it"):
        extended(BUILTIN, [rule("Key", "tenantId", name=name)])


def test_a_name_is_there_once_and_rules_are_not_without_number() -> None:
    with pytest.raises(InvalidRule, match="its name is taken"):
        extended(FEW, [rule("Key", "tenantId"), rule("Literal", "a-secret")])
    many = [rule("Key", "tenantId", name=f"r{number}") for number in range(MAX_RULES + 1)]
    with pytest.raises(InvalidRule, match="more than 200"):
        extended(FEW, many)


def test_rules_are_added_after_the_others_and_nothing_is_lost() -> None:
    rules = [rule(kind, "tenantId", name=kind.lower()) for kind in ("Key", "Path", "Regex", "Literal")]
    result = extended(BUILTIN, rules)
    assert result.keys[:-1] == BUILTIN.keys
    assert (result.patterns, result.blocks, result.allowed) == (BUILTIN.patterns, BUILTIN.blocks, BUILTIN.allowed)
    assert result.names() - BUILTIN.names() == {"key", "path", "regex", "literal"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("tenantId", "tenant_id"), ("tenant-id", "TENANT_ID"), ("Tenant Id", "x-tenant-id"),
        ("tenant.id", "acmeTenantID"), ("secretName", "secretName"),
        ("token expiry", "tokenExpiry"), ("enabled", "enabled"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["v1", "7", "true", "${REF}", "***", "failed"])
def test_a_key_somebody_asked_for_is_secret_whatever_is_under_it(pattern: str, name: str, value: str) -> None:
    asked = rule("Key", pattern)
    for text in (json.dumps({name: value, "n": 1}), json.dumps({name: {"a": value}, "n": 1}, indent=1)):
        assert json.loads(clean(text, asked)) == {name: "<redacted:acme>", "n": 1}
    assert yaml.safe_load(clean(f"n: 1\n{name}: {value}\n", asked)) == {name: "<redacted:acme>", "n": 1}
    for text in ('{"x": "", "n": 1}', '{"x": null, "n": 1}', '{"x": "<redacted:password>", "n": 1}'):
        kept = text.replace("x", name, 1)
        assert clean(kept, asked) == kept


def test_a_regex_takes_out_its_group_or_all_of_it() -> None:
    grouped, whole = rule("Regex", r"TCK-(?P<secret>\d{4,8})"), rule("Regex", r"\bACME\d+\b", name="whole")
    text = "see TCK-123456, ACME77 and XACME7\n"
    assert clean(text, grouped, whole) == "see TCK-<redacted:acme>, <redacted:whole> and XACME7\n"
    begins = rule("Regex", "^see TCK-")
    assert clean(f"{text}x see TCK-1234\n", begins) == "<redacted:acme>123456, ACME77 and XACME7\nx see TCK-1234\n"


@pytest.mark.parametrize("pattern", [r"TCK-\d+", r"TCK-(?P<secret>\d+)"])
def test_a_regex_is_found_in_every_kind_of_text(pattern: str) -> None:
    wanted = rule("Regex", pattern)
    document = {"a": "see TCK-1234", "TCK-4321": 1, "inner": json.dumps({"b": ["x TCK-99 y"]}), "n": 1}
    for text, read in (
        (json.dumps(document), json.loads),
        (json.dumps(document, indent=1), json.loads),
        (yaml.safe_dump(document), yaml.safe_load),
    ):
        out = clean(text, wanted)
        assert not {"1234", "4321", "99"} & set(json.dumps(read(out)).replace("-", " ").replace('"', " ").split())
        assert read(out)["n"] == 1
        assert clean(out, wanted) == out
    for text in ("A=TCK-1234\nB=2\n", "log TCK-1234\n", "[x]\na = TCK-1234\n"):
        assert "1234" not in clean(text, wanted)


def test_a_regex_across_key_and_value_takes_the_value() -> None:
    wanted = rule("Regex", r"""["']?badge["']?:\s*["']?[0-9]+""")
    for text, read in (('{"badge": "4711", "n": 1}', json.loads), ("n: 1\nbadge: 4711\n", yaml.safe_load)):
        out = clean(text, wanted)
        assert read(out) == {"badge": "<redacted:acme>", "n": 1}
        assert clean(out, wanted) == out
    assert json.loads(clean('{"badge": 4711, "n": 1}', wanted)) == {"badge": "<redacted:acme>", "n": 1}


def test_a_literal_is_found_in_every_encoding() -> None:
    secret = rule("Literal", 'Blue "Falcon"/7')
    written = json.dumps('Blue "Falcon"/7')
    text = f'{written} Blue%20%22Falcon%22%2F7 Ymx1ZSBCbHVlICJGYWxjb24iLzcgeA== end Blue "Falcon"/7.\n'
    out = clean(text, secret)
    assert "Falcon" not in out
    assert "RmFsY29u" not in out
    assert "YWxjb24" not in out
    assert out.count("<redacted:acme>") == 4
    assert out.endswith(".\n")


def test_examples_are_tried() -> None:
    good = [{"text": "see TCK-1234", "removed": "1234"}, {"text": "TCK-0 is a look-alike"}]
    check(FEW, [rule("Regex", r"TCK-\d{4}", examples=good)])
    with pytest.raises(InvalidRule, match=r"acme \(Regex\) .* does not take '0' out of its example 'TCK-0'"):
        check(FEW, [rule("Regex", r"TCK-\d{4}", examples=[{"text": "TCK-0", "removed": "0"}])])
    with pytest.raises(InvalidRule, match="takes something out of its look-alike 'TCK-1234'"):
        check(FEW, [rule("Regex", r"TCK-\d{4}", examples=[{"text": "TCK-1234"}])])
    document = '{"a": {"b": "hunter"}, "b": "kept"}'
    check(FEW, [rule("Path", "$.a.b", examples=[{"text": document, "removed": "hunter"}])])
    with pytest.raises(InvalidRule, match="does not take 'kept'"):
        check(FEW, [rule("Path", "$.a.b", examples=[{"text": document, "removed": "kept"}])])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"- name: a\n  type: Key\n", "0.pattern: Field required"),
        (b"- {name: a, type: Glob, pattern: xyz}\n", "0.type: Input should be"),
        (b"- {name: A_b, type: Key, pattern: xyz}\n", "0.name: String should match"),
        (b"- {name: a, type: Key, pattern: xyz, note: 1}\n", "0.note: Extra inputs"),
        (b"rules: 7\n", "are no list"),
        (b"rulez: []\n", "are no list"),
        (b"{", "are no YAML"),
        (b"\xff\xfe\xff", "are no YAML"),
    ],
)
def test_a_file_of_rules_is_refused_in_plain_words(text: bytes, said: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(text)
    assert said in str(refused.value)
    assert "errors.pydantic" not in str(refused.value)


def test_a_file_of_rules_is_a_list_or_a_map_with_one() -> None:
    text = "- {name: a, type: Key, pattern: xyz}\n"
    assert parse(text.encode()) == parse(f"rules:\n{text}".encode()) == (rule("Key", "xyz", name="a"),)
    assert parse(b"") == ()


def test_a_file_of_rules_can_be_checked_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("- {name: acme, type: Key, pattern: tenantId}\n")
    assert main(["rules", str(file)]) == 0
    assert capsys.readouterr().out == "1 rules are usable.\n"
    file.write_text("- {name: acme, type: Regex, pattern: '('}\n")
    assert main(["rules", str(file)]) == 1
    assert capsys.readouterr().err.startswith("supportbundle: Sanitizing rule acme (Regex) cannot be used: ")
