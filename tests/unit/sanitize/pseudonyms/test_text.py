"""Pseudonyms in text: every form of a value is found, nothing that looks like one is, and the key turns all back."""

from __future__ import annotations

import gzip
import io
import ipaddress
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Invalid
from supportbundle.model.spec import PseudonymKind as Kind
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.pseudonyms import Names, Pseudonymizer, parse_kinds, read_key, reveal, revealer
from supportbundle.sanitize.pseudonyms.stream import SwapStream
from supportbundle.sanitize.report import Report

KEY = bytes(range(32))
NAMES = Names(
    hosts=["db1", "mail.corp.example"],
    domains=["corp.example", "intern.de"],
    users=["alice", "Müller", "token"],
    seen=["ip-10-0-1-2.eu-west-1.compute.internal", "node", "control-plane", "worker-3", "gke-a1.c.proj.internal"],
)
EVERYTHING = Pseudonymizer.build(tuple(Kind), KEY, NAMES)
BACK = revealer(KEY)
BY_NAME = Pseudonymizer.build((Kind.EMAIL, Kind.HOSTNAME, Kind.USER), KEY, NAMES)
RENAMING = Sanitizer.build([], pseudonyms=BY_NAME)
ADDRESSES = Pseudonymizer.build((Kind.IP,), KEY)


def renamed(text: str, by: Pseudonymizer = EVERYTHING) -> str:
    return by.text(text.encode())[0].decode()


def image(address: str) -> str:
    out = renamed(address, ADDRESSES)
    assert out != address
    return out


def test_a_comparison_with_a_private_address_is_none_with_a_version() -> None:
    assert renamed("ip.src==10.0.1.2", ADDRESSES) == f"ip.src=={image('10.0.1.2')}"


@pytest.mark.parametrize(
    "text",
    [
        "postgres://chat:Pass-w0rdy-Foo@feeds.planted.example:5432/mm",
        "redis://:Pass-w0rdy-Foo@cache.example.com:6379/0",
        "https://ann@git.example.com/x",
    ],
)
def test_a_login_in_an_address_is_no_mail_address(text: str) -> None:
    by_mail = Pseudonymizer.build((Kind.EMAIL,), KEY)
    assert renamed(text, by_mail) == text
    assert renamed(f"{text} ann@corp.example", by_mail).startswith(f"{text} mail-")
    stream = Sanitizer.build([], keep_shape=True, pseudonyms=by_mail).open("x.log")
    clean = stream.feed(text.encode()) + stream.finish()
    assert clean.split(b"@")[1] == text.split("@")[1].encode()


def test_one_address_has_one_pseudonym_in_every_form() -> None:
    dotted = image("10.0.1.2")
    dashed = dotted.replace(".", "-")
    hexed = f"{int(ipaddress.IPv4Address(dotted)):08x}"
    groups = f"{int(hexed[:4], 16):x}:{int(hexed[4:], 16):x}"
    forms = {
        "10.0.1.2:8080": f"{dotted}:8080",
        "http://10.0.1.2/": f"http://{dotted}/",
        "ip-10-0-1-2.eu-west-1.compute.internal": f"ip-{dashed}.eu-west-1.compute.internal",
        "IP-10-0-1-2": f"IP-{dashed}",
        "10-0-1-2.team.pod.cluster.local": f"{dashed}.team.pod.cluster.local",
        "10-0-1-2.web.team.svc.cluster.local": f"{dashed}.web.team.svc.cluster.local",
        "app-10-0-1-2.nip.io": f"app-{dashed}.nip.io",
        "app.10.0.1.2.nip.io": f"app.{dotted}.nip.io",
        "::ffff:10.0.1.2": f"::ffff:{dotted}",
        "::FFFF:0a00:0102": f"::FFFF:{groups}",
        "2.1.0.10.in-addr.arpa": f"{'.'.join(reversed(dotted.split('.')))}.in-addr.arpa",
        "10.0.1.2/32": f"{dotted}/32",
    }
    assert {form: renamed(form, ADDRESSES) for form in forms} == forms


def test_networks_and_their_hosts_stay_together() -> None:
    out = renamed("10.0.1.0/24 10.0.1.77 10.0.1.78/24 1.0.10.in-addr.arpa", ADDRESSES)
    network, first, second, zone = out.split()
    assert ipaddress.ip_address(first) in ipaddress.ip_network(network)
    assert ipaddress.ip_interface(second).network == ipaddress.ip_network(network)
    assert zone == ".".join(reversed(network.split(".")[:3])) + ".in-addr.arpa"
    assert renamed("0.0.0.0/0 10.0.0.0/8 ::/0 fd00::1", ADDRESSES).startswith("0.0.0.0/0 10.0.0.0/8 ::/0 f")


def test_ipv6_in_every_spelling() -> None:
    short = image("2001:db8::1")
    full = ipaddress.ip_address(short).exploded
    assert renamed("2001:0db8:0000:0000:0000:0000:0000:0001", ADDRESSES) == full
    assert renamed(full, BACK) == "2001:db8::1"
    assert renamed("2001:db8:0:0:0:0:0:1", ADDRESSES) == short
    assert renamed("2001:DB8::A", ADDRESSES) == image("2001:db8::a").upper()
    assert renamed("[2001:db8::1]:443", ADDRESSES) == f"[{short}]:443"
    assert renamed("addr:2001:db8::1, next", ADDRESSES) == f"addr:{short}, next"
    assert renamed("2001:db8::1: no route", ADDRESSES) == f"{short}: no route"
    assert renamed("fe80::1%eth0", ADDRESSES) == f"{image('fe80::1')}%eth0"
    reverse = ipaddress.ip_address("2001:db8::1").reverse_pointer
    assert renamed(reverse, ADDRESSES) == ipaddress.ip_address(short).reverse_pointer
    network = renamed("2001:db8:1:2::/64", ADDRESSES)
    assert ipaddress.ip_address(image("2001:db8:1:2::77")) in ipaddress.ip_network(network)


@pytest.mark.parametrize(
    "text",
    [
        "remote={}", 'ip="{}"', "from {} port 22", "({})", "[{}]", "/{}:8080", "host.example/{}:443", "tcp://{}:1",
        '"msg":"peers:\\n{}\\n"', "\x1b[32m{}\x1b[0m", "a%20{}%3A80", "to {}.", "{},{}", "{}-{}", "inet addr:{}",
        "user@{}",
        "{}.443 > {}.53: UDP", "...{}", "to:{}", "Host:{}", "/api/nodes/{}/x", "X-Forwarded-For: {}",
        "\\u003c{}\\u003e",
    ],
)  # fmt: skip
@pytest.mark.parametrize("address", ["10.11.12.13", "8.8.4.4"])
def test_addresses_are_found_between_all_sorts_of_signs(text: str, address: str) -> None:
    wanted = text.replace("{}", image(address))
    assert renamed(text.replace("{}", address), ADDRESSES) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "version: 1.2.3.4", 'appVersion: "1.2.3.4"', '"version":"1.2.3.4"', "v1.2.3.4", "app:1.2.3.4",
        "image: repo/app:10.0.1.2",
        '"image":"app:1.2.3.4"', "registry.example/team/app:1.2.3.4", "foo-1.2.3.4.jar", "foo-1.2.3.4", "foo_1.2.3.4",
        "Mozilla/5.0 (X11) Chrome/120.0.0.0 Safari/537.36", "curl/7.88.1.0", "1.3.6.1.4.1.311.21", "OID 2.5.29.17",
        'ObjectIdentifier("2.5.29.54")', '\\"version\\":\\"1.2.3.4\\"',
        "Section 6.1.7.1", "x.example/home/bob", "spirit/home/support",
        "10:20:30", "2026-11-21T10:20:30Z", "21/Nov/2026:10:20:30 +0000", "std::vector", "a::b", "face::feed",
        "fd::x", "Foo::Bar::baz",
        "crate::d3d::e0", "team::web", "1.2.3.400", "256.1.1.1", "010.001.002.003", "1.2.3", "1.2.3.4.5",
        "1.2.3.4-alpine",
        "1.2.3.4-1.el8", "foo==1.2.3.4", ">=1.2.3.4", "~1.2.3.4", "pkg 1.2.3.4+build", "Version/1.2.3.4",
        "release=1.2.3.4",
        "aa:bb:cc:dd:ee:ff:00:11:22:33", "sha256:2001:db8", "0x2001:10", "2026-11-21-10", "1-2-3-4", "part 10-20-30-40",
        "127.0.0.1 0.0.0.0 255.255.255.0 ::1 :: 169.254.169.254 224.0.0.1", "ff02::1", "2001:db8:::1",
        "2001:db8::1::2", "12001:db8::1",
        "2001:db8::g", "x2001:db8::1", "getty@tty1.service", "icon@2x.png", "pkg@1.2.3-rc.beta", "app@sha256:0123",
        "com.foo.Bar@1a2b3c",
        "git@github", "@angular/core", "a@b", "ssh://git@github.com/x", "20-11-21-10-30-45", "1234.5678.9012",
        "deadbeef",
        "control-plane", "node", "nodes", "worker-30", "xworker-3", "worker-3-a", "corp.example.com", "xcorp.example",
        "alice-1", "malice",
        "alice2", "user=root", "user: postgres", "user=system:serviceaccount:a:b", "currentuser: x1", "user=1000",
        "/home/", "<redacted:token>",
        "user=<redacted:token>", "username: <redacted:known-secret>", "user=${USER}", "for user root",
    ],
)  # fmt: skip
def test_look_alikes_stay(text: str) -> None:
    assert renamed(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("52:54:00:12:34:56", "52:54:00"), ("HWaddr AA-BB-CC-DD-EE-FF", "AA-BB"), ("aabb.ccdd.eeff", "aabb"),
        ("mac:52:54:00:12:34:56", "52:54:00"),
        ("Alice.Smith@Example.com", "mith"), ("<bob@example.com>", "bob"), ("\\u003cbob@example.com\\u003e", "bob"),
        ("to=bob%40example.com", "bob"),
        ("/users/bob@example.com/x", "bob"), ("bob@example.com:", "bob"), ("a.corp.example", "corp"),
        ("CORP.example", "CORP"), ("db1.other.org", "db1"),
        ("db1:5432", "db1"), ("https://x.y.intern.de/z", "intern"), ("worker-3", "worker"), ("gke-a1", "gke"),
        ("gke-a1.c.proj.internal", "proj"),
        ("(alice)", "alice"), ("\\nalice,", "alice"), ("ALICE", "ALICE"), ("Müller", "ller"),
        ("/home/bob/.ssh", "bob"), ("/Users/bob/x", "bob"),
        ("C:\\\\Users\\\\Bob\\\\x", "Bob"), ("user=bob", "bob"), ('"username":"bob"', "bob"), ("user: bob", "bob"),
        ("for invalid user bob from", "bob"),
        ('\\"user\\":\\"bob\\"', "bob"), ("login='bob'", "bob"), ("token ring", "token"),
    ],
)  # fmt: skip
def test_values_are_replaced_and_turned_back(text: str, hidden: str) -> None:
    out = renamed(text)
    assert hidden not in out
    assert renamed(out, BACK).lower() == text.lower()


def test_colleagues_and_neighbours_are_still_seen_to_be_some() -> None:
    first, second = renamed("a.corp.example b.corp.example").split()
    assert first.split(".")[1:] == second.split(".")[1:]
    assert first.endswith(".example")
    one, other = renamed("ann@x.org bob@x.org").split()
    assert one.split("@")[1] == other.split("@")[1]
    assert one.endswith(".invalid")
    macs = renamed("AA-BB-CC-DD-EE-FF aa:bb:cc:dd:ee:ff aabb.ccdd.eeff").lower()
    assert len({re.sub("[^0-9a-f]", "", mac) for mac in macs.split()}) == 1


def test_hosts_that_are_addresses_agree_with_the_addresses() -> None:
    out = renamed("ip-10-0-1-2.eu-west-1.compute.internal")
    assert out == f"ip-{image('10.0.1.2').replace('.', '-')}.eu-west-1.compute.internal"
    only_hosts = Pseudonymizer.build((Kind.HOSTNAME,), KEY, NAMES)
    assert re.fullmatch(
        r"host-\w+\.eu-west-1\.compute\.internal", renamed("ip-10-0-1-2.eu-west-1.compute.internal", only_hosts)
    )


pieces = st.sampled_from([
    "10.0.1.2", "8.8.8.8", ":443", "/24", " ", "\n", "-", ".", "=", "version: ", "image: a/b:", "2001:db8::1",
    "fe80::1%eth0", "[", "]",
    "52:54:00:12:34:56", "AA-BB-CC-DD-EE-FF", ":", "ann@example.com", "db1", "a.corp.example", "corp.example",
    "worker-3", "alice", "user=bob",
    "/home/carol/", "<redacted:token>", "<redacted:", "é", "\0", "x" * 300, "y" * 1200, "%40", "\\n", "ip-10-0-1-2",
    ".in-addr.arpa", "@",
    "host-0123456789bcdfgh", "::ffff:a00:102", "1.2.3.4", "\u2028", "\r\n", '"username":"', "for user ",
])  # fmt: skip


def in_chunks(by: Pseudonymizer, text: bytes, sizes: list[int], block: int) -> tuple[bytes, dict[str, list[int]]]:
    report = Report()
    assert by._scanner is not None  # noqa: SLF001 - small windows
    stream = SwapStream(by._scanner, report, block=block)  # noqa: SLF001 - small windows
    out, position = [], 0
    for size in sizes:
        out.append(stream.feed(text[position : position + size]))
        position += size
    out += [stream.feed(text[position:]), stream.finish()]
    return b"".join(out), {rule: list(lines) for rule, lines in report.lines.items()}


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=60), st.lists(st.integers(0, 700), max_size=20), st.sampled_from([300, 1000, 4096]))
def test_no_split_and_no_window_changes_the_output(parts: list[str], sizes: list[int], block: int) -> None:
    text = "".join(parts).encode()
    whole = in_chunks(EVERYTHING, text, [], 1 << 20)
    assert in_chunks(EVERYTHING, text, sizes, block) == in_chunks(EVERYTHING, text, [], block)
    if all(len(part) < 300 for part in parts):  # a run of letters longer than a window's context has no beginning
        assert in_chunks(EVERYTHING, text, [], block) == whole


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=40))
def test_what_was_replaced_is_known_again_but_for_addresses(parts: list[str]) -> None:
    once = renamed(" ".join(parts), BY_NAME)
    assert renamed(once, BY_NAME) == once


@pytest.mark.parametrize(
    "text",
    [
        "for user  = ann@example.com", "for user  = db1", "login: a.corp.example", "user=alice.corp.example",
        "Müller@x.org", "user: ann%40example.com", "user=ann.smith@x.org",
    ],
)  # fmt: skip
def test_a_pseudonym_is_no_name_of_another_kind(text: str) -> None:
    once = renamed(text, BY_NAME)
    assert once != text
    assert renamed(once, BY_NAME) == once


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=40))
def test_the_key_turns_whole_texts_back(parts: list[str]) -> None:
    text = " ".join(parts)
    canonical = text.replace("AA-BB-CC-DD-EE-FF", "aa-bb-cc-dd-ee-ff")
    assert renamed(renamed(canonical), BACK) == canonical


@settings(deadline=None)
@given(st.binary(max_size=2000), st.lists(st.integers(0, 300), max_size=10))
def test_any_bytes_are_handled(content: bytes, sizes: list[int]) -> None:
    assert in_chunks(EVERYTHING, content, sizes, 256) == in_chunks(EVERYTHING, content, [], 256)


def test_a_second_pass_moves_addresses_again() -> None:
    once = renamed("10.0.1.2", ADDRESSES)
    assert renamed(once, ADDRESSES) != once


def test_values_across_windows_of_one_long_line_are_found() -> None:
    for shift in range(40):
        text = b"y" * (100 + shift) + b" 10.0.1.2 ann@example.com db1 " + b"z" * 3000
        out, _ = in_chunks(EVERYTHING, text, [], 128)
        for hidden in (b"10.0.1.2", b"ann@", b"db1"):
            assert hidden not in out
        assert out.endswith(b"z" * 1000)


def test_many_values_cost_bounded_memory() -> None:
    finder = ADDRESSES
    text = b"".join(
        b"from %d.%d.%d.%d ok\n" % (number >> 18 & 63, number >> 12 & 63, number >> 6 & 63, number & 63)
        for number in range(70_000)
    )
    assert finder.text(text)[0].count(b"\n") == 70_000


def test_the_sanitizer_renames_last_and_counts_by_rule() -> None:
    sanitizer = Sanitizer.build([], pseudonyms=EVERYTHING)
    stream = sanitizer.open("x.log")
    out = stream.feed(b"start\npassword=hunter2 from 10.0.1.2\nagain 10.0.1.2 user=bob\n") + stream.finish()
    assert b"hunter2" not in out
    assert b"10.0.1.2" not in out
    assert dict(stream.report.counts) == {"password": 1, "pseudonym-ip": 2, "pseudonym-user": 1}
    assert list(stream.report.lines["pseudonym-ip"]) == [2, 3]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_text_of_any_encoding_is_renamed(codec: str) -> None:
    stream = Sanitizer.build([], pseudonyms=EVERYTHING).open("x.log")
    assert b"10.0.1.2" not in stream.feed("from 10.0.1.2, an ordinary line\n".encode(codec)) + stream.finish()


def test_structure_still_parses_and_binaries_stay() -> None:
    sanitizer = Sanitizer.build([], pseudonyms=EVERYTHING)
    stream = sanitizer.open("x.json")
    out = stream.feed(b'{"podIP": "10.0.1.2", "user": "bob", "n": [1, 2]}') + stream.finish()
    assert re.fullmatch(rb'\{"podIP": "10\.[0-9.]+", "user": "user-[0-9a-z]{16}", "n": \[1, 2\]\}', out)
    binary = b"\x7fELF" + bytes(range(256)) * 20 + b" 10.0.1.2 "
    stream = sanitizer.open("x.bin")
    assert stream.feed(binary) + stream.finish() == binary


@settings(deadline=None, max_examples=100)
@given(st.lists(pieces | st.sampled_from(["password=hunter2\n", "\n", '{"token": "x1"}\n']), max_size=30))
def test_sanitizing_and_renaming_twice_changes_nothing(parts: list[str]) -> None:
    def sanitized(text: bytes) -> bytes:
        stream = RENAMING.open("x.log")
        return stream.feed(text) + stream.finish()

    once = sanitized(("log line " + " ".join(parts)).encode())
    assert sanitized(once) == once


def test_strings_of_profiles_are_renamed(profile: Callable[[list[str]], bytes]) -> None:
    packed = gzip.compress(profile(["", "samples", "peer 10.0.1.2", "main.main"]))
    stream = Sanitizer.build([], pseudonyms=EVERYTHING).open("cpu.pb.gz")
    out = gzip.decompress(stream.feed(packed) + stream.finish())
    assert b"10.0.1.2" not in out
    assert image("10.0.1.2").encode() in out
    assert b"main.main" in out
    assert stream.report.counts["pseudonym-ip"] == 1


def test_nothing_to_look_for_changes_nothing() -> None:
    idle = Pseudonymizer.build((Kind.HOSTNAME,), KEY)
    assert renamed("10.0.1.2 db1", idle) == "10.0.1.2 db1"


def test_reveal_copies_streams_and_takes_kinds() -> None:
    text = "from 10.0.1.2 user=bob\n" * 9000
    out = io.BytesIO()
    reveal(KEY, parse_kinds("user"), io.BytesIO(renamed(text).encode()), out)
    assert out.getvalue().decode() == f"from {image('10.0.1.2')} user=bob\n" * 9000
    assert parse_kinds(None) == tuple(Kind)
    with pytest.raises(Invalid, match="nope"):
        parse_kinds("ip,nope")


def test_keys_come_plain_or_in_base64() -> None:
    assert read_key(KEY) == KEY
    assert read_key(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n") == KEY
    for wrong in (b"", b"short", b"x" * 33, b"AAEC"):
        with pytest.raises(Invalid):
            read_key(wrong)
