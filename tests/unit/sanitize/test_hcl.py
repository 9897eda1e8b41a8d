"""HCL and Terraform: every secret goes with its heredoc or object, references and the rest stay."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import documents
from supportbundle.model.spec import SanitizationRule
from supportbundle.sanitize import BUILTIN, Sanitizer
from supportbundle.sanitize.rules.custom import check

Clean = Callable[..., bytes]

CASES = {
    "attribute": ('db {\n  password = "hunter2" # note\n}\n', 'db {\n  password = "<redacted:password>" # note\n}\n'),
    "heredoc": (
        "a {\n  token = <<EOF\nhunter2\nhunter2\nEOF\n  b = 1\n}\n",
        "a {\n  token = <<EOF\n<redacted:token>\nEOF\n  b = 1\n}\n",
    ),
    "indented heredoc": (
        "a {\n  secret = <<-EOT\n    hunter2\n  EOT\n}\n",
        "a {\n  secret = <<-EOT\n<redacted:secret>\n  EOT\n}\n",
    ),
    "a script in a heredoc": (
        "a {\n  run = <<EOF\nexport PASSWORD=hunter2\nok\nEOF\n}\n",
        "a {\n  run = <<EOF\nexport PASSWORD=<redacted:password>\nok\nEOF\n}\n",
    ),
    "map": (
        'a {\n  t = { a = "b", password = "hunter2" }\n}\n',
        'a {\n  t = { a = "b", password = "<redacted:password>" }\n}\n',
    ),
    "map with colons": (
        'a {\n  t = {\n    "Password" : "hunter2"\n  }\n}\n',
        'a {\n  t = {\n    "Password" : "<redacted:password>"\n  }\n}\n',
    ),
    "list": (
        'a {\n  passwords = [\n    "hunter2", # c\n    "hunter2"\n  ]\n}\n',
        'a {\n  passwords = [\n    "<redacted:password>", # c\n    "<redacted:password>"\n  ]\n}\n',
    ),
    "object under a secret name": (
        'a {\n  secrets = {\n    a = "hunter2"\n  }\n}\n',
        'a {\n  secrets = "<redacted:secret>"\n}\n',
    ),
    "block under a secret name": (
        'credentials {\n  word = "hunter2"\n}\n',
        'credentials {\n  word = "<redacted:credential>"\n}\n',
    ),
    "half a literal": ('a {\n  password = "${var.x}hunter2"\n}\n', 'a {\n  password = "<redacted:password>"\n}\n'),
    "call": ('a {\n  password = base64encode("hunter2")\n}\n', 'a {\n  password = "<redacted:password>"\n}\n'),
    "inside a call": (
        'a {\n  x = jsonencode({ user = "bob", env = [{ name = "DB_PASSWORD", value = "hunter2" }] })\n}\n',
        'a {\n  x = jsonencode({ user = "bob", env = [{ name = "DB_PASSWORD", value = "<redacted:password>" }] })\n}\n',
    ),
    "variable": (
        'variable "db_password" {\n  type    = string\n  default = "hunter2"\n}\n',
        'variable "db_password" {\n  type    = string\n  default = "<redacted:password>"\n}\n',
    ),
    "marked variable": (
        'variable "git" {\n  default = "hunter2"\n  sensitive = true\n}\n',
        'variable "git" {\n  default = "<redacted:secret>"\n  sensitive = true\n}\n',
    ),
    "marked variable of several": (
        'variable "git" {\n  default = {\n    user = "hunter2"\n  }\n  type = map(string)\n  sensitive = true\n}\n',
        'variable "git" {\n  default = "<redacted:secret>"\n  type = map(string)\n  sensitive = true\n}\n',
    ),
    "marked output": (
        'output "git" {\n  sensitive = true\n  value = join("-", ["hunter2", var.x])\n}\n',
        'output "git" {\n  sensitive = true\n  value = "<redacted:secret>"\n}\n',
    ),
    "parameter by its name": (
        'data "coder_parameter" "p" {\n  default = "hunter2"\n  name = "GitHub token"\n}\n',
        'data "coder_parameter" "p" {\n  default = "<redacted:token>"\n  name = "GitHub token"\n}\n',
    ),
    "parameter by its label": (
        'data "coder_parameter" "db_password" {\n  name = "Login"\n  default = "hunter2"\n}\n',
        'data "coder_parameter" "db_password" {\n  name = "Login"\n  default = "<redacted:password>"\n}\n',
    ),
    "resource by its label": (
        'resource "x_parameter" "api_key" {\n  value = "hunter2"\n}\n',
        'resource "x_parameter" "api_key" {\n  value = "<redacted:api-key>"\n}\n',
    ),
    "mark in words": (
        'variable "git" {\n  default = "hunter2"\n  sensitive = ("true")\n}\n',
        'variable "git" {\n  default = "<redacted:secret>"\n  sensitive = ("true")\n}\n',
    ),
    "mark in an inner block": (
        (
            'a "b" "c" {\n  item {\n    key = "x"\n    value = "hunter2"\n    sensitive = true\n  }\n'
            '  item {\n    value = "v"\n  }\n}\n'
        ),
        (
            'a "b" "c" {\n  item {\n    key = "x"\n    value = "<redacted:secret>"\n    sensitive = true\n  }\n'
            '  item {\n    value = "v"\n  }\n}\n'
        ),
    ),
    "list before the name": (
        'data "coder_parameter" "p" {\n  default = jsonencode(["hunter2"])\n  name = "github_tokens"\n}\n',
        'data "coder_parameter" "p" {\n  default = "<redacted:token>"\n  name = "github_tokens"\n}\n',
    ),
    "default and value": (
        'a "b" "p" {\n  default = "hunter2"\n  value = "hunter3"\n  name = "db_password"\n}\n',
        'a "b" "p" {\n  default = "<redacted:password>"\n  value = "<redacted:password>"\n  name = "db_password"\n}\n',
    ),
    "set": (
        'set {\n  name  = "auth.password"\n  value = "hunter2"\n}\n',
        'set {\n  name  = "auth.password"\n  value = "<redacted:password>"\n}\n',
    ),
    "kubernetes secret": (
        'resource "kubernetes_secret" "x" {\n  data = {\n    plain = "hunter2"\n  }\n}\n',
        'resource "kubernetes_secret" "x" {\n  data = {\n    plain = "<redacted:secret-object>"\n  }\n}\n',
    ),
    "comments": (
        '# password = "hunter2"\n// password = "hunter2"\n/* token = "hunter2" */\na {\n}\n',
        (
            '# password = "<redacted:password>"\n// password = "<redacted:password>"\n'
            '/* token = "<redacted:token>" */\na {\n}\n'
        ),
    ),
    "in an url": (
        'a {\n  u = "amqp://bob:hunter2@mq/${var.v}"\n}\n',
        'a {\n  u = "amqp://bob:<redacted:url-userinfo>@mq/${var.v}"\n}\n',
    ),
    "variables file": (
        'region = "x"\ndb_password = "hunter2"\ntags = {\n  a = "b"\n}\n',
        'region = "x"\ndb_password = "<redacted:password>"\ntags = {\n  a = "b"\n}\n',
    ),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_loses_the_secret_and_nothing_else(content: str, expected: str, clean: Clean) -> None:
    assert clean(content).decode() == expected
    assert clean(expected).decode() == expected


@pytest.mark.parametrize(
    "content",
    [
        'a {\n  password = var.password\n  token = data.x.y["k"].token\n  secret = "${var.secret}"\n}\n',
        'variable "db_password" {\n  type = string\n  sensitive = true\n}\n',
        'variable "git" {\n  type = string\n  default = "main"\n  sensitive = false\n}\n',
        'output "git" {\n  value = module.git.password\n  sensitive = true\n}\n',
        'resource "x" "api_key" {\n  region = "west"\n  default = var.default\n}\n',
        'resource "random_password" "db" {\n  length = 16\n}\n',
        'a {\n  secret_name = "db"\n  token_expiry = "30m"\n  password = ""\n}\n',
    ],
)
def test_keeps_references_and_what_only_looks_secret(content: str, clean: Clean) -> None:
    assert clean(content).decode() == content


@pytest.mark.parametrize(
    ("kind", "pattern"), [("Path", "**.default"), ("Path", "$.variable.default"), ("Key", "default")]
)
def test_rules_know_attributes_by_their_own_names(kind: str, pattern: str) -> None:
    rule = SanitizationRule.model_validate({"name": "ours", "type": kind, "pattern": pattern})
    stream = Sanitizer.build((), check(BUILTIN, (rule,))).open("main.tf")
    content = b'variable "region" {\n  default = "west"\n  value = "east"\n}\n'
    out = stream.feed(content) + stream.finish()
    assert out == content.replace(b'"west"', b'"<redacted:ours>"')


@pytest.mark.parametrize(
    "content",
    [
        "x = " + "[a][0]" * 20_000 + '\npassword = "hunter2"\n',
        "password = <<A\n" * 10_000,
        "".join(f"password = <<A{n}\n" for n in range(10_000)),
        "a {\n" * 39 + "".join(f'item {{\n value = "v{n}"\n sensitive = true\n}}\n' for n in range(2000)) + "}\n" * 39,
    ],
    ids=["indexes", "heredocs", "heredocs of many names", "nested marks"],
)
def test_a_hostile_text_costs_no_more_than_its_length(content: str, clean: Clean) -> None:
    began = time.process_time()
    assert b"hunter2" not in clean(content)
    assert time.process_time() - began < 8, "it takes less than two"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _heredoc(text: str) -> str:
    return f"<<-E0F\n  {text}\n  E0F"


def _not_interpolated(text: str) -> bool:
    return "${" not in text and "%{" not in text


plain = st.one_of(
    documents.plain_texts.filter(_not_interpolated).map(_string),
    documents.lines.map(_heredoc),
    st.sampled_from(
        ["12", "true", "var.x", 'f("a", [1, 2])', "[for x in y : x.z]", '{ a = 1, "b" : [2] }', '"${f("x")}"']
    ),
)
secrets = st.one_of(
    documents.secret_texts.filter(_not_interpolated).map(_string),
    documents.secret_texts.map(_heredoc),
    documents.secret_texts.filter(_not_interpolated).map(lambda text: f"[{_string(text)}, {_string(text)}]"),
    documents.secret_texts.filter(_not_interpolated).map(lambda text: f"f({_string(text)}) == 1 ? 2 : 3"),
)


pairs = st.tuples(documents.plain_keys, plain) | st.tuples(documents.secret_keys, secrets)
headers = st.sampled_from(["resource {\n", 'a "b" {\n', "# note\nx {\n"])
Body = list[tuple[tuple[str, str], list[str]]]


def _written(block: tuple[str, Body]) -> list[str]:
    """A block of attributes, one piece for each attribute or bracket; a block may follow each attribute."""
    header, body = block
    out = [header]
    for index, ((key, value), inner) in enumerate(body):
        out += [f"  k{index}_{key} = {value}\n", *inner]
    return [*out, "}\n"]


def _blocks(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.tuples(headers, st.lists(st.tuples(pairs, st.just([]) | inner), max_size=4)).map(_written)


hcls = _blocks(_blocks(_blocks(st.just([]))))


@settings(max_examples=150, deadline=None)
@given(parts=hcls, cuts=documents.sizes)
def test_any_hcl_loses_secrets_only(
    parts: list[str], cuts: list[int], sanitizer: Sanitizer, in_chunks: documents.InChunks
) -> None:
    out = documents.sanitized(sanitizer, in_chunks, "".join(parts).encode(), cuts).decode()
    position = 0
    for part in parts:
        if documents.PLANTED not in part:
            assert out.startswith(part, position)
            position += len(part)
            continue
        key = part[: part.index(" = ") + 3]
        # What may stand for a secret: a string, a list of them or the same heredoc.
        form = r'("<redacted:[a-z\-]+>"|\[("<redacted:[a-z\-]+>"(, )?)*\]|<<-E0F\n *<redacted:[a-z\-]+>\n  E0F)\n'
        found = re.compile(re.escape(key) + form).match(out, position)
        assert found, out[position:]
        position = found.end()
    assert position == len(out)


@settings(max_examples=100, deadline=None)
@given(parts=hcls, cuts=documents.sizes, repeat=st.integers(1, 30))
def test_any_window_and_split_is_safe(
    parts: list[str], cuts: list[int], repeat: int, tiny: Sanitizer, in_chunks: documents.InChunks
) -> None:
    content = ("".join(parts) * repeat).encode()
    documents.assert_any_split_is_safe(tiny, in_chunks, content, cuts)
