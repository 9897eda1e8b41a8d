"""A tenant's pod may write any bytes as its fragment. Nothing of it may reach a bundle but lawful records."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fragments import META, MOMENT, REPORT, reader, write_fragment
from supportbundle.archive.footer import read_index
from supportbundle.archive.fragment import MAGIC, TRAILER
from supportbundle.archive.headers import verify_headers
from supportbundle.archive.index import FragmentIndex, IndexEntry, IndexLimits, weight
from supportbundle.archive.paths import path_problem
from supportbundle.archive.records import local_header
from supportbundle.errors import Corrupt, Unavailable
from supportbundle.model.gap import Gap
from supportbundle.model.plan import MAX_SHARDS

GOOD = write_fragment({"a/b.log": bytes(range(256)), "c": b"", "d": b"x"}, gaps=[Gap.say("Timeout", "slow")])
LINES = zlib.decompress(GOOD[-TRAILER.size - TRAILER.unpack(GOOD[-TRAILER.size :])[3] : -TRAILER.size], 31).splitlines()
RECORDS = GOOD[: read_index(reader(GOOD), len(GOOD), shard=0).records_size]


def read(data: bytes, *, limits: IndexLimits | None = None) -> FragmentIndex:
    return read_index(reader(data), len(data), shard=0, limits=limits)


def forge(lines: list[bytes], records: bytes = RECORDS) -> bytes:
    """A fragment whose checksums are right, whatever its index says."""
    deflate = zlib.compressobj(wbits=31)
    footer = deflate.compress(b"".join(line + b"\n" for line in lines)) + deflate.flush()
    return records + footer + TRAILER.pack(MAGIC, 1, zlib.crc32(footer), len(footer))


def change(line: int, **values: object) -> bytes:
    """The good fragment with fields of one line replaced."""
    kind, value = LINES[line][:1], orjson.loads(LINES[line][1:])
    return forge([*LINES[:line], kind + orjson.dumps(value | values), *LINES[line + 1 :]])


def test_the_good_fragment_is_good() -> None:
    index = read(forge(LINES))
    assert index == read(GOOD)
    assert [entry.path for entry in index.members] == ["a/b.log", "c", "d"]
    assert index.gaps == (Gap.say("Timeout", "slow"),)
    assert index.report == REPORT
    verify_headers(reader(GOOD), index, modified=MOMENT)


@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        read(data)
    with pytest.raises(Corrupt):
        read(RECORDS + data + TRAILER.pack(MAGIC, 1, zlib.crc32(data), len(data)))


@given(data=st.data())
@settings(max_examples=300)
def test_a_flipped_byte_is_corrupt_or_changes_nothing_but_records(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    broken = bytearray(GOOD)
    broken[at] ^= data.draw(st.integers(1, 255))
    try:
        index = read(bytes(broken))
    except Corrupt:
        return
    assert at < len(RECORDS)
    assert index == read(GOOD)


@given(cut=st.integers(0, len(GOOD) - 1))
def test_a_shortened_fragment_is_corrupt(cut: int) -> None:
    with pytest.raises(Corrupt):
        read(GOOD[:cut])


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(line=st.integers(0, len(LINES) - 1), data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_value_of_any_field_does_anything_but_pass_or_be_corrupt(line: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(orjson.loads(LINES[line][1:]))) | st.text(max_size=5))
    value = data.draw(json_values.filter(_fits_json))
    try:
        index = read(change(line, **{name: value}))
    except Corrupt:
        return
    assert [e.offset for e in index.members] == [e.offset for e in read(GOOD).members]
    assert not any(path_problem(entry.path) for entry in index.members)


def _fits_json(value: object) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "..",
            ".",
            "C:/x",
            "c:x",
            "a\\b",
            "\\\\h",
        ),
        *("a\0b", "a\nb", "\x1b[31m", "\u202egpj.exe", "\u200b", "x" * 1025, "é" * 513, "a\ud800"),
        *("manifest.json", "Manifest.JSON", "warning.txt", "redactions.json", "collector.log"),
    ],
)
def test_unlawful_paths_are_corrupt(path: str) -> None:
    assert path_problem(path)
    if path.isascii() or "\ud800" not in path:
        with pytest.raises(Corrupt, match="path"):
            read(change(1, path=path))


@pytest.mark.parametrize("path", ["a", "a b", ".hidden", "a/...", "x" * 1024, "ключ/✓", "ab:c", "pods/x/manifest.json"])
def test_ordinary_paths_are_lawful(path: str) -> None:
    assert path_problem(path) is None


FORGERIES: Mapping[str, Callable[[], bytes]] = {
    "hole": lambda: change(1, offset=orjson.loads(LINES[1][1:])["offset"] + 1),
    "overlap": lambda: change(1, offset=0),
    "name longer than its record": lambda: change(0, path="x" * 1000),
    "twice the same path": lambda: change(1, path="d"),
    "bomb": lambda: change(1, size=1 << 40),
    "hidden bytes": lambda: change(0, size=3),
    "negative count": lambda: change(0, crc32=-1),
    "digest that is none": lambda: change(0, sha256="g" * 64),
    "another shard": lambda: change(-1, shard=1),
    "another version": lambda: change(-1, version=2),
    "fewer members than claimed": lambda: change(-1, members=9),
    "unknown field": lambda: change(0, more=1),
    "time before the product": lambda: change(-1, started_at="0001-01-01T00:00:00+23:59"),
    "time without zone": lambda: change(-1, started_at="2026-01-01T00:00:00"),
    "member after a gap": lambda: forge([LINES[0], LINES[3], LINES[1], LINES[2], LINES[4]]),
    "missing record": lambda: forge([LINES[0], *LINES[2:]]),
    "no end": lambda: forge(LINES[:-1]),
    "two ends": lambda: forge([*LINES, LINES[-1]]),
    "unknown line": lambda: forge([b"X{}", *LINES]),
    "empty line": lambda: forge([b"", *LINES]),
    "bytes between records and index": lambda: forge(LINES, RECORDS + b"PK"),
    "records cut short": lambda: forge(LINES, RECORDS[:-1]),
    "trailing garbage": lambda: GOOD + b"\0",
    "longer index than object": lambda: RECORDS + TRAILER.pack(MAGIC, 1, 0, 1 << 60),
    "deep nesting": lambda: forge([b"M" + b'{"path":' + b"[" * 100_000, *LINES]),
    "member after a request": lambda: forge([*LINES[:2], b'R"GET /"', *LINES[2:]]),
    "gap after a request": lambda: forge([*LINES[:3], b'R"GET /"', *LINES[3:]]),
    "more requests than it counts": lambda: forge([*LINES[:-1], b'R"GET /"', LINES[-1]]),
    "fewer requests than it counts": lambda: change(-1, requests=1),
    "a request that is no text": lambda: forge([*LINES[:-1], b"R1", LINES[-1]]),
    "control characters in a request": lambda: forge(
        [*LINES[:-1], b'R"\\u001b[2J"', b"S" + orjson.dumps(orjson.loads(LINES[-1][1:]) | {"requests": 1})]
    ),
    "control characters in a source": lambda: change(
        0, meta=orjson.loads(LINES[0][1:])["meta"] | {"target": "\x1b[2J"}
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_index_is_corrupt(forgery: str) -> None:
    with pytest.raises(Corrupt):
        read(FORGERIES[forgery]())


def test_an_index_that_inflates_without_end_is_cut_off() -> None:
    bomb = forge([b"M" + b" " * (40 << 20)])
    assert len(bomb) < 100_000
    with pytest.raises(Corrupt, match="line"):
        read(bomb)
    many = forge([b"G" + orjson.dumps({"reason": "A", "message": "x" * 800})] * 5_000)
    with pytest.raises(Corrupt, match="longer than"):
        read(many, limits=IndexLimits(json=1 << 20))


@pytest.mark.parametrize(
    "limits", [IndexLimits(members=2), IndexLimits(gaps=0), IndexLimits(footer=9), IndexLimits(fragment=9, footer=9)]
)
def test_limits_hold(limits: IndexLimits) -> None:
    with pytest.raises(Corrupt):
        read(GOOD, limits=limits)


def test_the_request_log_has_an_allowance_too() -> None:
    closing = b"S" + orjson.dumps(orjson.loads(LINES[-1][1:]) | {"requests": 300})
    data = forge([*LINES[:-1], *[b"R" + orjson.dumps("\U0001f600" * 1024)] * 300, closing])
    assert len(read(data).requests) == 300
    for limits in (IndexLimits(requests=299), IndexLimits(kept=2 << 20)):
        with pytest.raises(Corrupt):
            read(data, limits=limits)


def test_every_shard_has_an_allowance_that_together_stay_bounded() -> None:
    for count in (1, 2, 63, 64, 65, MAX_SHARDS):
        limits = IndexLimits.for_shards(count)
        assert limits.json >= 256 << 10
        assert (count * limits.json, count * limits.kept) <= (60 << 20, 120 << 20), count
        assert limits.line * 2 <= limits.json // 4, "gaps and the report fit, however many members there are"
    assert IndexLimits.for_shards(1) == IndexLimits()


def member(number: int, offset: int, **changes: Any) -> tuple[bytes, bytes]:
    """(line of the index, record) of an empty member."""
    path = changes.pop("path", f"{number:x}")
    entry = IndexEntry(path, 0, 0, 2, "0" * 64, offset, META)
    fields = {"path": path, "crc32": 0, "size": 0, "compressed_size": 2, "sha256": "0" * 64, "offset": offset}
    meta = orjson.loads(LINES[0][1:])["meta"] | changes
    return b"M" + orjson.dumps(fields | {"meta": meta}), local_header(entry, MOMENT) + b"\3\0"


WORST: dict[str, Callable[[int], dict[str, Any]]] = {
    "many members": lambda _: {},
    "maps": lambda n: {"redactions": {f"{(n * 100 + i) % 500:x}": 257 + n * 100 + i for i in range(100)}},
    "long rules": lambda n: {"redactions": {f"{i}" + "\U0001f600" + "x" * 90: n + 300 for i in range(100)}},
    "line numbers": lambda n: {"lines": {f"{i}": [300 + n + j for j in range(20)] for i in range(20)}},
    "wide characters": lambda n: {"path": f"{n}\U0001f600" + "x" * 200, "target": "\U0001f600" + "x" * 590},
    "notes": lambda n: {"notes": {f"k{i}{n}": "\U0001f600" + "x" * 190 for i in range(16)}},
}


@pytest.mark.parametrize("form", WORST)
def test_the_worst_index_takes_no_more_memory_than_its_shards_allowance(form: str) -> None:
    limits = IndexLimits.for_shards(MAX_SHARDS)
    accepted, lines, records = b"", [], bytearray()
    for number in range(2000):
        line, record = member(number, len(records), **WORST[form](number))
        lines.append(line)
        records += record
        if number % 20 == 0:
            closing = orjson.loads(LINES[-1][1:]) | {"members": len(lines), "gaps": 0}
            forged = forge([*lines, b"S" + orjson.dumps(closing)], bytes(records))
            try:
                read(forged, limits=limits)
            except Corrupt:
                break
            accepted = forged
    else:
        pytest.fail("nothing stops it")
    tracemalloc.start()
    index = read(accepted, limits=limits)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert index.members
    assert kept <= limits.kept


@pytest.mark.parametrize("fields", [{}, {"target": "\U0001f600" * 500, "message": "\U0001f600" * 800}])
def test_gaps_take_no_more_memory_than_they_are_said_to(fields: dict[str, str]) -> None:
    limits = IndexLimits.for_shards(MAX_SHARDS)
    texts = [
        {"reason": "Timeout", "collector": f"{n}"} | {k: v[:-4] + f"{n:04}" for k, v in fields.items()}
        for n in range(250)
    ]
    weights = [weight(Gap(**text)) for text in texts]
    count = sum(total <= limits.kept * 7 // 8 for total in accumulate(weights))
    lines = [b"G" + orjson.dumps(text) for text in texts[:count]]
    size = 0
    while size < len(lines) and sum(map(len, lines[: size + 1])) < limits.json - 1000:
        size += 1
    closing = orjson.loads(LINES[-1][1:]) | {"members": 0, "gaps": size}
    forged = forge([*lines[:size], b"S" + orjson.dumps(closing)], b"")
    read(forged, limits=limits)
    tracemalloc.start()
    index = read(forged, limits=limits)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(index.gaps) == size > 20
    assert kept <= sum(weights[:size])


@pytest.mark.parametrize("text", ["x" * 1023, "\U0001f600" + "x" * 1023])
def test_requests_take_no_more_memory_than_they_are_said_to(text: str) -> None:
    texts = [f"{number:04}{text[4:]}" if text[0] == "x" else text[:-4] + f"{number:04}" for number in range(200)]
    closing = orjson.loads(LINES[-1][1:]) | {"members": 0, "gaps": 0, "requests": len(texts)}
    forged = forge([*(b"R" + orjson.dumps(one) for one in texts), b"S" + orjson.dumps(closing)], b"")
    read(forged)
    tracemalloc.start()
    index = read(forged)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(index.requests) == len(texts)
    assert kept <= sum(map(weight, texts)) + 10_000


def test_a_tenant_cannot_invent_rules_without_end() -> None:
    meta = orjson.loads(LINES[0][1:])["meta"]
    invented = [
        b"M"
        + orjson.dumps(orjson.loads(line[1:]) | {"meta": meta | {"redactions": {f"{i}-{j}": 1 for j in range(100)}}})
        for i, line in enumerate(LINES[:3])
    ]
    assert len(read(forge([*invented, *LINES[3:]])).members) == 3
    with pytest.raises(Corrupt, match="sanitizer rules"):
        read(forge([*invented, *LINES[3:]]), limits=IndexLimits(rules=299))


def test_terminal_escapes_in_gaps_are_defused() -> None:
    hostile = change(3, message="\x1b]0;pwned\x07", target="a\nb")
    assert read(hostile).gaps[0] == Gap.say("Timeout", "\x1b]0;pwned\x07", target="a\nb")
    assert read(hostile).gaps[0].message.isprintable()


@given(data=st.data())
def test_any_changed_byte_of_a_local_header_is_found(data: st.DataObject) -> None:
    index = read(GOOD)
    entry = data.draw(st.sampled_from(index.members))
    at = entry.offset + data.draw(st.integers(0, entry.header_size - 1))
    broken = bytearray(GOOD)
    broken[at] ^= data.draw(st.integers(1, 255))
    assert read(bytes(broken)) == index
    with pytest.raises(Corrupt, match="local header"):
        verify_headers(reader(bytes(broken)), index, modified=MOMENT)


def test_a_store_that_fails_is_not_a_corrupt_fragment() -> None:
    def failing(_start: int, _end: int) -> bytes:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        read_index(failing, len(GOOD), shard=0)


def test_a_store_that_answers_short_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        read_index(lambda start, end: GOOD[start : end - 1], len(GOOD), shard=0)
