"""Every operation of a store is counted once, with its outcome, whatever it returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from support.memory import Fuse, MemoryStore
from supportbundle.errors import NotFound, Unavailable
from supportbundle.storage.base import ObjectInfo, Store
from supportbundle.storage.measured import measured


class Lazy(MemoryStore):
    """Lists as S3 does: while the caller reads."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from super().list(prefix)
        if self.failure:
            raise self.failure


@pytest.fixture
def seen() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def inner() -> Lazy:
    return Lazy(Fuse())


@pytest.fixture
def store(inner: Lazy, seen: list[tuple[str, str]]) -> Store:
    return measured(
        inner, lambda operation, outcome, seconds: seen.append((operation, outcome)) if seconds >= 0 else None
    )


def test_outcomes_are_ok_or_the_reason(store: Store, seen: list[tuple[str, str]]) -> None:
    store.put("a", b"1")
    assert store.get("a") == b"1"
    with pytest.raises(NotFound):
        store.get("b")
    assert seen == [("put", "OK"), ("get", "OK"), ("get", "NotFound")]


def test_what_is_read_bit_by_bit_counts_once_at_its_end(store: Store, inner: Lazy, seen: list[tuple[str, str]]) -> None:
    store.put("a", b"1")
    seen.clear()
    assert [info.key for info in store.list("")] == ["a"]
    inner.failure = Unavailable("down")
    listing = store.list("")
    assert seen == [("list", "OK")]
    with pytest.raises(Unavailable):
        list(listing)
    assert seen == [("list", "OK"), ("list", "Unavailable")]


def test_a_reader_who_has_enough_is_no_failure(store: Store, seen: list[tuple[str, str]]) -> None:
    store.put("a", b"1")
    store.put("b", b"1")
    seen.clear()
    listing = store.list("")
    next(iter(listing))
    del listing
    assert seen == [("list", "OK")]


def test_signing_asks_nobody(store: Store, seen: list[tuple[str, str]]) -> None:
    store.presign_put("a", write_once=True, expires=timedelta(hours=1))
    assert seen == []
