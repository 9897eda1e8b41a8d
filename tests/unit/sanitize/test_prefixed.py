"""Documents behind a log's prefix on every line: what the reader of running text takes out of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Clean = Callable[..., bytes]

DOCUMENT = """{
  "user": "bob",
  "password": "hunter2",
  "tokens": [
    "hunter2",
    "hunter2"
  ],
  "secrets": {
    "a": "hunter2",
    "b": ["hunter2"]
  },
  "secret": {
    "secretName": "db",
    "optional": true
  },
  "env": [
    {
      "name": "DB_PASSWORD",
      "value": "hunter2"
    }
  ]
}"""
EXPECTED = """{
  "user": "bob",
  "password": "<redacted:password>",
  "tokens": "<redacted:token>",
  "secrets": "<redacted:secret>",
  "secret": {
    "secretName": "db",
    "optional": true
  },
  "env": [
    {
      "name": "DB_PASSWORD",
      "value": "<redacted:password>"
    }
  ]
}"""


def _prefixed(text: str, prefix: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in ["begin", *text.split("\n"), "the end"])


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-11-21T10:00:00.123456789Z ",
        "2026-11-21T10:00:00.123Z stdout F ",
        "2026-11-21T10:00:00Z [info] ",
        "[pod/a-1/main] ",
        "a-1  | ",
    ],
)
def test_pretty_json_behind_a_prefix_loses_secrets_whole(prefix: str, clean: Clean) -> None:
    assert clean(_prefixed(DOCUMENT, prefix)).decode() == _prefixed(EXPECTED, prefix)
    assert clean(_prefixed(EXPECTED, prefix)).decode() == _prefixed(EXPECTED, prefix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{\n  "password":\n  "hunter2"\n}', '{\n  "password":\n  "<redacted:password>"\n}'),
        ("token:\n  hunter2\nuser: bob", "token:\n  <redacted:token>\nuser: bob"),
        ("password: |\n  hunter2\n\n  hunter2\nuser: bob", "password: <redacted:password>\nuser: bob"),
        ("kind: Secret\nstringData:\n  a: hunter2", "kind: Secret\nstringData:\n  a: <redacted:secret-object>"),
    ],
)
@pytest.mark.parametrize("prefix", ["2026-11-21T10:00:00.123456789Z ", "2026-11-21T10:00:00Z [error] "])
def test_what_lies_on_the_next_lines_is_found_behind_time_and_level(
    prefix: str, text: str, expected: str, clean: Clean
) -> None:
    assert clean(_prefixed(text, prefix)).decode() == _prefixed(expected, prefix)
    assert clean(_prefixed(expected, prefix)).decode() == _prefixed(expected, prefix)


def test_a_bracket_that_never_closes_takes_nothing(clean: Clean) -> None:
    text = 'x "secrets": {\n' + "ordinary words\n" * 20
    assert clean(text).decode() == text
