"""Path rules in documents of any size and form: exactly the values that the path means, in whole and in parts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.model.rulepath import Step, StepKind, parse
from supportbundle.sanitize import BUILTIN, Limits, Sanitizer
from supportbundle.sanitize.rules.records import AllowList, KeyRule, PathRule, RuleSet

NOTHING = RuleSet((), (), (KeyRule(name="never", reason="", words=("zzqq",), hits=()),), AllowList(*[frozenset()] * 4))
"""No rules but those of the test: what is gone went by a path."""
TINY = Limits(block=4096, ahead=128, feed=64, stretch=128, unit=64, whole=512, cap=1 << 20)
Built = Callable[..., Sanitizer]
_CACHE: dict[tuple[tuple[str, ...], bool, bool], Sanitizer] = {}


def by(*paths: str, tiny: bool = False, builtin: bool = False) -> Sanitizer:
    key = (paths, tiny, builtin)
    if key not in _CACHE:
        rules = tuple(PathRule(name=f"r{number}", reason="", path=path) for number, path in enumerate(paths))
        base = replace(BUILTIN, patterns=()) if builtin else NOTHING
        _CACHE[key] = Sanitizer.build((), base.extended(paths=rules), TINY if tiny else None)
    return _CACHE[key]


def clean(sanitizer: Sanitizer, text: str, path: str = "x", size: int = 0) -> str:
    stream = sanitizer.open(path)
    data = text.encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return (b"".join(stream.feed(chunk) for chunk in chunks) + stream.finish()).decode()


DOCUMENT: dict[str, Any] = {
    "SqlSettings": {"DataSource": "d1", "Replicas": ["d2", "d3"], "n": 1},
    "a.b": {"c d": "q"},
    "list": ["l0", "l1", {"k": "l2"}],
    "open": {"x": 1, "y": True, "z": None, "w": {"v": "deep"}},
}


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("$.SqlSettings.DataSource", ["SqlSettings", "DataSource"]),
        ("**.DataSource", ["SqlSettings", "DataSource"]),
        ("*.DataSource", ["SqlSettings", "DataSource"]),
        ("$.SqlSettings.Replicas[1]", ["SqlSettings", "Replicas", 1]),
        ("$.list[2].k", ["list", 2, "k"]),
        ("$.list[*].k", ["list", 2, "k"]),
        ("$['a.b']['c d']", ["a.b", "c d"]),
        ("$.open.w", ["open", "w"]),
        ("$.**.v", ["open", "w", "v"]),
        ("$.open.**.v", ["open", "w", "v"]),
    ],
)
@pytest.mark.parametrize("tiny", [False, True])
def test_only_the_value_of_the_path_is_replaced(path: str, gone: list[str | int], *, tiny: bool) -> None:
    wanted = copy.deepcopy(DOCUMENT)
    target: Any = wanted
    for step in gone[:-1]:
        target = target[step]
    target[gone[-1]] = "<redacted:r0>"
    for text, read in forms(DOCUMENT):
        name = "x" if text.startswith(('{"', "{\n", "2026")) else "x.yaml"
        out = clean(by(path, tiny=tiny), text, name)
        assert read(out) == wanted
        assert clean(by(path, tiny=tiny), out, name) == out


def forms(value: Any) -> Iterator[tuple[str, Callable[[str], Any]]]:
    yield json.dumps(value), json.loads
    yield json.dumps(value, indent=1), json.loads
    yield f"2026-11-21 got {json.dumps(value)}\n", lambda out: json.loads(out[15:])
    yield json.dumps({"inner": json.dumps(value), "n": 1}), lambda out: json.loads(json.loads(out)["inner"])
    yield yaml.safe_dump(value), yaml.safe_load
    yield yaml.safe_dump(value, default_flow_style=True), yaml.safe_load
    yield f"a: 1\nb: 2\n---\n{yaml.safe_dump(value)}", lambda out: list(yaml.safe_load_all(out))[1]


def test_a_list_loses_its_elements_and_an_absent_value_stays_absent() -> None:
    sanitizer = by("$.SqlSettings.Replicas", "$.open.*")
    out = json.loads(clean(sanitizer, json.dumps(DOCUMENT)))
    assert out["SqlSettings"]["Replicas"] == ["<redacted:r0>"] * 2
    assert out["open"] == {"x": "<redacted:r1>", "y": "<redacted:r1>", "z": None, "w": "<redacted:r1>"}


def test_lines_of_json_and_documents_of_a_stream_have_a_root_each() -> None:
    lines = "".join(f'{{"a": {{"b": "s{n}"}}, "b": "kept"}}\n' for n in range(50))
    out = clean(by("$.a.b", tiny=True), lines)
    assert out.count("<redacted:r0>") == 50
    assert out.count("kept") == 50


def test_an_object_in_a_list_of_kubernetes_is_a_document_too() -> None:
    objects = {"apiVersion": "v1", "items": [{"spec": {"x": f"s{n}", "y": 1}} for n in range(80)], "kind": "List"}
    for tiny in (False, True):
        for text in (json.dumps(objects, indent=1), yaml.safe_dump(objects)):
            found = yaml.safe_load(clean(by("$.spec.x", tiny=tiny), text))
            assert found["items"] == [{"spec": {"x": "<redacted:r0>", "y": 1}}] * 80


LONG = {
    "head": "h",
    "open": {"l": [{"v": f"s{n}"} for n in range(200)], "m": ["s", {"t": "u"}]},
    "other": {"l": [{"v": f"kept{n}"} for n in range(50)]},
    "list": [{"k": f"k{n}"} for n in range(100)],
    "items": [{"spec": {"x": f"s{n}", "y": [1, {"z": n}]}, "id": n} for n in range(100)],
    "tail": {"x": "kept", "open": {"l": "kept"}},
}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("$.open.*", lambda d: d["open"].update(l=["<redacted:r0>"] * 200, m=["<redacted:r0>"] * 2)),
        ("$.open.l[*]", lambda d: d["open"].update(l=["<redacted:r0>"] * 200)),
        ("$.open.l[*].v", lambda d: d["open"].update(l=[{"v": "<redacted:r0>"}] * 200)),
        ("$.list[60].k", lambda d: d["list"][60].update(k="<redacted:r0>")),
        ("$.list[99]", lambda d: d["list"].__setitem__(99, "<redacted:r0>")),
        ("$.items[77].spec.y[1].z", lambda d: d["items"][77]["spec"]["y"][1].update(z="<redacted:r0>")),
        ("$.items[*].spec.x", lambda d: [item["spec"].update(x="<redacted:r0>") for item in d["items"]]),
        ("$.tail.x", lambda d: d["tail"].update(x="<redacted:r0>")),
        ("$.head", lambda d: d.update(head="<redacted:r0>")),
    ],
)
@pytest.mark.parametrize("form", ["json", "indented", "yaml"])
@pytest.mark.parametrize("size", [0, 97])
def test_a_cut_document_keeps_its_place(path: str, change: Callable[[Any], object], form: str, size: int) -> None:
    text = {
        "json": json.dumps(LONG).replace('"tail"', '\n"tail"', 1),
        "indented": json.dumps(LONG, indent=1),
        "yaml": yaml.safe_dump(LONG, sort_keys=False),
    }[form]
    wanted = copy.deepcopy(LONG)
    change(wanted)
    out = clean(by(path, tiny=True), text, "x.yaml" if form == "yaml" else "x", size)
    assert yaml.safe_load(out) == wanted


def test_a_cut_list_under_a_secret_key_stays_secret() -> None:
    document = {"n": 1, "passwords": [f"hunter{n}" for n in range(200)], "m": [f"kept{n}" for n in range(9)]}
    out = yaml.safe_load(clean(by("$.none", tiny=True, builtin=True), yaml.safe_dump(document, sort_keys=False)))
    assert out["passwords"] == ["<redacted:password>"] * 200
    assert out["m"] == document["m"]
    objects = {"a": [{"tokens": [{"x": f"s{n}"} for n in range(99)], "n": 1}], "b": "kept"}
    text = clean(by("$.none", tiny=True, builtin=True), json.dumps(objects, indent=1))
    assert json.loads(text) == {"a": [{"tokens": ["<redacted:token>"] * 99, "n": 1}], "b": "kept"}


def test_an_object_of_a_path_that_is_larger_than_a_window_is_refused() -> None:
    text = json.dumps({"a": {"l": [{"x": n} for n in range(200)]}, "b": 1}, indent=1)
    with pytest.raises(Unsanitizable, match="larger than the window"):
        clean(by("$.a", tiny=True), text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("base: &b {x: hunter}\na: *b\n", "$.a.x"),
        ("base: &b {x: hunter}\na:\n  <<: *b\n  y: 1\n", "$.a.x"),
        ("base: &b {x: hunter}\na:\n  <<: [*b]\n  y: 1\n", "$.a.x"),
        ("base: &b {x: hunter}\n<<: *b\ny: 1\n", "$.x"),
    ],
)
def test_a_path_through_an_alias_is_refused(text: str, path: str) -> None:
    with pytest.raises(Unsanitizable, match="alias"):
        clean(by(path), text, "x.yaml")


def test_aliases_that_no_path_goes_through_stay() -> None:
    text = "base: &b {x: 1}\na: *b\nc:\n  y: hunter\nd: &e hunter\nf: *e\ng:\n  <<: *b\n"
    out = clean(by("$.c.y", "$.f"), text, "x.yaml")
    assert "hunter" not in out
    assert yaml.safe_load(out)["c"] == {"y": "<redacted:r0>"}
    assert clean(by("**.x"), "base: &b {x: hunter}\na: *b\n", "x.yaml") == ('base: &b {x: "<redacted:r0>"}\na: *b\n')


def test_merged_objects_are_where_they_are_merged() -> None:
    out = clean(by("$.a.x"), "a:\n  <<: {x: hunter}\n  y: 1\nb: 2\n", "x.yaml")
    assert yaml.safe_load(out) == {"a": {"x": "<redacted:r0>", "y": 1}, "b": 2}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a":\n {"secretOfOurs": "x"}, "list": [{"b": 1}, {"c": }', "x.json"),
        ("a: 1\nb: 2\nsecretOfOurs: {x\nc: 1\n", "x.yaml"),
        ("a: 1\nb:\n- secretOfOurs: {x\nc: 1\n", "x.yaml"),
    ],
)
def test_a_document_that_cannot_be_followed_is_refused_where_a_path_may_lead(text: str, name: str) -> None:
    with pytest.raises(Unsanitizable, match="path of a rule"):
        clean(by("$.a.secretOfOurs"), text, name)
    assert clean(by("$.a.another"), text, name) == text


def test_a_quoted_key_is_taken_for_the_path_where_no_document_can_be_read() -> None:
    for text in ('{"a": {"secretOfOurs": "x1"}, "b": {"c": }', 'got {"secretOfOurs" : "x1", "b": 1} then', "y" * 5000):
        line = text if "x1" in text else json.dumps({"pad": text, "secretOfOurs": "x1"})
        out = clean(by("$.a.secretOfOurs", tiny=True), f"first line\n{line}\nlast line\n")
        assert "x1" not in out
        assert '"<redacted:r0>"' in out


def test_running_text_is_no_document() -> None:
    text = "2026-11-21 DataSource: x\nsecretOfOurs: words that follow\n"
    assert clean(by("$.a.DataSource", "$.secretOfOurs"), text) == text


def test_a_document_without_the_name_is_not_even_parsed() -> None:
    text = json.dumps([{"spec": {"b": n}} for n in range(1000)])
    assert clean(by("$.spec.c"), text) == text
    assert not by("$.spec.c")._core.scanner.scan(text.encode(), 0, len(text), len(text))  # noqa: SLF001 - the promise


names = st.sampled_from(["a", "b", "c", "items", "a.b", "x y", "é"])
trees: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["s1", "s2", 7, None, True, "", "a: b", 'q"q']),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5),
    max_leaves=30,
)
rule_steps = st.lists(
    names.map(lambda name: f"['{name}']") | st.sampled_from([".*", "[*]", ".**", "[0]", "[2]"]), max_size=4
)
rule_paths = st.tuples(rule_steps, names).map(lambda two: "$" + "".join(two[0]) + f"['{two[1]}']")


@settings(max_examples=120, deadline=None)
@given(tree=st.dictionaries(names, trees, min_size=1, max_size=5), path=rule_paths)
def test_a_walk_finds_what_the_path_means(tree: Any, path: str) -> None:
    wanted = expected(tree, parse(path))
    # The expensive part, compiling, is done once for the path: so both forms are tried in windows of both sizes.
    for tiny in (False, True):
        for name, text, read in (
            ("x.json", json.dumps(tree, indent=1), json.loads),
            ("x.yaml", yaml.safe_dump(tree, allow_unicode=True), yaml.safe_load),
        ):
            try:
                out = clean(by(path, tiny=tiny), text, name)
            except Unsanitizable:
                assert text.count("\n") > 20
                continue
            assert read(out) == wanted


def expected(tree: Any, steps: tuple[Step, ...]) -> Any:
    """The tree as the rule must leave it, by the plainest means."""
    roots = [()]
    if isinstance(tree.get("items"), list):
        roots += [("items", number) for number in range(len(tree["items"]))]
    claimed = {place for root in roots for place in places(at(tree, root), steps, root)}
    return without(tree, claimed, ())


def at(tree: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        tree = tree[step]
    return tree


def places(value: Any, steps: tuple[Step, ...], here: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if not steps:
        yield here
        return
    first, rest = steps[0], steps[1:]
    if first.kind is StepKind.ANYWHERE:
        yield from places(value, rest, here)
    children = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for step, child in children:
        if first.kind is StepKind.ANYWHERE:
            yield from places(child, steps, (*here, step))
        elif first.kind is StepKind.ANY or (
            (first.kind is StepKind.NAME and step == first.name)
            or (
                isinstance(step, int)
                and (
                    first.kind is StepKind.ANY_POSITION or (first.kind is StepKind.POSITION and step == first.position)
                )
            )
        ):
            yield from places(child, rest, (*here, step))


def without(value: Any, claimed: set[tuple[Any, ...]], here: tuple[Any, ...], *, all_of_it: bool = False) -> Any:
    all_of_it = all_of_it or here in claimed
    if isinstance(value, dict):
        if all_of_it and value:
            return "<redacted:r0>"
        return {name: without(child, claimed, (*here, name)) for name, child in value.items()}
    if isinstance(value, list):
        return [without(child, claimed, (*here, n), all_of_it=all_of_it) for n, child in enumerate(value)]
    return "<redacted:r0>" if all_of_it and value not in (None, "") else value
