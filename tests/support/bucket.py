"""A bucket that tests look into."""

from __future__ import annotations

from dataclasses import dataclass

from supportbundle.storage.s3 import S3Store


@dataclass(frozen=True)
class Bucket:
    """The bucket, and who the cluster is in its keys."""

    store: S3Store
    cluster: str
