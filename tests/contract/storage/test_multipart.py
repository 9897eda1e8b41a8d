"""Objects made of parts, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from supportbundle.errors import Conflict, NotFound, SupportBundleError, Unavailable
from supportbundle.model.pieces import MIN_PART, CopyRange, Inline, Part
from supportbundle.storage.client import StoreConfig, make_client
from supportbundle.storage.s3 import S3Store

BIG = bytes(range(251)) * (MIN_PART * 2 // 251 + 1)
META = {"bundle": "uid"}


def leftovers(store: S3Store) -> int:
    return store.abort_uploads("")


def test_copied_and_mixed_parts_make_one_object(store: S3Store) -> None:
    etag = store.put("big", BIG)
    small = store.put("small", b"0123456789")
    parts = [
        Part((CopyRange("big", etag, 3, MIN_PART + 3),)),
        Part((CopyRange("big", etag, 0, len(BIG)),)),
        Part((CopyRange("small", small, 2, 5), Inline(b"-" * MIN_PART), CopyRange("small", small, 0, 1))),
        Part((Inline(b"end"),)),
    ]
    info = store.write_parts("zip", parts, metadata=META)
    assert store.get("zip") == BIG[3 : MIN_PART + 3] + BIG + b"234" + b"-" * MIN_PART + b"0" + b"end"
    assert info.size == sum(part.size for part in parts)
    assert info.metadata == META
    assert leftovers(store) == 0


def test_a_single_small_part_is_a_plain_put(store: S3Store) -> None:
    etag = store.put("small", b"0123456789")
    info = store.write_parts("zip", [Part((CopyRange("small", etag, 1, 3), Inline(b"!")))], metadata=META)
    assert store.get("zip") == b"12!"
    assert "-" not in info.etag


def test_a_whole_object_is_copied_by_the_server(store: S3Store) -> None:
    etag = store.put("big", BIG)
    store.write_parts("copy", [Part((CopyRange("big", etag, 0, len(BIG)),))])
    assert store.get("copy") == BIG


def test_a_second_assembly_replaces_the_first(store: S3Store) -> None:
    parts = [Part((Inline(BIG),)), Part((Inline(b"tail"),))]
    first, second = store.write_parts("zip", parts), store.write_parts("zip", parts)
    assert (first.size, first.etag) == (second.size, second.etag)


def changed(store: S3Store) -> type[SupportBundleError]:
    store.put("big", BIG[::-1])
    return Conflict


def gone(store: S3Store) -> type[SupportBundleError]:
    store.delete(["big"])
    return NotFound


@pytest.mark.parametrize("event", [changed, gone])
@pytest.mark.parametrize("pieces", [(), (Inline(b"x"),)], ids=["copied", "mixed"])
def test_a_source_that_is_not_what_was_validated_leaves_nothing_behind(
    store: S3Store, event: Callable[[S3Store], type[SupportBundleError]], pieces: tuple[Inline, ...]
) -> None:
    etag = store.put("big", BIG)
    expected = event(store)
    parts = [Part((CopyRange("big", etag, 0, len(BIG)), *pieces)), Part((Inline(b"tail"),))]
    with pytest.raises(expected):
        store.write_parts("zip", parts)
    assert store.head("zip") is None
    assert leftovers(store) == 0


def test_leftovers_of_a_crash_are_dropped_by_age_and_prefix(store: S3Store, config: StoreConfig) -> None:
    client = make_client(config)
    for key in ("bundles/a", "bundles/b", "other/c"):
        client.create_multipart_upload(Bucket=config.bucket, Key=config.prefix + key)
    now = datetime.now(UTC)
    assert store.abort_uploads("bundles/", before=now - timedelta(hours=1)) == 0
    assert store.abort_uploads("bundles/", before=now + timedelta(hours=1)) == 2
    assert store.abort_uploads("") == 1


def test_a_server_that_stops_is_unavailable(dying_server: Any, config: StoreConfig) -> None:
    store = S3Store(replace(config, endpoint=dying_server.endpoint))
    store.put("k", BIG)
    dying_server.process.terminate()
    dying_server.process.wait(10)
    with pytest.raises(Unavailable):
        store.write_parts("zip", [Part((Inline(BIG),)), Part((Inline(b"tail"),))])
