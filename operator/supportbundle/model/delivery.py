"""What a delivery Job is told, and what it leaves: the contract between the operator and `supportbundle deliver`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from pydantic import Field

from supportbundle.model.base import Value
from supportbundle.model.destination import DestinationSpec, S3Options

DELIVERY_DIR: Final = PurePosixPath("/run/delivery")
"""The Job's own Secret."""
DELIVERY_FILE: Final = "delivery.json"
STAGING_KEYS: Final = PurePosixPath("/run/credentials/staging")
DESTINATION_KEYS: Final = PurePosixPath("/run/credentials/destination")
"""The admin's Secrets, mounted as they are: a corrected one is seen without anybody copying it."""
MANIFEST_DIGEST: Final = "manifest-sha256"
"""User metadata of the zip: which manifest, and so which content, it holds."""
ZIP_TYPE: Final = "application/zip"
AGE_TYPE: Final = "application/octet-stream"


class Delivery(Value):
    """One delivery; holds no secret. `prefix` and `key` are relative to the prefixes of the two stores.

    `etag` is that of the staged zip: no other object is ever delivered in its place. `file_name` is what downloads are
    called, empty where nobody has said. `api_servers` are addresses and ports to which nothing is sent.
    """

    staging: S3Options
    prefix: str
    size: int
    etag: str
    destination: DestinationSpec
    key: str
    metadata: dict[str, str] = Field(default_factory=dict)
    file_name: str = ""
    recipients: tuple[str, ...] = ()
    api_servers: tuple[tuple[str, int], ...] = ()


class Delivered(Value):
    """Written once into the staging store, when the destination holds everything.

    `sha256` is empty where a server copied the zip by itself; `location` names no secret. Until `locked_until` nobody
    can delete it.
    """

    at: datetime
    size: int
    sha256: str = ""
    etag: str = ""
    location: str
    locked_until: datetime | None = None


def object_metadata(manifest_sha256: str) -> Mapping[str, str]:
    """What is written beside a zip, so that it can be told from another one."""
    return {MANIFEST_DIGEST: manifest_sha256}
