"""Single objects, against a real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supportbundle.errors import Conflict, Corrupt, NotFound, StoreDenied, Unavailable
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store


def test_an_object_reads_as_it_was_written(store: S3Store) -> None:
    etag = store.put("a/b", b"0123456789", metadata={"bundle": "uid"})
    assert store.get("a/b") == b"0123456789"
    assert store.get("a/b", 2, 5) == b"234"
    assert store.get("a/b", 7) == b"789"
    assert store.get("a/b", 4, 4) == b""
    assert b"".join(store.stream("a/b", chunk=3)) == b"0123456789"
    info = store.head("a/b")
    assert info is not None
    assert (info.key, info.size, info.etag, dict(info.metadata)) == ("a/b", 10, etag, {"bundle": "uid"})


def test_a_write_once_key_is_written_once(store: S3Store) -> None:
    store.put("once", b"first", write_once=True)
    with pytest.raises(Conflict):
        store.put("once", b"second", write_once=True)
    assert store.get("once") == b"first"


def test_a_changed_object_is_not_read_as_the_old_one(store: S3Store) -> None:
    etag = store.put("k", b"old")
    store.put("k", b"new")
    with pytest.raises(Conflict):
        store.get("k", if_match=etag)


def test_what_is_not_there_is_not_found(store: S3Store) -> None:
    assert store.head("missing") is None
    with pytest.raises(NotFound):
        store.get("missing")
    with pytest.raises(NotFound):
        next(store.stream("missing"))


@pytest.mark.parametrize(("start", "end"), [(2, 9), (5, 9)])
def test_a_range_beyond_the_end_is_corrupt(store: S3Store, start: int, end: int) -> None:
    store.put("short", b"1234")
    with pytest.raises(Corrupt):
        store.get("short", start, end)


def test_listing_shows_only_keys_below_the_prefix(store: S3Store, config: StoreConfig) -> None:
    for key in ("x/2", "x/1", "y/1"):
        store.put(key, key.encode())
    S3Store(replace(config, prefix=config.prefix + "x/")).put("3", b"")
    assert [(o.key, o.size) for o in store.list("x/")] == [("x/1", 3), ("x/2", 3), ("x/3", 0)]


def test_deleting_takes_many_and_missing_keys(store: S3Store) -> None:
    keys = [f"d/{i}" for i in range(1_005)]
    for key in keys[::100]:
        store.put(key, b"")
    store.delete(keys)
    store.delete([])
    assert list(store.list("d/")) == []


@pytest.mark.parametrize(
    "keys", [Credentials("nobody", "contract-secret-key"), Credentials("contract-access", "not-the-secret-key")]
)
def test_wrong_credentials_are_denied_and_not_shown(config: StoreConfig, keys: Credentials) -> None:
    store = S3Store(replace(config, credentials=keys))
    with pytest.raises(StoreDenied) as denied:
        store.put("k", b"")
    text = f"{denied.value!s} {denied.value!r} {keys!r}"
    assert keys.access_key not in text
    assert keys.secret_key not in text
    assert not denied.value.retriable


def test_a_missing_bucket_is_denied(config: StoreConfig) -> None:
    with pytest.raises(StoreDenied):
        S3Store(replace(config, bucket="no-such-bucket")).put("k", b"")


def test_nobody_listening_is_unavailable(config: StoreConfig) -> None:
    store = S3Store(replace(config, endpoint="http://127.0.0.1:9"))
    with pytest.raises(Unavailable) as failure:
        list(store.list(""))
    assert failure.value.retriable
