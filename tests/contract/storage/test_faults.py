"""A real S3 server behind a proxy that refuses, cuts answers short or loses them: no wrong byte, no second object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.faultproxy import Fault, FaultProxy, answers, lost, standing_before, truncated
from supportbundle.errors import Conflict, SupportBundleError, Unavailable
from supportbundle.model.pieces import MIN_PART, CopyRange, Inline, Part
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

DATA = bytes(range(256)) * 1024
BIG = bytes(range(251)) * (MIN_PART // 251 + 1)
BUSY = answers(503, "SlowDown")
ZIP = ("CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "HeadObject")
TRIES = 4


@pytest.fixture
def proxy(config: StoreConfig) -> Iterator[FaultProxy]:
    assert config.endpoint
    with standing_before(config.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind(config: StoreConfig, proxy: FaultProxy) -> S3Store:
    """The same bucket and prefix as `store`, reached by the proxy."""
    return S3Store(replace(config, endpoint=proxy.endpoint))


@pytest.mark.parametrize("fault", [truncated, lost, BUSY], ids=["truncated", "lost", "busy"])
def test_reading_gives_all_bytes_or_none(store: S3Store, behind: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    store.put("data", DATA)
    with proxy.on("GetObject", fault) as rule, pytest.raises(Unavailable):
        behind.get("data")
    assert rule.met
    assert behind.get("data") == DATA


def test_a_stream_that_breaks_is_told(store: S3Store, behind: S3Store, proxy: FaultProxy) -> None:
    store.put("data", DATA)
    with proxy.on("GetObject", truncated), pytest.raises(Unavailable):
        assert len(b"".join(behind.stream("data"))) < len(DATA)


def test_a_write_whose_answer_is_lost_is_found_done(store: S3Store, behind: S3Store, proxy: FaultProxy) -> None:
    """The repeat inside boto3 meets the first one's result; who writes once takes that for success."""
    with proxy.on("PutObject", lost, times=1) as rule, pytest.raises(Conflict):
        behind.put("plan", DATA, write_once=True)
    assert rule.met == 1
    assert store.get("plan") == DATA


@pytest.mark.parametrize("operation", ZIP)
@pytest.mark.parametrize("fault", [lost, BUSY], ids=["lost", "busy"])
def test_an_assembly_is_repeated_until_it_stands(
    store: S3Store, behind: S3Store, proxy: FaultProxy, operation: str, fault: Fault
) -> None:
    etag = store.put("big", BIG)
    parts = [Part((CopyRange("big", etag, 0, len(BIG)),)), Part((Inline(BIG),)), Part((Inline(b"end"),))]
    with proxy.on(operation, fault, times=4) as rule:
        assert repeated(behind, parts) <= TRIES
    assert rule.met
    assert store.get("zip") == BIG + BIG + b"end"
    assert [info.key for info in store.list("")] == ["big", "zip"]


def repeated(store: S3Store, parts: list[Part]) -> int:
    """Write as the operator does: what a try left goes first. Returns the number of tries."""
    for tried in range(1, TRIES + 1):
        try:
            store.abort_uploads("zip")
            store.write_parts("zip", parts)
        except SupportBundleError as error:
            if not error.retriable:
                raise
        else:
            return tried
    return TRIES + 1


def test_a_wrong_clock_is_no_missing_right(behind: S3Store, proxy: FaultProxy) -> None:
    with proxy.on("*", answers(403, "RequestTimeTooSkewed")), pytest.raises(Unavailable, match="clock"):
        list(behind.list(""))
