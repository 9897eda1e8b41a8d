"""Streams: any split gives the same output, memory stays bounded, and what cannot be proven clean is refused."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.report import LINES_KEPT

Clean = Callable[..., bytes]
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3\nq7AbCdEf==\n-----END RSA PRIVATE KEY-----\n"
pieces = st.sampled_from([
    "2026-11-21T10:00:00Z level=info msg=ok\n", "password=hunter2 user=bob\n", "token: abc123\n", PEM, "x" * 90,
    "Tr0ub4dor&3/x", "\n", " ", '{"password": "hunter2", "n": [1, 2]}\n',
    "key: |\n  more\n", "secret: |\n    deep\n  out\n",
    "password=" + "p" * 300, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF-123\n", '"token":"', '"',
    "\\", "'", "DB_PASSWORD='a\nb'\n",
    "- name: API_TOKEN\n  value: v123\n", "---\n", "apiVersion: v1\n", "{", "}", "[", "]", ",", ":", "é", "\0", "\r\n",
    "- apiVersion: v1\n  kind: Pod\n", '{"items": [\n', '{"name": "X_TOKEN", "value": "v123"},\n', "A=1\n", "https://u:hunter2@h/\n",
    *(f"{line}\n" for line in PEM.splitlines()), "2026-11-21T10:00:00Z MIIEowIBAAKCAQEA0Z3VS5JJcds3\n",
])  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(parts=st.lists(pieces, max_size=60), sizes=st.lists(st.integers(0, 400), max_size=40))
def test_no_split_changes_the_output(
    tiny: Sanitizer, in_chunks: Callable[..., bytes], parts: list[str], sizes: list[int]
) -> None:
    content = "".join(parts).encode()
    assert _outcome(lambda: in_chunks(tiny, content, sizes)) == _outcome(lambda: in_chunks(tiny, content, []))


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(pieces, max_size=60))
def test_sanitizing_twice_changes_nothing(
    sanitizer: Sanitizer, in_chunks: Callable[..., bytes], parts: list[str]
) -> None:
    content = "".join(parts).encode()
    try:
        out = in_chunks(sanitizer, content, [])
    except Unsanitizable:
        return
    assert in_chunks(sanitizer, out, []) == out


@pytest.mark.parametrize(
    "content",
    [
        'apiVersion: v1\n "token":"key: |\n  more\n',
        'run --token 0=" x\n',
        "run --token 0=' x; y\n",
        "run --token 0='0 \"0 x\n",
        "run --token 0='0 0\"0 x\n",
    ],
    ids=[
        "a broken document that parses without its secret",
        "a value behind the quote of another",
        "the same, longer",
        "a value that ends inside another",
        "the same, cut",
    ],
)
def test_sanitizing_twice_changes_nothing_in_what_was_once_found(content: str, clean: Clean) -> None:
    out = clean(content)
    assert b"<redacted:" in out
    assert clean(out) == out


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=3000), sizes=st.lists(st.integers(0, 400), max_size=10))
def test_any_bytes_are_handled(
    tiny: Sanitizer, in_chunks: Callable[..., bytes], content: bytes, sizes: list[int]
) -> None:
    assert _outcome(lambda: in_chunks(tiny, content, sizes)) == _outcome(lambda: in_chunks(tiny, content, []))


def _outcome(run: Callable[[], bytes]) -> bytes | None:
    try:
        return run()
    except Unsanitizable:
        return None


@pytest.mark.parametrize(
    ("name", "piece", "secret"),
    [
        ("unquoted value", (b"start password=", b"hunter2x", b" end\n"), b"hunter2x"),
        ("quoted value", (b'start password="', b"hunter2x ", b'" end\n'), b"hunter2x"),
        ("words", (b"start ", b"ordinary words ", b" password=hunter2x end\n"), b"hunter2x"),
        ("JSON string", (b'{"a": "', b"ordinary ", b'", "password": "hunter2x"}\n'), b"hunter2x"),
        ("JSON secret string", (b'{"password": "', b"hunter2x", b'", "a": 1}\n'), b"hunter2x"),
        ("JSON list", (b'{"a": [1', b',{"n":"' + b"ordinary " * 99 + b'","token":"hunter2x"}', b"]}"), b"hunter2x"),
        ("YAML block", (b"apiVersion: v1\ntoken: |\n  ", b"hunter2x" * 9 + b"\n  ", b"x\nb: 1\n"), b"hunter2x"),
        (
            "YAML items",
            (b"apiVersion: v1\nitems:\n", b"- token: hunter2x\n  n: " + b"ordinary " * 99 + b"\n", b"kind: List\n"),
            b"hunter2x",
        ),
        ("JWT", (b"x eyJhbGciOiJIUzI1NiJ9.", b"hunter2x", b".abc end\n"), b"hunter2x"),
    ],
)
def test_huge_content_in_bounded_memory(
    name: str, piece: tuple[bytes, bytes, bytes], secret: bytes, sanitizer: Sanitizer
) -> None:
    stream = sanitizer.open(name)
    total = 8 << 20
    chunk = piece[1] * ((256 << 10) // len(piece[1]))
    size = 0
    tail = b""
    tracemalloc.start()
    try:
        outputs = [stream.feed(piece[0])]
        for _ in range(total // len(chunk)):
            out = stream.feed(chunk)
            assert secret not in tail + out
            tail = out[-64:]
            size += len(out)
        outputs += [stream.feed(piece[2]), stream.finish()]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert secret not in b"".join(outputs)
    assert peak < 40 << 20


def test_a_secret_across_windows_of_one_long_line_is_found(sanitizer: Sanitizer) -> None:
    for shift in range(0, 40, 3):
        content = b"y" * ((256 << 10) - 20 + shift) + b" Tr0ub4dor&3/x password=hunter2 " + b"z" * (400 << 10)
        stream = sanitizer.open("x")
        out = stream.feed(content) + stream.finish()
        assert b"Tr0ub4dor" not in out
        assert b"hunter2" not in out
        assert out.endswith(b"z" * 1000)


def test_pem_in_a_log_with_timestamps_goes_with_its_lines(clean: Clean) -> None:
    lines = "".join(f"2026-11-21T10:00:00.{n}Z {line}\n" for n, line in enumerate(PEM.splitlines(), 12))
    out = clean(f"2026-11-21T10:00:00.1Z start\n{lines}2026-11-21T10:00:01Z the end\n").decode()
    assert out == "2026-11-21T10:00:00.1Z start\n2026-11-21T10:00:00.12Z <redacted:pem>\n2026-11-21T10:00:01Z the end\n"


def test_a_pem_block_without_end_stops_where_the_text_goes_on(clean: Clean) -> None:
    out = clean("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJ\nserver started, ready\n").decode()
    assert out == "<redacted:pem>\nserver started, ready\n"


def test_an_endless_pem_block_is_refused(sanitizer: Sanitizer) -> None:
    stream = sanitizer.open("x")
    stream.feed(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(Unsanitizable, match="PEM"):
        for _ in range(64):
            stream.feed(b"MIIEowIBAAKCAQEA0Z3VS5JJ\n" * 4000)


def test_report_counts_by_rule_with_input_lines_and_no_values(sanitizer: Sanitizer) -> None:
    stream = sanitizer.open("x")
    stream.feed(b"start\npassword=hunter2\n" + b"token=abc123\n" * 500)
    stream.finish()
    assert dict(stream.report.counts) == {"password": 1, "token": 500}
    assert list(stream.report.lines["password"]) == [2]
    assert len(stream.report.lines["token"]) == LINES_KEPT
    assert list(stream.report.lines["token"][:2]) == [3, 4]


def test_line_numbers_survive_cuts_and_documents(tiny: Sanitizer) -> None:
    stream = tiny.open("x")
    stream.feed(b"ordinary line\n" * 100 + b"password=hunter2\n")
    stream.finish()
    assert list(stream.report.lines["password"]) == [101]
    document = json.dumps({"items": [{"n": 1}] * 500 + [{"password": "x1"}]}, indent=1)
    stream = tiny.open("x")
    stream.feed(document.encode())
    stream.finish()
    assert list(stream.report.lines["password"]) == [document[: document.index("password")].count("\n") + 1]


@pytest.mark.parametrize("content", [b"7z\xbc\xaf\x27\x1c1234", b"!<arch>\ndebian-binary", b"Rar!\x1a\x07\0"])
def test_packed_files_that_are_not_opened_are_refused(content: bytes, clean: Clean) -> None:
    with pytest.raises(Unsanitizable, match="not opened"):
        clean(content)


def test_utf16_becomes_utf8(clean: Clean) -> None:
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        assert clean("password=hunter2\nname=ok, ordinary text\n".encode(codec)) == (
            b"password=<redacted:password>\nname=ok, ordinary text\n"
        )
    with pytest.raises(Unsanitizable):
        clean(b"\xff\xfea\x00\x00\xd8b\x00")


def test_invalid_utf8_in_text_stays(clean: Clean) -> None:
    assert clean(b"caf\xe9 password=hunter2 \xff\xfe end") == b"caf\xe9 password=<redacted:password> \xff\xfe end"
    assert clean(b'{"a": "caf\xe9", "password": "p\xe9"}') == b'{"a": "caf\xe9", "password": "<redacted:password>"}'


def test_the_environment_of_a_process_is_text(clean: Clean) -> None:
    assert clean(b"A=1\0DB_PASSWORD=hunter2 x\0HOME=/root\0") == b"A=1\0DB_PASSWORD=<redacted:password>\0HOME=/root\0"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("A=1\nPASSWORD='two\nlines'\nB=2\n", "A=1\nPASSWORD='<redacted:password>'\nB=2\n"),
        ("[db]\npassword = a b c\nhost = x\n", "[db]\npassword = <redacted:password>\nhost = x\n"),
        ("a=1\ndb.password=ab\\\n  cd\nb=2\n", "a=1\ndb.password=<redacted:password>\nb=2\n"),
        ("export A=1\nexport API_TOKEN=x;y&z\n", "export A=1\nexport API_TOKEN=<redacted:token>\n"),
    ],
)
def test_assignments_go_to_the_end_of_the_value(content: str, expected: str, clean: Clean) -> None:
    assert clean(content).decode() == expected


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_value_is_continued_wherever_a_window_ends(ending: str, clean: Clean, tiny: Sanitizer) -> None:
    rest = "B=2\n" * 200
    wanted = f"A=1\nPASSWORD=<redacted:password>\n{rest}".replace("\n", ending).encode()
    for length in range(350, 380):
        value = ("aB3" * length)[:length]
        content = f"A=1\nPASSWORD={value}\\\n Hunter2\\\\\\\n Hunter2\\\\\n{rest}".replace("\n", ending)
        assert clean(content, by=tiny) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "start password={}Hunter2 x\n", "start password='{}Hunter2' x\n", "start --password {}Hunter2 x\n",
        'start {"password":"{}Hunter2" x\n', "A=1\nB=2\nPASSWORD={}Hunter2 x\n", "name: DB_PASSWORD value: {}Hunter2\n",
        "A=1\nB=2\nPASSWORD='''\n{}Hunter2 x'''\n",
    ],
)  # fmt: skip
def test_what_begins_like_no_value_may_still_be_one_beyond_the_window(text: str, clean: Clean, tiny: Sanitizer) -> None:
    assert b"Hunter2" not in clean(text.replace("{}", "*" * 600), by=tiny)


@pytest.mark.parametrize("value", ["{}Hunter2", '"{} Hunter2"'])
def test_a_value_on_the_next_line_ends_with_that_line_and_not_with_the_window(
    value: str, clean: Clean, tiny: Sanitizer
) -> None:
    for length in range(300, 420, 7):
        text = f"start\nx:\n  password:\n    {value}\nb: 2\n".replace("{}", ("aB3" * length)[:length])
        assert b"Hunter2" not in clean(text + "c\n" * 200, path="x.log", by=tiny)


def test_threads_share_a_sanitizer(sanitizer: Sanitizer) -> None:
    content = b"ordinary line\npassword=hunter2 Tr0ub4dor&3/x\n" * 2000
    results: list[bytes] = []

    def work() -> None:
        stream, check = sanitizer.open("x"), sanitizer.leak_check()
        out = stream.feed(content) + stream.finish()
        check.feed(out)
        check.finish()
        results.append(out)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
