"""An S3-compatible bucket as a `Store`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from supportbundle.errors import Conflict, NotFound, StoreDenied
from supportbundle.model.pieces import CopyRange, Part
from supportbundle.storage.base import ObjectInfo, SignedRequest
from supportbundle.storage.client import StoreConfig, disposition, make_client
from supportbundle.storage.failures import translated
from supportbundle.storage.multipart import Upload, abort_uploads, fetch
from supportbundle.storage.versions import drop_versions

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_HEADERS: Final = {
    "IfNoneMatch": "If-None-Match",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
"""Parameters of a PUT that become part of a presigned signature, so that its bearer must send them."""
DELETE_BATCH: Final = 1000
"""Keys in one DeleteObjects request, at most."""
COPY_PART: Final = 1 << 30
"""Bytes that a server copies in one request; boto3 waits a minute for an answer, and servers copy far more in that."""


class S3Store:
    """`Store` over one boto3 client, which is made at the first call. See `base.Store` for the contract."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config

    @cached_property
    def _client(self) -> S3Client:
        return make_client(self._config)

    def presign_put(self, key: str, *, write_once: bool, expires: timedelta) -> SignedRequest:
        """Signs locally; no request is sent."""
        once = {"IfNoneMatch": "*"} if write_once else {}
        headers = {_HEADERS[name]: value for name, value in (once | dict(self._config.encryption)).items()}
        with translated("presigning", key):
            url = self._client.generate_presigned_url(
                "put_object",
                Params=self._at(key) | once | dict(self._config.encryption),
                ExpiresIn=int(expires.total_seconds()),
            )
        return SignedRequest(url, headers)

    def presign_get(self, key: str, *, expires: timedelta) -> SignedRequest:
        """Signs locally; no request is sent."""
        with translated("presigning", key):
            url = self._client.generate_presigned_url(
                "get_object", Params=self._at(key), ExpiresIn=int(expires.total_seconds())
            )
        return SignedRequest(url, {})

    def put(
        self,
        key: str,
        data: bytes,
        *,
        write_once: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> str:
        """One PUT."""
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if write_once else {}
        with translated("writing", key):
            answer = self._client.put_object(
                **self._at(key),
                Body=data,
                Metadata=metadata or {},
                ContentType=content_type,
                **condition,
                **self._config.encryption,
            )
        return answer["ETag"]

    def get(self, key: str, start: int | None = None, end: int | None = None, *, if_match: str | None = None) -> bytes:
        """One GET. An empty range asks nothing."""
        if start is not None and start == end:
            return b""
        return fetch(self._client, self._at(key), start, end, if_match)

    def stream(self, key: str, *, chunk: int = 1 << 20) -> Iterator[bytes]:
        """One GET whose body is read as the caller goes on."""
        with translated("reading", key):
            body = self._client.get_object(**self._at(key))["Body"]
        try:
            while True:
                with translated("reading", key):
                    block = body.read(chunk)
                if not block:
                    return
                yield block
        finally:
            body.close()

    def head(self, key: str) -> ObjectInfo | None:
        """One HEAD."""
        try:
            with translated("looking up", key, bodiless=True):
                answer = self._client.head_object(**self._at(key))
        except NotFound:
            return None
        return ObjectInfo(
            key=key,
            size=answer["ContentLength"],
            etag=answer["ETag"],
            modified=answer["LastModified"],
            metadata=answer["Metadata"],
            # Told to those alone who may ask for it.
            locked_until=answer.get("ObjectLockRetainUntilDate", self._config.retention.ends(answer["LastModified"])),
        )

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """One request for each thousand objects."""
        skip = len(self._config.prefix)
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._config.bucket, Prefix=self._config.prefix + prefix
            )
        )
        while True:
            with translated("listing", prefix):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                yield ObjectInfo(found["Key"][skip:], found["Size"], found["ETag"], found["LastModified"])

    def delete(self, keys: Iterable[str]) -> tuple[str, ...]:
        """One request for each thousand keys; where the bucket keeps versions, some more for these."""
        rest = iter(keys)
        left: list[str] = []
        while batch := list(islice(rest, DELETE_BATCH)):
            objects: Any = [{"Key": self._config.prefix + key} for key in batch]
            with translated("deleting", batch[0]):
                answer = self._client.delete_objects(Bucket=self._config.bucket, Delete={"Objects": objects})
            for error in answer.get("Errors", ()):
                if error.get("Code") != "NoSuchKey":
                    raise StoreDenied(
                        f"deleting of {batch[0]!r} and others: object storage answered {error.get('Code', '')!r}.",
                        "Allow the destination's credentials to delete below its prefix.",
                    )
            # A bucket that keeps versions has only hidden the object behind a marker, and says so.
            hidden = {found["Key"] for found in answer.get("Deleted", ()) if found.get("DeleteMarker")}
            left += drop_versions(self._client, self._config.bucket, hidden) if hidden else ()
        return tuple(key.removeprefix(self._config.prefix) for key in left)

    def write_parts(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        file_name: str = "",
        final: bool = False,
    ) -> ObjectInfo:
        """A multipart upload; one PUT where a single part passes us anyway."""
        upload = Upload(
            client=self._client,
            target=self._at(key),
            source=(self._config.bucket, self._config.prefix),
            read=self.get,
            described=self._described(metadata, content_type, file_name, final=final),
        )
        upload.run(parts)
        return self._verified(key, sum(part.size for part in parts), metadata)

    def copy_in(
        self, bucket: str, source: ObjectInfo, key: str, *, metadata: Mapping[str, str], file_name: str = ""
    ) -> ObjectInfo:
        """One UploadPartCopy for each gibibyte: a plain CopyObject ends at 5 GiB."""
        starts = range(0, source.size, COPY_PART)
        ranges = [CopyRange(source.key, source.etag, start, min(start + COPY_PART, source.size)) for start in starts]
        self.abort_uploads(key)
        upload = Upload(
            client=self._client,
            target=self._at(key),
            source=(bucket, ""),
            read=self.get,
            described=self._described(metadata, "application/zip", file_name, final=True),
        )
        upload.run([Part((piece,)) for piece in ranges])
        return self._verified(key, source.size, metadata)

    @property
    def config(self) -> StoreConfig:
        """How it was opened."""
        return self._config

    @property
    def client(self) -> S3Client:
        """For what this package does with the bucket beyond `Store`."""
        return self._client

    def _described(
        self, metadata: Mapping[str, str] | None, content_type: str, file_name: str, *, final: bool
    ) -> dict[str, Any]:
        """What is said of an object when its writing begins."""
        kept = self._config.retention.parameters(datetime.now(UTC)) if final else {}
        return {
            "Metadata": dict(metadata or {}),
            "ContentType": content_type,
            **disposition(file_name),
            **self._config.encryption,
            **kept,
        }

    def _verified(self, key: str, size: int, metadata: Mapping[str, str] | None) -> ObjectInfo:
        info = self.head(key)
        if info is None or info.size != size or info.metadata != (metadata or {}):
            raise Conflict(
                f"{key!r} was written with {size} bytes, but object storage holds something else.",
                "Make sure that nobody else writes below the destination's prefix.",
            )
        return info

    def abort_uploads(self, prefix: str, *, before: datetime | None = None) -> int:
        """One request for each thousand uploads, and one for each that is dropped."""
        return abort_uploads(self._client, self._config.bucket, self._config.prefix + prefix, before)

    def ensure_bucket(self) -> None:
        """One LIST; where that finds no bucket, one CREATE."""
        try:
            next(self.list(""), None)
        except StoreDenied:
            # Wrong credentials fail again below, and then for good; only a missing bucket gets another answer.
            region = self._client.meta.region_name
            where: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            with translated("creating the bucket", self._config.bucket):
                self._client.create_bucket(Bucket=self._config.bucket, **where)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._config.bucket, "Key": self._config.prefix + key}
