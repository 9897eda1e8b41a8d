"""Names from containers as paths of the bundle."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from supportbundle.archive.paths import path_problem
from supportbundle.collect.containerpaths import MAX_PATH, MAX_SEGMENT, archive_path

NAMES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"a", b"..", b".", b"", b"a b", b"\xff", b"%2F", b"C:", b"x" * 300]), max_size=400).map(
        b"/".join
    ),
)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"/etc/app/config.yaml", "etc/app/config.yaml"),
        (b"./etc//app/./x", "etc/app/x"),
        (b"/etc/../../root/.ssh", "etc/.%2E/.%2E/root/.ssh"),
        (b"a\nb\x1b[31m", "a%0Ab%1B%5B31m"),
        (b"100%/C:\\x", "100%25/C%3A%5Cx"),
        ("ü".encode(), "%C3%BC"),
        (b"\xff", "%FF"),
        (b"dir /end. ", "dir%20/end.%20"),
        (b"...", "..%2E"),
        (b"", "%2F"),
        (b"/", "%2F"),
    ],
)
def test_names(name: bytes, path: str) -> None:
    assert archive_path(name) == path


@given(NAMES)
@example(b"a" * 10_000)
@example(b"\x00" * 10_000)
@example(b"a/" * 5_000)
@example(b"manifest.json")
def test_the_archive_takes_every_one(name: bytes) -> None:
    path = archive_path(name)
    assert path.isascii()
    assert len(path) <= MAX_PATH
    assert all(len(segment) <= MAX_SEGMENT for segment in path.split("/"))
    folder = f"{'c' * 64}/pods/{'p' * 253}/files/{'c' * 63}/"
    assert path_problem(folder + path) is None


def _plain(name: bytes) -> list[bytes]:
    return [part for part in name.split(b"/") if part not in {b"", b"."}]


@given(NAMES, NAMES)
@example(b"a%2Fb", b"a/b")
@example(b"a" * 300 + b"1", b"a" * 300 + b"2")
@example(b"x ", b"x%20")
def test_two_names_stay_two(one: bytes, other: bytes) -> None:
    assume(_plain(one) != _plain(other))
    assert archive_path(one) != archive_path(other)
