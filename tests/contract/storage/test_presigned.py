"""Presigned PUTs, sent as a collector sends them: with nothing but the URL and its headers."""

from __future__ import annotations

from datetime import timedelta

import pytest
import urllib3

from supportbundle.storage.base import SignedRequest
from supportbundle.storage.s3 import S3Store

HOUR = timedelta(hours=1)


def send(request: SignedRequest, body: bytes, *, headers: bool = True) -> int:
    with urllib3.PoolManager() as pool:
        sent = dict(request.headers) if headers else {}
        return pool.request("PUT", request.url, body=body, headers=sent, retries=False).status


def test_a_presigned_put_writes(store: S3Store) -> None:
    request = store.presign_put("progress", write_once=False, expires=HOUR)
    assert [send(request, b"one"), send(request, b"two")] == [200, 200]
    assert store.get("progress") == b"two"


def test_a_zombie_cannot_overwrite_a_fragment(store: S3Store) -> None:
    request = store.presign_put("fragments/0", write_once=True, expires=HOUR)
    assert send(request, b"mine") == 200
    assert send(request, b"theirs") == 412
    assert store.get("fragments/0") == b"mine"


def test_the_write_once_header_cannot_be_left_out(store: S3Store) -> None:
    request = store.presign_put("fragments/0", write_once=True, expires=HOUR)
    assert send(request, b"first", headers=False) == 403
    assert store.head("fragments/0") is None


def test_a_presigned_put_serves_one_key(store: S3Store) -> None:
    request = store.presign_put("mine", write_once=False, expires=HOUR)
    other = SignedRequest(request.url.replace("/mine?", "/other?"), request.headers)
    assert send(other, b"") == 403


def test_a_signed_request_hides_its_url(store: S3Store) -> None:
    request = store.presign_put("k", write_once=True, expires=HOUR)
    assert "Signature" in request.url
    assert "Signature" not in repr(request)


def test_a_presigned_get_reads_one_key(store: S3Store) -> None:
    store.put("staged", b"zip")
    request = store.presign_get("staged", expires=HOUR)
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", request.url, retries=False)
        assert (answer.status, answer.data) == (200, b"zip")
        assert pool.request("GET", request.url.replace("/staged?", "/other?"), retries=False).status == 403
        assert pool.request("PUT", request.url, body=b"mine", retries=False).status == 403
    assert store.get("staged") == b"zip"


@pytest.mark.parametrize("seconds", [1, 604_800])
def test_an_url_carries_its_lifetime_and_the_current_signature(store: S3Store, seconds: int) -> None:
    request = store.presign_put("k", write_once=True, expires=timedelta(seconds=seconds))
    assert f"X-Amz-Expires={seconds}&" in request.url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in request.url
    assert "if-none-match" in request.url
