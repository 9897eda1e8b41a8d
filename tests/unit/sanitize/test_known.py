"""Known secrets: every encoding, anywhere, whatever the windows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Invalid, Unsanitizable
from supportbundle.sanitize import KnownSecret, Limits, Sanitizer
from supportbundle.sanitize.find.known import HARMLESS, values

Clean = Callable[..., bytes]
VALUE = b"Tr0ub4dor&3/x"
FORMS = {
    "plain": VALUE,
    "url": quote(VALUE, safe="").encode(),
    "url-lower": quote(VALUE, safe="").lower().encode().replace(b"tr0ub4dor", b"Tr0ub4dor"),
    "form": quote_plus(VALUE).encode(),
    "json": json.dumps(VALUE.decode())[1:-1].encode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_finds_each_encoding(form: bytes, clean: Clean) -> None:
    assert clean(b"x " + form + b" y") == b"x <redacted:known-secret> y"


@pytest.mark.parametrize("lead", [b"", b"u", b"us", b"user:"])
@pytest.mark.parametrize("trail", [b"", b"1", b"12"])
def test_finds_base64_at_each_alignment(lead: bytes, trail: bytes, clean: Clean) -> None:
    encoded = base64.b64encode(lead + VALUE + trail)
    out = clean(b"blob " + encoded)
    assert b"<redacted:known-secret>" in out
    left = out.removeprefix(b"blob ").replace(b"<redacted:known-secret>", b"")
    assert len(left) <= len(base64.b64encode(lead)) + len(base64.b64encode(trail)) + 4


def test_finds_lines_of_a_longer_value_but_not_their_keys(clean: Clean) -> None:
    out = clean(b"got plain-second-line-7 and value-one-9; first: another\n")
    assert out == b"got <redacted:known-secret> and <redacted:known-secret>; first: another\n"


def test_finds_a_json_escaped_value_inside_json_inside_json() -> None:
    value = 'pa"ss\\wörd\t1'
    sanitizer = Sanitizer.build([KnownSecret("s/k", value.encode())])
    text = json.dumps({"a": json.dumps({"b": [f"x {value} y"]}), "c": 1}).encode()
    stream = sanitizer.open("x.json")
    out = json.loads(stream.feed(text) + stream.finish())
    assert json.loads(out["a"]) == {"b": ["x <redacted:known-secret> y"]}


def test_finds_wrapped_base64_of_a_long_value() -> None:
    value = bytes(range(32, 127)) * 3
    sanitizer = Sanitizer.build([KnownSecret("s/k", value)])
    wrapped = base64.encodebytes(value)
    stream = sanitizer.open("x")
    out = stream.feed(b"begin\n" + wrapped + b"end\n") + stream.finish()
    for line in wrapped.splitlines():
        assert line[:24] not in out


SOURCES = [
    "postgres://chat:p%40ss-word-17@chat-db.chat.svc.cluster.local:5432/chatdb?sslmode=disable",
    "mongodb+srv://chat:p%40ss-word-17@chat-db.chat.svc.cluster.local,chat-db-2.chat.svc.cluster.local/chatdb",
    "chat:p%40ss-word-17@tcp(chat-db.chat.svc.cluster.local:3306)/chatdb?charset=utf8mb4",
]


@pytest.mark.parametrize("source", SOURCES)
def test_a_data_source_is_known_by_what_logs_in(source: str) -> None:
    sanitizer = Sanitizer.build([KnownSecret("s/k", f"{source}\n".encode())])
    text = f"cannot reach chat-db.chat.svc.cluster.local; p@ss-word-17 p%40ss-word-17 {source} user chat\n"
    stream = sanitizer.open("x")
    out = (stream.feed(text.encode()) + stream.finish()).decode()
    assert out.startswith(
        "cannot reach chat-db.chat.svc.cluster.local; <redacted:known-secret> <redacted:known-secret> "
    )
    assert out.endswith("chatdb" + source.rpartition("chatdb")[2] + " user chat\n")
    assert "word-17" not in out


@pytest.mark.parametrize("secret", ["sslpassword=hunter2-hunter2", "x-amz-signature=0123456789abcdef0123"])
def test_a_data_source_with_another_secret_in_it_is_known_as_a_whole(secret: str) -> None:
    source = f"postgres://chat:p4ss-word-17@chat-db.chat.svc.cluster.local:5432/chatdb?{secret}"
    stream = Sanitizer.build([KnownSecret("s/k", source.encode())]).open("x")
    assert stream.feed(f"see {source}\n".encode()) + stream.finish() == b"see <redacted:known-secret>\n"


LOGIN = "chat:p4ss-word-17@hooks.example.com"
DATABASES = re.compile(
    r"(?:postgres(?:ql)?|cockroachdb|mysql|mariadb|sqlserver|clickhouse)(?:\+[a-z0-9]+)?"
    r"|mongodb(?:\+srv)?|rediss?|amqps?"
)


@given(
    st.one_of(
        st.sampled_from(["http", "https", "ftp", "sftp", "smtp", "ldap", "wss", "xpostgres", "redis.x", "mongodb+x"]),
        st.from_regex(r"[a-z][a-z0-9+.\-]{0,9}", fullmatch=True),
    ).filter(lambda scheme: not DATABASES.fullmatch(scheme)),
    st.from_regex(r"(/[A-Za-z0-9_.\-]{0,30})?(\?[a-z]=[A-Za-z0-9\-]{0,20})?", fullmatch=True),
)
def test_of_any_other_address_the_whole_is_looked_for(scheme: str, rest: str) -> None:
    address = f"{scheme}://{LOGIN}{rest}".encode()
    assert list(values([KnownSecret("s/k", address)])) == [address]


@given(
    st.from_regex(r"[A-Za-z0-9_\-]{0,20}", fullmatch=True).filter(lambda name: name.lower().encode() not in HARMLESS)
)
def test_a_parameter_not_known_to_be_harmless_makes_the_whole_data_source_secret(name: str) -> None:
    source = f"postgres://{LOGIN}/chat?sslmode=require&{name}=0".encode()
    assert list(values([KnownSecret("s/k", source)])) == [source]


@pytest.mark.parametrize(
    "parameters",
    [
        "sslmode=disable&connect_timeout=10",
        "charset=utf8mb4,utf8&parseTime=true&loc=Europe%2FWarsaw",
        "replicaSet=rs0&authSource=admin",
    ],
)
def test_harmless_parameters_leave_host_and_database_readable(parameters: str) -> None:
    source = f"mysql://{LOGIN}/chat?{parameters}".encode()
    assert list(values([KnownSecret("s/k", source)])) == [b"mysql://chat:p4ss-word-17@", b"p4ss-word-17"]


def test_the_secret_path_of_a_webhook_goes() -> None:
    address = b"https://bot:x@hooks.example.com/9f8e7d6c5b4a3f2e1d0c"
    stream = Sanitizer.build([KnownSecret("s/k", address)]).open("x")
    assert stream.feed(b"posting to " + address + b" now\n") + stream.finish() == (
        b"posting to <redacted:known-secret> now\n"
    )


def test_a_data_source_in_a_file_of_settings_is_known_by_what_logs_in() -> None:
    settings = b"A=1\nDATABASE_URL=postgres://chat:sword9fish-x@db/chat\n"
    stream = Sanitizer.build([KnownSecret("s/k", settings)]).open("x")
    assert stream.feed(b"auth failed with sword9fish-x at db/chat\n") + stream.finish() == (
        b"auth failed with <redacted:known-secret> at db/chat\n"
    )


@pytest.mark.parametrize("value", [b"true", b"admin", b"123456", b"short", b"localhost", b"aaaaaaaa", b"password"])
def test_ignores_values_that_say_nothing(value: bytes) -> None:
    sanitizer = Sanitizer.build([KnownSecret("s/k", value)])
    text = b"note: " + value + b" is here\n"
    stream = sanitizer.open("x")
    assert stream.feed(text) + stream.finish() == text


def test_values_with_a_common_beginning_leave_no_tail() -> None:
    first, second = b"common-prefix-of-twenty-four-bytes-A1", b"common-prefix-of-twenty-four-bytes-B2xyz"
    sanitizer = Sanitizer.build(
        [KnownSecret("a/b", first), KnownSecret("a/c", second), KnownSecret("a/d", b"xxcommon")]
    )
    stream = sanitizer.open("x")
    assert stream.feed(b"- " + second + b" xx" + second) + stream.finish() == (
        b"- <redacted:known-secret> <redacted:known-secret>"
    )


def test_the_name_never_shows_the_value() -> None:
    assert "hunter2" not in repr(KnownSecret("db/password", b"hunter2hunter2"))


def test_too_many_known_bytes_are_refused() -> None:
    with pytest.raises(Invalid):
        Sanitizer.build([KnownSecret(f"s/{number}", bytes(1 << 20)) for number in range(5)])


def test_a_binary_that_holds_one_is_refused_and_others_pass_unchanged(clean: Clean) -> None:
    binary = b"\x7fELF\x02\x01\x00\x00\x00" + bytes(range(256)) * 40
    assert clean(binary) == binary
    with pytest.raises(Unsanitizable, match="known-secret"):
        clean(binary + VALUE)


@settings(max_examples=150, deadline=None)
@given(
    value=st.binary(min_size=6, max_size=400).filter(lambda value: b"\n" not in value and b"\r" not in value),
    before=st.text("ab ={}\"':,\n", max_size=400),
    after=st.text("ab ={}\"':,\n", max_size=200),
    sizes=st.lists(st.integers(1, 60), max_size=20),
    long_line=st.booleans(),
)
def test_no_planted_value_survives(value: bytes, before: str, after: str, sizes: list[int], long_line: bool) -> None:  # noqa: FBT001 - hypothesis
    sanitizer = Sanitizer.build([KnownSecret("s/k", value)], limits=Limits(block=64, ahead=48, feed=32, unit=32))
    padding = b"y" * 300 if long_line else b""
    text = before.encode() + padding + value + padding + after.encode()
    stream = sanitizer.open("x")
    position, out = 0, b""
    try:
        for size in sizes:
            out += stream.feed(text[position : position + size])
            position += size
        out += stream.feed(text[position:]) + stream.finish()
    except Unsanitizable:
        return
    from supportbundle.sanitize.find.known import eligible  # noqa: PLC0415 - the policy decides what counts

    if eligible(value.strip()) and eligible(value):
        assert value not in out
