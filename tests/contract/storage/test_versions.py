"""Buckets that keep versions, against a real server: deleting leaves nothing, or says what it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSResponse

from supportbundle.model.pieces import Inline, Part
from supportbundle.storage.client import Retention, StoreConfig
from supportbundle.storage.s3 import S3Store


def versions(store: S3Store) -> list[tuple[str, str]]:
    answer: Any = store.client.list_object_versions(Bucket=store.config.bucket)
    return [(kind, v["Key"]) for kind in ("Versions", "DeleteMarkers") for v in answer.get(kind, ())]


def test_a_deleted_object_is_gone_with_all_its_versions(keeping: StoreConfig) -> None:
    store = S3Store(keeping)
    for key in ("staging/a", "staging/b", "staging/b", "staging/bystander"):
        store.put(key, key.encode())
    assert store.delete(["staging/a", "staging/b", "staging/missing"]) == ()
    assert versions(store) == [("Versions", "in/staging/bystander")]


def test_a_locked_version_stays_hidden_and_is_named(keeping: StoreConfig) -> None:
    retention = Retention(lock_mode="GOVERNANCE", lock_days=1)
    store = S3Store(replace(keeping, retention=retention))
    store.write_parts("bundles/kept.zip", [Part((Inline(b"zip"),))], final=True)
    store.put("bundles/free.zip", b"zip")
    assert store.delete(["bundles/kept.zip", "bundles/free.zip"]) == ("bundles/kept.zip",)
    assert [info.key for info in store.list("")] == []
    assert versions(store) == [("Versions", "in/bundles/kept.zip"), ("DeleteMarkers", "in/bundles/kept.zip")]


def test_the_lock_of_an_object_is_the_one_that_it_was_written_with(keeping: StoreConfig) -> None:
    locking = S3Store(replace(keeping, retention=Retention(lock_mode="GOVERNANCE", lock_days=30)))
    written = locking.write_parts("bundles/kept.zip", [Part((Inline(b"zip"),))], final=True)
    assert written.locked_until is not None
    assert timedelta(days=29) < written.locked_until - datetime.now(UTC) <= timedelta(days=30)
    found = S3Store(keeping).head("bundles/kept.zip")
    assert found is not None
    assert found.locked_until == written.locked_until


def test_a_bucket_without_versions_leaves_none(store: S3Store) -> None:
    store.put("a", b"a")
    assert store.delete(["a"]) == ()
    assert store.head("a") is None


def test_who_may_not_delete_versions_hides_the_object_and_hears_of_it(keeping: StoreConfig) -> None:
    store = S3Store(keeping)
    store.put("bundles/a.zip", b"zip")
    refuse(store)
    assert store.delete(["bundles/a.zip"]) == ("bundles/a.zip",)
    assert store.head("bundles/a.zip") is None


def refuse(store: S3Store) -> None:
    """As an account without s3:ListBucketVersions: the server hears of no such request."""

    def answer(**_: object) -> tuple[Any, dict[str, Any]]:
        said = {"Error": {"Code": "AccessDenied", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return AWSResponse("http://x", 403, {}, None), said

    store.client.meta.events.register("before-call.s3.ListObjectVersions", answer)
