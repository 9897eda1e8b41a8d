"""INI: every secret goes with its later lines, comments and order stay, configparser reads the rest as before."""

from __future__ import annotations

import configparser
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import documents
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]

CASES = {
    "words": ("[a]\npassword = hunter2 two words\nb = 1\n", "[a]\npassword = <redacted:password>\nb = 1\n"),
    "colon": ("[a]\npasswd: hunter2 x\nb = 1\n", "[a]\npasswd: <redacted:password>\nb = 1\n"),
    "quoted": (
        '[client]\nuser=root\npassword="hunter2 #x" ; note\n',
        "[client]\nuser=root\npassword=<redacted:password>\n",
    ),
    "deeper lines": (
        "[a]\ntoken = hunter2\n   hunter2\n; a note\n   hunter2\nb = 1\n",
        "[a]\ntoken = <redacted:token>\n; a note\nb = 1\n",
    ),
    "value below": ("[a]\ntoken=\n  hunter2\n  hunter2\nb=1\n", "[a]\ntoken=\n  <redacted:token>\nb=1\n"),
    "key in words": ("[a]\napi key = hunter2\nb = 1\n", "[a]\napi key = <redacted:api-key>\nb = 1\n"),
    "section": (
        "[secrets]\none = hunter2\ntwo = hunter2\n",
        "[secrets]\none = <redacted:secret>\ntwo = <redacted:secret>\n",
    ),
    "indented keys": (
        '[remote "x"]\n\turl = https://bob:hunter2@git.example/x\n\tfetch = y\n',
        '[remote "x"]\n\turl = https://bob:<redacted:url-userinfo>@git.example/x\n\tfetch = y\n',
    ),
    "comments": (
        "[a]\n; password = hunter2\n# token: hunter2\nb = 1\n",
        "[a]\n; password = <redacted:password>\n# token: <redacted:token>\nb = 1\n",
    ),
    "pem below": (
        "[a]\ncert = -----BEGIN X-----\n  MIIEowIBAAKCAQEA0Z3VS5JJ\n  -----END X-----\nb = 1\n",
        "[a]\ncert = <redacted:pem>\nb = 1\n",
    ),
    "unit of systemd": (
        '[Service]\nEnvironment="DB_PASSWORD=hunter2"\nExecStart=/bin/x\n',
        '[Service]\nEnvironment="DB_PASSWORD=<redacted:password>"\nExecStart=/bin/x\n',
    ),
    "windows": ("[a]\r\npassword = hunter2\r\nb = 1\r\n", "[a]\r\npassword = <redacted:password>\r\nb = 1\r\n"),
    "old mac": ("[a]\rpassword = hunter2\rb = 1\r", "[a]\rpassword = <redacted:password>\rb = 1\r"),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_loses_the_secret_and_nothing_else(content: str, expected: str, clean: Clean) -> None:
    assert clean(content).decode() == expected
    assert clean(expected).decode() == expected


@pytest.mark.parametrize(
    "content",
    [
        "[passwordPolicy]\nmin = 8\n[token]\nexpiry = 30\ntokenExpiry = 30m\n",
        "[mysqld]\nport = 3306\nskip-networking\npassword =\n",
        "[Unit]\nDescription=The secret service\nAfter=network.target\n",
    ],
)
def test_keeps_what_only_looks_secret(content: str, clean: Clean) -> None:
    assert clean(content).decode() == content


def test_a_log_that_begins_with_a_bracket_is_no_ini(clean: Clean) -> None:
    log = "[main]\nstarted password=hunter2 at once\n{}\nserver ready, listening\n"
    assert clean(log).decode() == log.replace("hunter2", "<redacted:password>")


Option = tuple[str, str, list[str], str, str]
plain_lines = documents.lines.map(lambda line: line.translate({ord("="): "", ord(":"): ""}).lstrip("; ") or "x")
separators = st.sampled_from(["=", " = ", ": "])
notes = st.sampled_from(["", "", "; a note\n", "# a note\n", "\n"])
options = st.tuples(
    documents.plain_keys, documents.lines, st.lists(plain_lines, max_size=2), separators, notes
) | st.tuples(
    documents.secret_keys, documents.secret_texts, st.lists(documents.secret_texts, max_size=2), separators, notes
)


def _written(sections: list[list[Option]]) -> str:
    """Sections of options with values over some lines, and comments."""
    parts: list[str] = []
    for number, section in enumerate(sections):
        parts.append(f"[s{number}]\n")
        for index, (key, first, more, separator, note) in enumerate(section):
            value = "\n    ".join([first, *more])
            parts.append(f"k{index}_{key}{separator}{value}\n{note}")
    return "".join(parts)


inis = st.lists(st.lists(options, min_size=1, max_size=5), min_size=1, max_size=4).map(_written)


def _parsed(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    return {section: {key: value.strip() for key, value in parser[section].items()} for section in parser.sections()}


@settings(max_examples=150, deadline=None)
@given(content=inis, cuts=documents.sizes)
def test_any_ini_loses_secrets_only(
    content: str, cuts: list[int], sanitizer: Sanitizer, in_chunks: documents.InChunks
) -> None:
    before = _parsed(content)
    out = documents.sanitized(sanitizer, in_chunks, content.encode(), cuts)
    documents.assert_only_secrets_differ(before, _parsed(out.decode()))
    comments = [line for line in content.splitlines() if line[:1] in {"#", ";", "["}]
    assert [line for line in out.decode().splitlines() if line[:1] in {"#", ";", "["}] == comments


@settings(max_examples=100, deadline=None)
@given(content=inis, cuts=documents.sizes, repeat=st.integers(1, 30))
def test_any_window_and_split_is_safe(
    content: str, cuts: list[int], repeat: int, tiny: Sanitizer, in_chunks: documents.InChunks
) -> None:
    documents.assert_any_split_is_safe(tiny, in_chunks, content.encode() * repeat, cuts)
