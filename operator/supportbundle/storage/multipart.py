"""Multipart uploads: server-side copies side by side, the rest through bounded memory, all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from supportbundle.errors import Corrupt, NotFound, SupportBundleError
from supportbundle.model.pieces import Inline, Part, Piece
from supportbundle.storage.failures import translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

COPIES: Final = 6
"""Requests in flight for one object."""

IN_MEMORY: Final = 2
"""Of these, how many may hold a part's bytes, at most 10 MiB each in a layout of the archive."""

Reader = Callable[..., bytes]
"""`Store.get`."""


def fetch(client: S3Client, at: dict[str, Any], start: int | None, end: int | None, if_match: str | None) -> bytes:
    """Bytes `[start, end)` of an object.

    Raises:
        Corrupt: the server sent another number of bytes than asked for.
    """
    request = dict(at)
    if start is not None or end is not None:
        request["Range"] = f"bytes={start or 0}-{'' if end is None else end - 1}"
    if if_match is not None:
        request["IfMatch"] = if_match
    with translated("reading", at["Key"]):
        data = client.get_object(**request)["Body"].read()
    if end is not None and len(data) != end - (start or 0):
        raise Corrupt(f"{at['Key']!r} ends at byte {(start or 0) + len(data)}, before {end}.")
    return data


@dataclass(frozen=True, slots=True)
class Upload:
    """One object to write: `target` is its Bucket and Key, `read` gets ranges that share a part.

    `source` is the bucket that ranges are copied from, and what stands before their keys in it; `described` is what S3
    is told of the object when its writing begins.
    """

    client: S3Client
    target: dict[str, Any]
    source: tuple[str, str]
    read: Reader
    described: dict[str, Any]
    _memory: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(IN_MEMORY))

    def run(self, parts: Sequence[Part]) -> None:
        """Write the object; when anything fails, nothing of it stays."""
        if len(parts) == 1 and not parts[0].copied:
            body = self._bytes(parts[0])
            with translated("writing", self.target["Key"]):
                self.client.put_object(**self.target, **self.described, Body=body)
            return
        with translated("starting the upload", self.target["Key"]):
            upload_id = self.client.create_multipart_upload(**self.target, **self.described)["UploadId"]
        try:
            done = self._send_all(upload_id, parts)
            self._complete(upload_id, done)
        except BaseException:
            self._abort(upload_id)
            raise

    def _send_all(self, upload_id: str, parts: Sequence[Part]) -> list[CompletedPartTypeDef]:
        with ThreadPoolExecutor(COPIES, thread_name_prefix="upload") as pool:
            futures: list[Future[CompletedPartTypeDef]] = [
                pool.submit(self._send, upload_id, number, part) for number, part in enumerate(parts, 1)
            ]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _send(self, upload_id: str, number: int, part: Part) -> CompletedPartTypeDef:
        into: dict[str, Any] = {**self.target, "UploadId": upload_id, "PartNumber": number}
        if copied := part.copied:
            bucket, prefix = self.source
            with translated("copying", copied.key):
                answer = self.client.upload_part_copy(
                    **into,
                    CopySource={"Bucket": bucket, "Key": prefix + copied.key},
                    CopySourceRange=f"bytes={copied.start}-{copied.end - 1}",
                    CopySourceIfMatch=copied.etag,
                )
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}
        with self._memory:
            body = self._bytes(part)
            with translated("uploading a part", self.target["Key"]):
                return {"PartNumber": number, "ETag": self.client.upload_part(**into, Body=body)["ETag"]}

    def _bytes(self, part: Part) -> bytes:
        if len(part.pieces) == 1:
            return self._piece(part.pieces[0])  # a join would hold the part twice
        return b"".join(self._piece(piece) for piece in part.pieces)

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, Inline):
            return piece.data
        return self.read(piece.key, piece.start, piece.end, if_match=piece.etag)

    def _complete(self, upload_id: str, parts: list[CompletedPartTypeDef]) -> None:
        try:
            with translated("completing the upload", self.target["Key"]):
                self.client.complete_multipart_upload(
                    **self.target, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
        except NotFound:
            # boto3 repeats a Complete whose answer got lost, and then finds no upload: it had succeeded. Whether the
            # object is ours, its size and metadata tell; the caller looks at them anyway.
            return

    def _abort(self, upload_id: str) -> None:
        """Best effort: the failure that led here is the one to report, and the sweep finds what stays."""
        try:
            with translated("dropping the upload", self.target["Key"]):
                self.client.abort_multipart_upload(**self.target, UploadId=upload_id)
        except SupportBundleError:
            return


def abort_uploads(client: S3Client, bucket: str, prefix: str, before: datetime | None) -> int:
    """Drop unfinished uploads below `prefix`; one that ends meanwhile is none of ours."""
    dropped = 0
    for upload in list(_unfinished(client, bucket, prefix)):
        if before is not None and upload["Initiated"] >= before:
            continue
        try:
            with translated("dropping an upload", upload["Key"]):
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        except NotFound:
            continue
        dropped += 1
    return dropped


def _unfinished(client: S3Client, bucket: str, prefix: str) -> Iterator[Any]:
    pages = iter(client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix))
    while True:
        with translated("listing uploads", prefix):
            page = next(pages, None)
        if page is None:
            return
        yield from page.get("Uploads", ())
