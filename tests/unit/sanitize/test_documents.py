"""JSON and YAML: what is secret in them, and that nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]

YAML_CASES = {
    "block scalar": "token: |\n  hunter2\n  hunter22\nnext: 1\n",
    "folded": "next: 1\ntoken: >-\n  hunter2\n  more\n",
    "next line": "next: 1\npassword:\n  hunter2\n",
    "single quoted": "next: 1\npassword: 'hunter2''s'\n",
    "double quoted over lines": 'next: 1\npassword: "hunter2\n  more"\n',
    "plain over lines": "next: 1\npassword: hunter2\n  more\n",
    "flow map": "next: 1\nx: {password: hunter2, ok: 1}\n",
    "flow list": "next: 1\npasswords: [hunter2, hunter22]\n",
    "list": "next: 1\npasswords:\n- hunter2\n- hunter22\n",
    "map": "next: 1\ncredentials:\n  user: bob\n  word: hunter2\n",
    "env": "env:\n- name: DB_PASSWORD\n  value: hunter2\n",
    "env, value first": "env:\n- value: hunter2\n  name: DB_PASSWORD\n",
    "env in flow": "env: [{name: DB_PASSWORD, value: hunter2}]\nnext: 1\n",
    "comment": "next: 1\n# password: hunter2\nother: 2\n",
    "tag and anchor": "next: 1\npassword: &pw !!str hunter2\nagain: *pw\n",
    "alias": "next: &pw hunter2\npassword: *pw\n",
    "alias in env, value first": "next: &pw hunter2\nenv:\n- value: *pw\n  name: DB_PASSWORD\n",
    "alias in env, name first": "next: &pw hunter2\nenv:\n- name: DB_PASSWORD\n  value: *pw\n",
    "alias in a Secret": "next: &pw hunter2\nitems:\n- data:\n    plain: *pw\n  kind: Secret\n",
    "alias in a secret map": "next: &pw hunter2\ncredentials:\n  user: bob\n  word: *pw\n",
    "alias in a secret list": "next: &pw hunter2\npasswords:\n- *pw\n- x\n",
    "anchor used by another": "next: &pw hunter2\nenv:\n- value: *pw\n  name: A_TOKEN\nagain: *pw\n",
    "arguments": "next: 1\nargs:\n- --password\n- hunter2\n",
    "explicit key": "next: 1\n? password\n: hunter2\n",
    "Secret": "apiVersion: v1\ndata:\n  plain: hunter2\nkind: Secret\n",
    "Secret in a list": "items:\n- apiVersion: v1\n  stringData:\n    plain: hunter2\n  kind: Secret\nkind: List\n",
    "second document": "a: 1\nb: 2\n---\npassword: hunter2\n",
    "number": "next: 1\npassword: 4711\n",
    "file in a ConfigMap": "data:\n  app.properties: |\n    a=1\n    db.password=hunter2\nkind: ConfigMap\n",
    "JSON in a string": 'next: 1\nlast: \'{"password": "hunter2"}\'\n',
    "kubeconfig": "kind: Config\nusers:\n- name: me\n  user:\n    client-key-data: aHVudGVyMg==\n    token: hunter2\n",
    "last applied configuration": (
        "metadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n"
        '      {"kind":"Secret","stringData":{"plain":"hunter2"}}\n'
        "next: 1\n"
    ),
    "Unicode line separators in a block": "next: 1\nx: |\n  a\u2028  b: c\n  password: hunter2\n  d\x85  e\ny: 2\n",
    "kubeconfig in a ConfigMap": "data:\n  c: |\n    users:\n    - user: {token: hunter2}\n      name: me\nnext: 1\n",
    "env with other fields between": "env:\n- name:   DB_PASSWORD\n  optional: false\n  value:   hunter2\n",
    "quoted in flow without spaces": 'next: 1\nx: {"password":"hunter2","n":1}\n',
    "non-ASCII before": "näme: ü\npassword: hunter2 ü\n# é\nnext: é\n",
}


@pytest.mark.parametrize("text", YAML_CASES.values(), ids=YAML_CASES)
def test_yaml_loses_the_secret_and_nothing_else(text: str, clean: Clean, tiny: Sanitizer) -> None:
    for by in (None, tiny):
        out = clean(text, by=by).decode()
        for secret in ("hunter2", "4711", "aHVudGVyMg"):
            assert secret not in out
        before, after = list(yaml.safe_load_all(text)), list(yaml.safe_load_all(out))
        assert _keys(before) == _keys(after)
        assert clean(out, by=by).decode() == out
        for line in ("next: 1", "# é", "other: 2", "kind: List"):
            assert (line in text) == (line in out)


YAML_KEPT = (
    "spec:\n  volumes:\n  - name: x\n    secret:\n      secretName: db\n      defaultMode: 420\n",
    "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: password}\n",
    '{"key": "webhook", "secret": true, "password": false}\n',
    "secret: true\npassword: False\n",
    "imagePullSecrets:\n- name: regcred\nautomountServiceAccountToken: true\n",
    "secrets:\n- name: default-token-x\nkind: ServiceAccount\n",
    "properties:\n  password:\n    description: The password.\n    type: string\n",
    "rules:\n- resources: [secrets, pods]\n  verbs: [get]\n",
    "a: 1\npassword: ''\ntoken: null\nsecret: ${SECRET}\n",
    "kind: ConfigMap\ndata:\n  plain: hunter2\n",
)


@pytest.mark.parametrize("text", YAML_KEPT)
def test_yaml_keeps_references_schemas_and_empty_values(text: str, clean: Clean) -> None:
    assert clean(text).decode() == text


JSON_CASES: dict[str, Any] = {
    "string": {"password": "hunter2", "n": 1},
    "number": {"password": 4711, "n": 1},
    "object": {"credentials": {"user": "bob", "word": "hunter2"}, "n": 1},
    "list": {"tokens": ["hunter2", {"value": "hunter2"}], "n": 1},
    "env": {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "A", "value": "kept"}]},
    "env, value first": {"env": [{"value": "hunter2", "name": "API_TOKEN"}]},
    "Secret": {"data": {"x": "hunter2"}, "kind": "Secret", "metadata": {"name": "kept"}},
    "List of Secrets": {"items": [{"data": {"x": "hunter2"}, "kind": "Secret"}] * 2, "kind": "List"},
    "JSON in a string": {"last": json.dumps({"password": "hunter2", "a": "kept\n"})},
    "YAML in a string": {"values.yaml": "a: 1\ndb:\n  password: hunter2\n  host: kept\n"},
    "docker": {"auths": {"r.example": {"auth": "dTpodW50ZXIy"}}},
    "last applied configuration": {
        "metadata": {"annotations": {"last-applied": json.dumps({"data": {"x": "hunter2"}, "kind": "Secret"})}}
    },
    "kubeconfig": {"users": [{"name": "me", "user": {"token": "hunter2", "client-key-data": "hunter2"}}], "n": "kept"},
    "docker in a string": {"data": {"config.json": json.dumps({"auths": {"r": {"auth": "dTpodW50ZXIy"}}})}},
    "arguments": {"args": ["--password", "hunter2", "kept"]},
    "escaped slashes": {"url": "https://u:hunter2@h/"},
    "service account": {
        "type": "service_account",
        "private_key": "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----\n",
    },
    "unicode": {"näme": "ü", "pässword": "ü", "password": "hunter2 ü 💥"},
}


@pytest.mark.parametrize("value", JSON_CASES.values(), ids=JSON_CASES)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_loses_the_secret_and_nothing_else(
    value: object, indent: int | None, clean: Clean, tiny: Sanitizer
) -> None:
    text = json.dumps(value, indent=indent).replace("https://", "https:\\/\\/")
    for by in (None, tiny):
        in_a_log = f"2026-11-21 INFO got {json.dumps(value)}\n"
        for given_text in (text, f"{text}\n{text}\n", in_a_log):
            out = clean(given_text, by=by).decode()
            for secret in ("hunter2", "4711", "dTpodW50ZXIy"):
                assert secret not in out
            assert out.count("kept") == given_text.count("kept")
            if given_text is text:
                json.loads(out)
                assert clean(out, by=by).decode() == out


JSON_KEPT: tuple[Any, ...] = (
    {"volumes": [{"secret": {"secretName": "db", "items": [{"key": "password", "path": "p"}]}}]},
    {"usage": {"prompt_tokens": 12, "tokens": 512, "max_tokens": 1}, "tokens": {"total": 1, "used": 2}},
    {"password": "", "token": None, "secret": "***", "apiKey": "${API_KEY}"},
    {"kind": "ConfigMap", "data": {"x": "hunter2"}},
    {"properties": {"password": {"type": "string", "description": "d"}}},
)


@pytest.mark.parametrize("value", JSON_KEPT)
def test_json_keeps_references_schemas_and_counts(value: object, clean: Clean) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        assert clean(text).decode() == text


def _keys(value: object) -> object:
    """The structure without scalars; what is replaced as a whole becomes a scalar, so only outer keys count."""
    if isinstance(value, dict):
        return {key: _keys(item) for key, item in value.items() if "credential" not in str(key)}
    return [_keys(item) for item in value] if isinstance(value, list) else None


words = st.sampled_from(
    ["a", "password", "name", "value", "DB_TOKEN", "kind", "Secret", "data", "x: y", "# no", "--token", "env", "type",
     "password: x", "token=abc", "it's", 'say "hi"', "- a", "|", "line\nbreak",
     "-----BEGIN X KEY-----\nabcd", "é\u2028",
     "postgres://u:pw1@h/d", '{"token": "v1"}', "a:\n  password: deep\nb: 1\n",
     "true", "", " ", "\t", "\u0000", "\\", "&a", "*a", "!t"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-9, 9**9) | words | st.text(max_size=12)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


UNICODE_BREAKS = "\x85\u2028\u2029"


# Drawing a document costs far more than sanitizing it, so each is written in more than one way.
JSON_FORMS = tuple({"indent": indent, "ensure_ascii": escaped} for indent in (None, 1) for escaped in (False, True))
yaml_forms = st.fixed_dictionaries(
    {
        "default_style": st.sampled_from([None, "'", '"', "|", ">"]),
        "default_flow_style": st.sampled_from([None, True, False]),
        "allow_unicode": st.booleans(),
        "width": st.sampled_from([20, 80]),
    }
)


@settings(max_examples=120, deadline=None)
@given(value=st.dictionaries(words, documents, min_size=1, max_size=5))
def test_any_json_still_parses(sanitizer: Sanitizer, tiny: Sanitizer, clean: Clean, value: Any) -> None:
    for form in JSON_FORMS:
        for by in (sanitizer, tiny):
            out = clean(json.dumps(value, **form), by=by)
            _assert_only_values_differ(value, json.loads(out))
            if by is sanitizer:
                assert clean(out) == out


@settings(max_examples=150, deadline=None)
@given(
    value=st.dictionaries(words, documents, min_size=2, max_size=5), forms=st.lists(yaml_forms, min_size=4, max_size=4)
)
def test_any_yaml_still_parses(clean: Clean, value: Any, forms: list[dict[str, Any]]) -> None:
    for form in forms:
        text = yaml.safe_dump(value, **form)
        try:
            out = clean(text, path="x.yaml")
        except Unsanitizable:
            # YAML 1.1 ends lines at Unicode separators too; a block that hides one is refused rather than broken.
            assert set(text) & set(UNICODE_BREAKS)
            continue
        _assert_only_values_differ(yaml.safe_load(text), yaml.safe_load(out))


def _assert_only_values_differ(before: Any, after: Any) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        assert len(before) == len(after)
        for key, value in before.items():
            if key in after:
                _assert_only_values_differ(value, after[key])
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            _assert_only_values_differ(one, other)
    elif before != after:
        assert isinstance(after, str)
        assert "<redacted:" in after
