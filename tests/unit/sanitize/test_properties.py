"""Java properties: every secret goes with its continued lines, all else loads as before."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import documents
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.documents.propertiestext import joined

Clean = Callable[..., bytes]
NAME = "application.properties"

CASES = {
    "equals": ("a.b=1\ndb.password=hunter2 x y\n", "a.b=1\ndb.password=<redacted:password>\n"),
    "colon": ("a.b=1\ndb.password : hunter2 x\n", "a.b=1\ndb.password : <redacted:password>\n"),
    "space": ("a.b=1\ndb.password hunter2 x\n", "a.b=1\ndb.password <redacted:password>\n"),
    "continued": ("a.secret=hunter2 \\\n    hunter2 \\\n  hunter2\nb.c=1\n", "a.secret=<redacted:secret>\nb.c=1\n"),
    "value below": ("a.token = \\\n  hunter2\nb.c=1\n", "a.token = \\\n  <redacted:token>\nb.c=1\n"),
    "escapes in the key": ("a.pass\\u0077ord=hunter2\n", "a.pass\\u0077ord=<redacted:password>\n"),
    "key over lines": ("a.pass\\\n   word=hunter2\n", "a.pass\\\n   word=<redacted:password>\n"),
    "escaped separators": ("a\\:b\\=c.password=hunter2\n", "a\\:b\\=c.password=<redacted:password>\n"),
    "carrier": ("spring.datasource.password.value=hunter2\n", "spring.datasource.password.value=<redacted:password>\n"),
    "url": (
        "a.url=jdbc\\:postgresql\\://bob\\:hunter2@db/x?a\\=b\\u00e9\n",
        "a.url=jdbc:postgresql://bob:<redacted:url-userinfo>@db/x?a=b\\u00e9\n",
    ),
    "connection string": (
        "a.url=jdbc:x://db;user=sa;password=hunter2;e=1\n",
        "a.url=jdbc:x://db;user=sa;password=<redacted:password>;e=1\n",
    ),
    "comments": (
        "# a.password=hunter2\n! a.password=hunter2\na.b=1\n",
        "# a.password=<redacted:password>\n! a.password=<redacted:password>\na.b=1\n",
    ),
    "windows": (
        "a.b=1\r\ndb.password=hunter2 \\\r\n x\r\nb=2\r\n",
        "a.b=1\r\ndb.password=<redacted:password>\r\nb=2\r\n",
    ),
    "old mac": ("a.b=1\rdb.password=hunter2 x\rb=2\r", "a.b=1\rdb.password=<redacted:password>\rb=2\r"),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_loses_the_secret_and_nothing_else(content: str, expected: str, clean: Clean) -> None:
    assert clean(content, path=NAME).decode() == expected
    assert clean(expected, path=NAME).decode() == expected


def test_dotted_names_need_no_file_name(clean: Clean) -> None:
    text = "server.port=80\nspring.datasource.password: hunter2 two \\\n  hunter2\nlogging.level.root=info\n"
    assert b"hunter2" not in clean(text)
    assert clean(text).endswith(b"password: <redacted:password>\nlogging.level.root=info\n")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "content",
    [
        "a.k0.password=Hunter2 \\\n  Hunter2\\\\\n" * 3,
        "a.b=1\n! a note \\\na.password: Hunter2 \\\n  Hunter2\n",
        "a.pass\\\n  word=Hunter2 \\\n  Hunter2\nb.c=1\n",
    ],
    ids=["escaped backslash at the end", "a comment is not continued", "a name over lines"],
)
def test_what_continues_a_line_is_told_from_what_only_looks_so(
    content: str, ending: str, clean: Clean, tiny: Sanitizer
) -> None:
    for by in (None, tiny):
        out = clean(f"x.y=1\n{content}".replace("\n", ending), by=by)
        assert b"Hunter2" not in out
        assert out.startswith(f"x.y=1{ending}".encode())


@pytest.mark.parametrize(
    "content", ["token.expiry=30\npassword.policy=strict\n", "a.password=\na.b=1\n", "a.password=${DB}\n"]
)
def test_keeps_what_only_looks_secret(content: str, clean: Clean) -> None:
    assert clean(content, path=NAME).decode() == content


def _written(text: str, separators: str = "") -> str:
    """As java.util.Properties writes it, characters beyond ASCII as escapes."""
    out = "".join(f"\\{char}" if char in f"\\=:#!{separators}" else char for char in text).replace("\t", "\\t")
    out = "\\" + out if out[:1] == " " else out
    return re.sub(r"[^\x00-\x7f]", lambda match: f"\\u{ord(match.group()):04x}", out)


def _loaded(text: str) -> list[list[object]]:
    """Keys and values, in order: a reader written for this test, character by character."""
    logical: list[str] = []
    joined = ""
    for line in text.splitlines():
        line = line.lstrip(" \t\f")  # noqa: PLW2901 - the rest of the line
        if not joined and line[:1] in {"", "#", "!"}:
            continue
        joined += line
        if (len(joined) - len(joined.rstrip("\\"))) % 2:
            joined = joined[:-1]
            continue
        logical.append(joined)
        joined = ""
    return [list(_split(line)) for line in [*logical, *([joined] if joined else [])]]


def _split(line: str) -> tuple[str, str]:
    parts = ["", ""]
    index = number = 0
    while index < len(line):
        char = line[index]
        if char == "\\" and line[index + 1 : index + 2] == "u":
            parts[number] += chr(int(line[index + 2 : index + 6], 16))
            index += 6
            continue
        if char == "\\":
            parts[number] += {"t": "\t", "n": "\n"}.get(line[index + 1], line[index + 1])
            index += 2
            continue
        if number == 0 and char in " \t=:":
            number = 1
            rest = line[index:].lstrip(" \t")
            line, index = (rest[1:] if rest[:1] in {"=", ":"} else rest).lstrip(" \t"), 0
            continue
        parts[number] += char
        index += 1
    return parts[0], parts[1]


Pair = tuple[str, str, str | None, str, str]
separators = st.sampled_from(["=", " = ", ": ", " "])
notes = st.sampled_from(["", "# a note\n", "! a note \\\n", "\n"])
pairs = st.tuples(documents.plain_keys, documents.lines, st.none() | documents.lines, separators, notes) | st.tuples(
    documents.secret_keys, documents.secret_texts, st.none() | documents.secret_texts, separators, notes
)


def _pairs_written(pairs: list[Pair]) -> str:
    """Pairs with each separator, some continued."""
    parts: list[str] = []
    for index, (key, first, more, separator, note) in enumerate(pairs):
        value = _written(first) + ("" if more is None else f" \\\n  {_written(more)}")
        parts.append(f"a.k{index}.{key}{separator}{value}\n{note}")
    return "".join(parts)


properties = st.lists(pairs, min_size=1, max_size=8).map(_pairs_written)


@settings(max_examples=100, deadline=None)
@given(content=properties)
def test_a_text_with_its_lines_joined_loads_alike(content: str) -> None:
    text = joined(content.encode()).decode()
    assert _loaded(text) == _loaded(content)
    assert not re.search(r"^[^#!\n]*[^\\\n](?:\\\\)*\\$", text, re.MULTILINE)


@settings(max_examples=150, deadline=None)
@given(content=properties, cuts=documents.sizes)
def test_any_properties_lose_secrets_only(
    content: str, cuts: list[int], sanitizer: Sanitizer, in_chunks: Callable[..., bytes]
) -> None:
    named = f"x.y=1\n{content}"
    before = _loaded(named)
    out = documents.sanitized(sanitizer, in_chunks, named.encode(), cuts)
    documents.assert_only_secrets_differ(before, _loaded(out.decode()))


@settings(max_examples=100, deadline=None)
@given(content=properties, cuts=documents.sizes, repeat=st.integers(1, 30))
def test_any_window_and_split_is_safe(
    content: str, cuts: list[int], repeat: int, tiny: Sanitizer, in_chunks: documents.InChunks
) -> None:
    named = f"x.y=1\n{content * repeat}".encode()
    documents.assert_any_split_is_safe(tiny, in_chunks, named, cuts)
