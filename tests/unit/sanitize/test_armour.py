"""Keys in PEM armour that other writers' lines have torn apart: every line goes, the other lines stay."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]
STAMP = "2026-11-21T05:48:48.689404015Z "
BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
BODY = [
    "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Z3VS5JJcds3xfn/ygWyFabcdef",
    *(f"{n:02}bCdEf+q7AbCdEfq7AbCdEfq7AbCd/fq7AbCdEfq7AbCdEfq7AbCdEfq7AbCdEf"[:64] for n in range(9)),
    "q7AbCdEf0w==",
]
OTHERS = ["> Authorization: none", "server started, ready", "", "  at main.go:12", "{}", '{"a": 1, "b": "two words"}']
PREFIXES = ["", STAMP, f"{STAMP}stdout F ", "[pod/a-1/main] ", "a-1  | ", "I1121 10:00:00.000000       1 key.go:12] "]


def _has_key(out: bytes) -> bool:
    return any(line.encode() in out for line in BODY)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_lines_of_other_writers_do_not_let_the_key_out(prefix: str, clean: Clean) -> None:
    lines = ["start", BEGIN, "> Authorization: Bearer hunter2", *BODY[:2], "two words", *BODY[2:], END, "the end"]
    out = clean("".join(f"{prefix}{line}\n" for line in lines)).decode()
    assert out.split("\n") == [
        f"{prefix}start",
        f"{prefix}<redacted:pem>",
        f"{prefix}> Authorization: <redacted:authorization>",
        f"{prefix}<redacted:pem>",
        f"{prefix}two words",
        f"{prefix}<redacted:pem>",
        f"{prefix}the end",
        "",
    ]


def test_a_key_without_prefix_goes_on_behind_the_kubelets_timestamp(clean: Clean) -> None:
    assert not _has_key(clean(f"x {BEGIN}\n{STAMP}stderr F two words\n{STAMP}stdout F {BODY[1]}\n"))


def test_after_the_end_lines_that_look_like_base64_stay(clean: Clean) -> None:
    text = f"{BEGIN}\ntwo words\n{BODY[1]}\nmore words\n{END}\n{BODY[2]}\n"
    assert clean(text).decode().endswith(f"more words\n{END}\n{BODY[2]}\n")


@pytest.mark.parametrize("other", ["two words\n" * 250, "long words " * 7000 + "\n"])
def test_a_lost_end_is_not_waited_for_forever(other: str, clean: Clean) -> None:
    text = f"{BEGIN}\n{BODY[1]}\n{other}{BODY[2]}\n"
    assert clean(text).decode() == f"<redacted:pem>\n{other}{BODY[2]}\n"


def test_unparsable_yaml_with_a_torn_key_loses_it(clean: Clean, tiny: Sanitizer) -> None:
    text = (
        f"apiVersion: v1\na: 1\n---\n{BEGIN}\nb: [\n---\n"
        + "---\n".join(f"{line}\n" for line in BODY)
        + f"---\n{END}\n"
    )
    assert not _has_key(clean(text))
    assert not _has_key(clean(text, by=tiny))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(0, 300), max_size=20))
def test_any_mixture_of_two_keys_and_other_lines(
    sanitizer: Sanitizer, tiny: Sanitizer, in_chunks: Callable[..., bytes], data: st.DataObject, sizes: list[int]
) -> None:
    first, second = data.draw(st.sampled_from(PREFIXES)), data.draw(st.sampled_from(PREFIXES))
    writers = [
        [f"{first}{line}" for line in (BEGIN, *BODY[:-1], END)],
        [f"{second}{line}" for line in (BEGIN, *BODY[:-1], END)],
        data.draw(st.lists(st.sampled_from(OTHERS), max_size=40)),
    ]
    lines: list[str] = []
    # One draw for the whole order, because a draw for each line costs more than all that is tested.
    turns = iter(data.draw(st.binary(min_size=60, max_size=60)))
    while any(writers):
        writing = [writer for writer in writers if writer]
        lines.append(writing[next(turns, 0) % len(writing)].pop(0))
    content = "".join(f"{line}\n" for line in lines).encode()
    for by in (sanitizer, tiny):
        whole = in_chunks(by, content, [])
        assert not _has_key(whole)
        assert in_chunks(by, content, sizes) == whole
    whole = in_chunks(sanitizer, content, [])
    assert in_chunks(sanitizer, whole, []) == whole
    kept = [line for line in whole.decode().split("\n") if line in OTHERS and line]
    assert kept == [line for line in lines if line in OTHERS and line]


def _json_line(text: str, number: int) -> str:
    return json.dumps({"log": f"{text}\n", "stream": "stdout", "time": f"2026-11-21T10:00:{number:02}Z"}) + "\n"


@pytest.mark.parametrize("form", [
    _json_line,
    lambda text, number: json.dumps({"time": f"10:{number}", "n": number, "msg": text}, separators=(",", ":")) + "\n",
])  # fmt: skip
def test_a_key_with_each_line_in_a_json_line_goes(
    form: Callable[[str, int], str], sanitizer: Sanitizer, tiny: Sanitizer, in_chunks: Callable[..., bytes]
) -> None:
    texts = ["start", BEGIN, *BODY[:3], "two words", *BODY[3:], END, BODY[1], "the end"]
    content = "".join(form(text, number) for number, text in enumerate(texts)).encode()
    out = in_chunks(sanitizer, content, [])
    lines = [json.loads(line) for line in out.splitlines()]
    told = [str(line.get("log", line.get("msg"))).strip() for line in lines]
    gone = "<redacted:pem>"
    assert told == ["start", gone, *[gone] * 3, "two words", *[gone] * (len(BODY) - 3), END, BODY[1], "the end"]
    assert in_chunks(sanitizer, out, []) == out
    assert in_chunks(sanitizer, content, [7, 300, 1, 99]) == out
    assert BODY[2].encode() not in in_chunks(tiny, content, [])


@pytest.mark.parametrize("prefix", ["", STAMP, "  "])
def test_a_lone_key_line_goes_and_the_leak_check_knows_it(prefix: str, clean: Clean, sanitizer: Sanitizer) -> None:
    text = f"two words\n{prefix}{BODY[0]}\nmore words\n"
    assert clean(text).decode() == f"two words\n{prefix}<redacted:pem>\nmore words\n"
    check = sanitizer.leak_check()
    with pytest.raises(Unsanitizable, match="pem-line"):
        check.feed(text.encode())
    check = sanitizer.leak_check()
    check.feed(clean(text))
    check.finish()


def test_a_known_secret_before_a_line_of_a_torn_block_goes_too(clean: Clean) -> None:
    begin, body = "-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEA0Z3VS5JJcds3"
    text = f"Tr0ub4dor&3/x{begin}\n{begin}\n-----END RSA PRIVATE KEY-----\nTr0ub4dor&3/x{body}\n"
    out = clean(text)
    assert b"Tr0ub4dor" not in out
    assert body.encode() not in out
    assert clean(out) == out
