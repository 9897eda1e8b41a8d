"""TOML: every secret goes, the document still parses, nothing else changes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import documents
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]

CASES = {
    "basic": ('password = "hunter2 \\"x" # note\n', 'password = "<redacted:password>" # note\n'),
    "literal": ("password = 'hunter2'\n", "password = '<redacted:password>'\n"),
    "many lines": ('token = """\nhunter2\n  more"""\nb = 1\n', 'token = """<redacted:token>"""\nb = 1\n'),
    "many lines, literal": ("token = '''\nhunter2 \"\n'''\n", "token = '''\n<redacted:token>'''\n"),
    "array over lines": (
        'api_keys = [\n  "hunter2", # one\n  "hunter2",\n]\n',
        'api_keys = [\n  "<redacted:api-key>", # one\n  "<redacted:api-key>",\n]\n',
    ),
    "inline table": (
        'db = { user = "bob", password = "hunter2" }\n',
        'db = { user = "bob", password = "<redacted:password>" }\n',
    ),
    "dotted": ('db.main.password = "hunter2"\n', 'db.main.password = "<redacted:password>"\n'),
    "escapes in the key": ('"p\\u0061ssword" = "hunter2"\n', '"p\\u0061ssword" = "<redacted:password>"\n'),
    "number": ("password = 12345\n", 'password = "<redacted:password>"\n'),
    "table": ('[secrets.db]\none = "hunter2"\nn = 3\n', '[secrets.db]\none = "<redacted:secret>"\nn = 3\n'),
    "secret table, inline": ('credentials = { a = "hunter2" }\n', 'credentials = "<redacted:credential>"\n'),
    "pair": (
        '[[env]]\nname = "DB_PASSWORD"\nvalue = "hunter2"\n',
        '[[env]]\nname = "DB_PASSWORD"\nvalue = "<redacted:password>"\n',
    ),
    "inside a string": (
        'url = "postgres://app:hunter2@db/x"\n',
        'url = "postgres://app:<redacted:url-userinfo>@db/x"\n',
    ),
    "a script in a string": (
        'run = """\nexport PASSWORD=hunter2\nstart\n"""\n',
        'run = """\nexport PASSWORD=<redacted:password>\nstart\n"""\n',
    ),
    "comment": ("# password = hunter2\n[a]\nb = 1\n", "# password = <redacted:password>\n[a]\nb = 1\n"),
    "windows": ('[a]\r\npassword = "hunter2"\r\nb = 1\r\n', '[a]\r\npassword = "<redacted:password>"\r\nb = 1\r\n'),
    "byte order mark": ('\ufeff[a]\npassword = "hunter2"\n', '\ufeff[a]\npassword = "<redacted:password>"\n'),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_loses_the_secret_and_nothing_else(content: str, expected: str, clean: Clean) -> None:
    assert clean(content, path="app.toml").decode() == expected
    assert clean(expected, path="app.toml").decode() == expected
    tomllib.loads(expected.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    "content",
    [
        'tokenExpiry = "30m"\npassword_policy = "strict"\n[passwordPolicy]\nmin = 8\n',
        '[a]\nsecretName = "db"\npassword = ""\ntokens = 5\n',
        '[package]\nname = "x"\nversion = "1.2"\ndependencies = [ "a", "b" ]\n',
    ],
)
def test_keeps_what_only_looks_secret(content: str, clean: Clean) -> None:
    assert clean(content).decode() == content


def _basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _many_lines(text: str) -> str:
    return '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '\n"""'


strings = st.one_of(
    st.tuples(st.sampled_from([_basic, _many_lines]), documents.plain_texts).map(lambda made: made[0](made[1])),
    documents.plain_texts.map(lambda text: "'" + text.replace("'", "") + "'"),
    st.sampled_from(["1", "true", "1979-05-27 07:32:00", "[1, 2]", "[ # c\n 'a', [], {}\n]", "{a.b = 1, 'c' = 'd'}"]),
)
secrets = st.one_of(
    st.tuples(st.sampled_from([_basic, _many_lines]), documents.secret_texts).map(lambda made: made[0](made[1])),
    st.lists(documents.secret_texts, max_size=3).map(
        lambda texts: "[\n" + "".join(f" {_basic(t)}, # c\n" for t in texts) + "]"
    ),
)


Pair = tuple[str, str, str]
ends = st.sampled_from(["", " # c"])
pairs = st.tuples(documents.plain_keys, strings, ends) | st.tuples(documents.secret_keys, secrets, ends)
headers = st.sampled_from(["[t{}]\n", "# c\n[ t{} . 'x' ]\n", "[[l]]\nn = {}\n"])


def _written(tables: list[tuple[str, list[Pair]]]) -> str:
    """Tables of plain and secret keys in every form of value."""
    parts: list[str] = []
    for number, (header, table) in enumerate(tables):
        parts.append(header.replace("{}", str(number)))
        parts += [f"k{index}_{key} = {value}{end}\n" for index, (key, value, end) in enumerate(table)]
    return "".join(parts)


tomls = st.lists(st.tuples(headers, st.lists(pairs, max_size=4)), min_size=1, max_size=6).map(_written)


@settings(max_examples=150, deadline=None)
@given(content=tomls, cuts=documents.sizes)
def test_any_toml_loses_secrets_only(
    content: str, cuts: list[int], sanitizer: Sanitizer, in_chunks: documents.InChunks
) -> None:
    before = tomllib.loads(content)
    out = documents.sanitized(sanitizer, in_chunks, content.encode(), cuts)
    documents.assert_only_secrets_differ(before, tomllib.loads(out.decode()))


@settings(max_examples=100, deadline=None)
@given(content=tomls, cuts=documents.sizes, repeat=st.integers(1, 30))
def test_any_window_and_split_is_safe(
    content: str, cuts: list[int], repeat: int, tiny: Sanitizer, in_chunks: documents.InChunks
) -> None:
    documents.assert_any_split_is_safe(tiny, in_chunks, content.encode() * repeat, cuts)
