"""A bucket that tests look into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supportbundle.model import names
from supportbundle.storage.s3 import S3Store


@dataclass(frozen=True)
class Bucket:
    """The bucket, and who the cluster is in its keys."""

    store: S3Store
    cluster: str

    def staged(self, bundle: dict[str, Any]) -> list[str]:
        """What lies in the staging of a bundle."""
        meta = bundle["metadata"]
        prefix = names.staging_prefix(self.cluster, meta["namespace"], meta["uid"])
        return [info.key for info in self.store.list(prefix)]
