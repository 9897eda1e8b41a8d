"""One package into a bucket, part by part, going on where a dead process stopped.

Parts have fixed sizes, so a second try cuts the same ones. Every byte is read again, because the digest of the whole is
wanted; a part whose MD5 the server already shows as its ETag is not sent again. Where the server shows something else
(keys of a KMS), it is: that costs time, never correctness.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from supportbundle.errors import Conflict, NotFound, StoreDenied
from supportbundle.model.base import Observed
from supportbundle.storage.base import Notes, ObjectInfo, Package, Receipt
from supportbundle.storage.client import disposition
from supportbundle.storage.failures import translated
from supportbundle.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART: Final = 8 << 20
"""Bytes of a part, unless there would be too many."""
MOST_PARTS: Final = 9_000
IN_FLIGHT: Final = 2
"""Parts on their way at once, beside the one that is read; together they are the memory of a delivery."""


class Begun(Observed):
    """What is noted of an upload: what it is of, where it goes, and how it was cut."""

    upload_id: str
    bucket: str
    key: str
    size: int
    part: int
    version: str


def part_size(size: int) -> int:
    """Fixed by the size alone, in whole mebibytes."""
    least = -(-size // MOST_PARTS)
    return max(PART, -(-least // (1 << 20)) << 20)


@dataclass(frozen=True, slots=True)
class S3Receiver:
    """`base.Receiver` over a bucket."""

    store: S3Store

    def send(self, package: Package, notes: Notes) -> Receipt:
        """Deliver, or find it delivered.

        Raises:
            Conflict: the bucket holds something else than what was sent.
        """
        at = self._at(package.key)
        location = f"s3://{at['Bucket']}/{at['Key']}"
        begun = self._begun(package, notes, at)
        have = self._parts(begun) if begun else None
        if have is None and begun is not None and (found := self._stored(package)):
            # Completed, and died before anybody heard of it.
            return Receipt(_digest(package), location, found.etag.strip('"'), found.locked_until)
        if begun is None or have is None:
            begun, have = self._begin(package, notes, at), {}
        digest, etag = self._send_parts(package, begun, have)
        found = self._check(package)
        lock = found.locked_until if found else self.store.config.retention.ends(datetime.now(UTC))
        return Receipt(digest, location, etag, lock)

    def _at(self, key: str) -> dict[str, Any]:
        config = self.store.config
        return {"Bucket": config.bucket, "Key": config.prefix + key}

    def _begun(self, package: Package, notes: Notes, at: dict[str, Any]) -> Begun | None:
        try:
            begun = Begun.model_validate_json(notes.read() or "{}")
        except ValidationError:
            return None
        same = (begun.bucket, begun.key, begun.size, begun.part, begun.version)
        wanted = (at["Bucket"], at["Key"], package.size, part_size(package.size), package.version)
        return begun if same == wanted else None

    def _begin(self, package: Package, notes: Notes, at: dict[str, Any]) -> Begun:
        config = self.store.config
        with translated("starting the upload", package.key):
            answer = self.store.client.create_multipart_upload(
                **at,
                Metadata=dict(package.metadata),
                ContentType=package.content_type,
                **disposition(package.file_name),
                **config.encryption,
                **config.retention.parameters(datetime.now(UTC)),
            )
        begun = Begun(
            upload_id=answer["UploadId"],
            bucket=at["Bucket"],
            key=at["Key"],
            size=package.size,
            part=part_size(package.size),
            version=package.version,
        )
        notes.write(begun.model_dump_json(by_alias=True))
        return begun

    def _parts(self, begun: Begun) -> dict[int, tuple[str, int]] | None:
        """ETag and size of each part that is there; None where the upload is over."""
        where: dict[str, Any] = {"Bucket": begun.bucket, "Key": begun.key, "UploadId": begun.upload_id}
        found: dict[int, tuple[str, int]] = {}
        pages = iter(self.store.client.get_paginator("list_parts").paginate(**where))
        try:
            while True:
                with translated("listing parts", begun.key):
                    page = next(pages, None)
                if page is None:
                    return found
                found |= {part["PartNumber"]: (part["ETag"], part["Size"]) for part in page.get("Parts", ())}
        except NotFound:
            return None
        except StoreDenied:  # who may only put can still deliver, from the start
            return {}

    def _stored(self, package: Package) -> ObjectInfo | None:
        try:
            found = self.store.head(package.key)
        except StoreDenied:
            return None
        same = found and found.size == package.size and dict(found.metadata) == dict(package.metadata)
        return found if same else None

    def _check(self, package: Package) -> ObjectInfo | None:
        """What is there is what was sent, as far as we may look: a bucket of somebody else may only take."""
        try:
            found = self.store.head(package.key)
        except StoreDenied:
            return None
        if found is None or found.size != package.size:
            raise Conflict(
                f"{package.key!r} was written with {package.size} bytes, but the bucket holds something else.",
                "Make sure that nobody else writes below the destination's prefix.",
            )
        return found

    def _send_parts(self, package: Package, begun: Begun, have: dict[int, tuple[str, int]]) -> tuple[str, str]:
        """The SHA-256 of the whole, and its ETag."""
        whole = hashlib.sha256()
        done: list[CompletedPartTypeDef] = []
        waiting: deque[Future[CompletedPartTypeDef]] = deque()
        with ThreadPoolExecutor(IN_FLIGHT, "deliver") as pool:
            for number, data in _cut(package, begun.part):
                whole.update(data)
                md5 = hashlib.md5(data, usedforsecurity=False)
                etag, size = have.get(number, ("", 0))
                if size == len(data) and etag.strip('"') == md5.hexdigest():
                    while waiting:
                        done.append(waiting.popleft().result())
                    done.append({"PartNumber": number, "ETag": etag})
                    continue
                if len(waiting) >= IN_FLIGHT:
                    done.append(waiting.popleft().result())
                waiting.append(pool.submit(self._put, begun, number, data, base64.b64encode(md5.digest()).decode()))
            done += [future.result() for future in waiting]
        return whole.hexdigest(), self._complete(begun, done)

    def _put(self, begun: Begun, number: int, data: bytes, md5: str) -> CompletedPartTypeDef:
        # The digest lets the server refuse damage; a bucket with object lock demands it.
        with translated("uploading a part", begun.key):
            answer = self.store.client.upload_part(
                Bucket=begun.bucket,
                Key=begun.key,
                UploadId=begun.upload_id,
                PartNumber=number,
                Body=data,
                ContentMD5=md5,
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _complete(self, begun: Begun, parts: list[CompletedPartTypeDef]) -> str:
        try:
            with translated("completing the upload", begun.key):
                answer = self.store.client.complete_multipart_upload(
                    Bucket=begun.bucket, Key=begun.key, UploadId=begun.upload_id, MultipartUpload={"Parts": parts}
                )
        except NotFound:
            # boto3 repeats a Complete whose answer got lost; `_check` tells whether the first one succeeded.
            return ""
        return answer.get("ETag", "").strip('"')


def _cut(package: Package, size: int) -> Iterator[tuple[int, bytes]]:
    for number, start in enumerate(range(0, package.size, size), 1):
        yield number, package.read(start, min(start + size, package.size))


def _digest(package: Package) -> str:
    whole = hashlib.sha256()
    for _, data in _cut(package, PART):
        whole.update(data)
    return whole.hexdigest()
