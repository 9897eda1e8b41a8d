"""An object whose length nobody knows beforehand, written from front to end, atomically: one part in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from supportbundle.errors import SupportBundleError
from supportbundle.storage.failures import translated
from supportbundle.storage.resume import part_size
from supportbundle.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

CONTENT_TYPE: Final = "application/octet-stream"


class Appending:
    """A context: on its normal end the object is there, on any other nothing is. `about` is its size, more or less."""

    def __init__(self, store: S3Store, key: str, about: int, metadata: Mapping[str, str]) -> None:
        self._store = store
        self._at: dict[str, Any] = {"Bucket": store.config.bucket, "Key": store.config.prefix + key}
        self._metadata = dict(metadata)
        self._part = part_size(about)
        self._buffer = bytearray()
        self._parts: list[CompletedPartTypeDef] = []
        self._upload: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with translated("starting the upload", self._at["Key"]):
            answer = self._store.client.create_multipart_upload(
                **self._at, Metadata=self._metadata, ContentType=CONTENT_TYPE, **self._store.config.encryption
            )
        self._upload = {**self._at, "UploadId": answer["UploadId"]}
        return self

    def write(self, data: bytes, /) -> int:
        """Take bytes; sends a part whenever one is full."""
        self._buffer += data
        while len(self._buffer) >= self._part:
            self._send(bytes(self._buffer[: self._part]))
            del self._buffer[: self._part]
        return len(data)

    def _send(self, data: bytes) -> None:
        number = len(self._parts) + 1
        with translated("uploading a part", self._at["Key"]):
            answer = self._store.client.upload_part(**self._upload, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del error, trace
        try:
            if kind is None:
                self._finish()
                return
        except BaseException:
            self._abort()
            raise
        self._abort()

    def _finish(self) -> None:
        self._send(bytes(self._buffer))
        with translated("completing the upload", self._at["Key"]):
            self._store.client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": self._parts})

    def _abort(self) -> None:
        """Best effort: the failure that led here is the one to report, and the next try drops what stays."""
        with suppress(SupportBundleError), translated("dropping the upload", self._at["Key"]):
            self._store.client.abort_multipart_upload(**self._upload)
