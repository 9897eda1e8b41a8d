"""Deliveries into a real bucket: whole, resumed, encrypted by the server, tagged, copied from another bucket."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from support.parcels import Lost, Memo, package
from supportbundle.errors import Conflict, Invalid, StoreDenied
from supportbundle.model.pieces import CopyRange, Inline, Part
from supportbundle.storage.addresses import ForbiddenAddress, Guard
from supportbundle.storage.appending import Appending
from supportbundle.storage.client import Retention, StoreConfig, make_client
from supportbundle.storage.resume import MOST_PARTS, PART, S3Receiver, part_size
from supportbundle.storage.s3 import S3Store

DATA = random.Random(1).randbytes(3 * PART + 1234)  # noqa: S311 - bytes that differ everywhere
KEY = "bundles/team/incident.zip"


class Counting:
    """How many parts a client has been asked to send."""

    def __init__(self, store: S3Store) -> None:
        self.sent: list[int] = []
        store.client.meta.events.register("provide-client-params.s3.UploadPart", self)

    def __call__(self, params: dict[str, Any], **_: object) -> None:
        self.sent.append(params["PartNumber"])


def test_what_arrives_is_what_was_sent(store: S3Store) -> None:
    receipt = S3Receiver(store).send(package(DATA), Memo())
    info = store.head(KEY)
    assert info is not None
    assert store.get(KEY) == DATA
    assert receipt.sha256 == hashlib.sha256(DATA).hexdigest()
    assert receipt.etag == info.etag.strip('"')
    assert dict(info.metadata) == {"manifest-sha256": "abc"}
    assert receipt.location == f"s3://{store.config.bucket}/{store.config.prefix}{KEY}"
    assert store.abort_uploads("") == 0


def test_a_second_try_sends_only_what_is_missing(config: StoreConfig) -> None:
    first, memo = S3Store(config), Memo()
    with pytest.raises(Lost):
        S3Receiver(first).send(package(DATA, dies_at=2 * PART), memo)
    second = S3Store(config)
    counting = Counting(second)
    receipt = S3Receiver(second).send(package(DATA), memo)
    assert sorted(counting.sent) == [3, 4]
    assert second.get(KEY) == DATA
    assert receipt.sha256 == hashlib.sha256(DATA).hexdigest()
    assert second.abort_uploads("") == 0


def test_parts_of_another_zip_are_sent_again(config: StoreConfig) -> None:
    memo, other = Memo(), DATA[::-1]
    with pytest.raises(Lost):
        S3Receiver(S3Store(config)).send(package(DATA, dies_at=2 * PART), memo)
    # The note claims that the upload is of the other zip: only the parts' digests can tell.
    memo.text = memo.text.replace(package(DATA).version, package(other).version)
    store = S3Store(config)
    counting = Counting(store)
    S3Receiver(store).send(package(other), memo)
    assert sorted(counting.sent) == [1, 2, 3, 4]
    assert store.get(KEY) == other


def test_a_delivery_that_died_before_its_proof_is_found_complete(config: StoreConfig) -> None:
    store, memo = S3Store(config), Memo()
    first = S3Receiver(store).send(package(DATA), memo)
    counting = Counting(store)
    assert S3Receiver(store).send(package(DATA), memo) == first
    assert counting.sent == []
    assert len(memo.written) == 1


@pytest.mark.parametrize("note", ["", "not json", '{"uploadId": 5}'])
def test_a_note_that_says_nothing_begins_anew(store: S3Store, note: str) -> None:
    S3Receiver(store).send(package(b"small"), Memo(note))
    assert store.get(KEY) == b"small"


def test_a_note_of_an_upload_that_is_gone_begins_anew(config: StoreConfig) -> None:
    store, memo = S3Store(config), Memo()
    with pytest.raises(Lost):
        S3Receiver(store).send(package(DATA, dies_at=PART), memo)
    assert store.abort_uploads("") == 1
    S3Receiver(store).send(package(DATA), memo)
    assert store.get(KEY) == DATA


@pytest.mark.parametrize("size", [1, PART, PART * MOST_PARTS, PART * MOST_PARTS + 1, 110 << 30])
def test_there_are_never_too_many_parts(size: int) -> None:
    assert -(-size // part_size(size)) <= MOST_PARTS
    assert part_size(size) % (1 << 20) == 0


def test_an_object_of_unknown_length_is_written_atomically(store: S3Store) -> None:
    with Appending(store, "age", PART, {"recipients": "r"}) as sink:
        for start in range(0, len(DATA), 65_552):
            assert sink.write(DATA[start : start + 65_552]) == len(DATA[start : start + 65_552])
        assert store.head("age") is None
    info = store.head("age")
    assert info is not None
    assert store.get("age") == DATA
    assert dict(info.metadata) == {"recipients": "r"}


def test_an_object_that_is_given_up_leaves_nothing(store: S3Store) -> None:
    with pytest.raises(Lost), Appending(store, "age", PART, {}) as sink:
        sink.write(DATA)
        raise Lost
    assert store.head("age") is None
    assert store.abort_uploads("") == 0


@pytest.fixture
def beside(config: StoreConfig) -> Iterator[S3Store]:
    """Another bucket of the same server."""
    other = replace(config, bucket=f"beside-{uuid4().hex[:12]}", prefix="in/")
    store = S3Store(other)
    store.ensure_bucket()
    yield store
    store.delete([info.key for info in store.list("")])
    make_client(other).delete_bucket(Bucket=other.bucket)


def test_the_server_copies_between_buckets(store: S3Store, config: StoreConfig, beside: S3Store) -> None:
    store.put("staged.zip", DATA)
    info = store.head("staged.zip")
    assert info is not None
    source = replace(info, key=config.prefix + info.key)
    made = beside.copy_in(config.bucket, source, KEY, metadata={"manifest-sha256": "abc"})
    assert (made.size, dict(made.metadata)) == (len(DATA), {"manifest-sha256": "abc"})
    assert beside.get(KEY) == DATA


def downloaded_as(store: S3Store, key: str) -> str:
    """The name that a browser would give to what a presigned link leads to."""
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", store.presign_get(key, expires=timedelta(minutes=1)).url)
        return answer.headers.get("Content-Disposition", "")


def test_downloads_are_called_as_the_bundle_says(store: S3Store, config: StoreConfig, beside: S3Store) -> None:
    named = 'attachment; filename="coder-support-1.zip"'
    store.write_parts("one.zip", [Part((Inline(DATA),))], file_name="coder-support-1.zip")
    assert downloaded_as(store, "one.zip") == named
    info = store.head("one.zip")
    assert info is not None
    source = replace(info, key=config.prefix + info.key)
    beside.copy_in(config.bucket, source, KEY, metadata={}, file_name="coder-support-1.zip")
    assert downloaded_as(beside, KEY) == named
    S3Receiver(store).send(replace(package(DATA), file_name="coder-support-1.zip.age"), Memo())
    assert downloaded_as(store, KEY) == 'attachment; filename="coder-support-1.zip.age"'
    store.write_parts("plain.zip", [Part((Inline(DATA),))])
    assert downloaded_as(store, "plain.zip") == ""


def test_a_source_that_has_changed_is_not_copied(store: S3Store, config: StoreConfig, beside: S3Store) -> None:
    store.put("staged.zip", DATA)
    info = store.head("staged.zip")
    assert info is not None
    store.put("staged.zip", DATA[::-1])
    with pytest.raises(Conflict):
        beside.copy_in(config.bucket, replace(info, key=config.prefix + info.key), KEY, metadata={})
    assert beside.head(KEY) is None


def test_tags_and_storage_class_hold_for_the_zip(config: StoreConfig) -> None:
    """Versitygw keeps tags; it knows one storage class."""
    kept = replace(config, retention=Retention(tags={"team": "a b", "until": "2027"}, storage_class="STANDARD"))
    store = S3Store(kept)
    S3Receiver(store).send(package(b"zip"), Memo())
    found = store.client.get_object_tagging(Bucket=kept.bucket, Key=kept.prefix + KEY)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"team": "a b", "until": "2027"}


def test_a_locked_zip_cannot_be_deleted(config: StoreConfig) -> None:
    locked = replace(config, bucket="locked", retention=Retention(lock_mode="GOVERNANCE", lock_days=1))
    make_client(config).create_bucket(Bucket=locked.bucket, ObjectLockEnabledForBucket=True)
    store = S3Store(locked)
    S3Receiver(store).send(package(b"zip"), Memo())
    with pytest.raises(StoreDenied):
        store.delete([KEY])
    assert store.get(KEY) == b"zip"


def test_a_lock_that_the_bucket_cannot_hold_is_refused_before_anything_is_sent(config: StoreConfig) -> None:
    store = S3Store(replace(config, retention=Retention(lock_mode="GOVERNANCE", lock_days=1)))
    with pytest.raises(Invalid, match="InvalidRequest"):
        S3Receiver(store).send(package(b"zip"), Memo())
    assert store.head(KEY) is None


SSE = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}


def test_a_presigned_put_cannot_leave_out_the_encryption_by_the_server(config: StoreConfig) -> None:
    """Versitygw ignores what the header asks for; that it must be sent is in the signature, for every server."""
    store = S3Store(replace(config, encryption=SSE))
    request = store.presign_put("fragment", write_once=True, expires=timedelta(hours=1))
    bare = {"If-None-Match": "*"}
    with urllib3.PoolManager() as pool:
        assert pool.request("PUT", request.url, body=b"x", headers=bare, retries=False).status == 403
        assert pool.request("PUT", request.url, body=b"x", headers=dict(request.headers), retries=False).status == 200


def test_every_way_of_writing_asks_for_the_encryption(config: StoreConfig) -> None:
    store = S3Store(replace(config, encryption=SSE))
    asked: list[tuple[str, str | None]] = []

    def listen(request: Any, **_: object) -> None:
        if request.method in {"PUT", "POST"} and "uploadId" not in request.url:
            asked.append((request.method, request.headers.get("x-amz-server-side-encryption-aws-kms-key-id")))

    store.client.meta.events.register("before-send.s3", listen)
    etag = store.put("plan", b"x")
    store.write_parts("zip", [Part((CopyRange("plan", etag, 0, 1),))])
    S3Receiver(store).send(package(b"zip"), Memo())
    with Appending(store, "age", 1, {}) as sink:
        sink.write(b"x")
    assert {key for _, key in asked} == {b"key-1"}
    assert len(asked) == 4


def test_a_guarded_store_sends_nothing_to_forbidden_addresses(config: StoreConfig) -> None:
    with pytest.raises(ForbiddenAddress):
        S3Store(replace(config, guard=Guard(environ={}))).put("k", b"")
