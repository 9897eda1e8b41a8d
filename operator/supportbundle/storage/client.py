"""Makes boto3 clients: late, once, and as small as they get.

Importing boto3 and making a first S3 client costs about 40 MiB and 0.8 s (measured); further clients of the one shared
session cost next to nothing. A finished client is safe for threads, its making is not; hence the lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from supportbundle.errors import Invalid
from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Credentials
from supportbundle.storage.failures import translated

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3.client import S3Client

CONNECT_TIMEOUT: Final = 10
READ_TIMEOUT: Final = 60
ATTEMPTS: Final = 3
CONNECTIONS: Final = 16

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Retention:
    """What holds for an object that stays: storage class, tags, and a lock of so many days."""

    storage_class: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    lock_mode: str = ""
    lock_days: int = 0

    def ends(self, written: datetime) -> datetime | None:
        """Until when an object that was written at this time is locked."""
        return written + timedelta(days=self.lock_days) if self.lock_mode else None

    def parameters(self, now: datetime) -> dict[str, Any]:
        """As S3's PutObject and CreateMultipartUpload take it."""
        found: dict[str, Any] = {}
        if self.storage_class:
            found["StorageClass"] = self.storage_class
        if self.tags:
            found["Tagging"] = urlencode(self.tags)
        if self.lock_mode:
            found |= {
                "ObjectLockMode": self.lock_mode,
                "ObjectLockRetainUntilDate": self.ends(now),
            }
        return found


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """One S3-compatible bucket. Without `credentials` boto3's own chain signs (IRSA, Pod Identity, environment).

    `prefix` is put before every key; `ca_pem` are certificates to trust instead of the system's. `encryption` are
    parameters of every write, `retention` those of what stays. `guard` looks at each address before it is asked.
    """

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    path_style: bool = False
    ca_pem: str | None = None
    credentials: Credentials | None = None
    encryption: Mapping[str, Any] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    guard: Guard | None = None


def disposition(file_name: str) -> dict[str, Any]:
    """What makes downloads bear a name of their own; plain ASCII without quotes, as `spec.archive.fileName` allows."""
    return {"ContentDisposition": f'attachment; filename="{file_name}"'} if file_name else {}


def make_client(config: StoreConfig) -> S3Client:
    """A client for one bucket.

    Raises:
        Invalid: the configuration makes no sense to boto3.
    """
    from botocore.config import Config  # noqa: PLC0415 - as in `failures.translated`

    settings = Config(
        # Else presigned URLs for custom endpoints get the old signature, which no current server accepts.
        signature_version="s3v4",
        s3={"addressing_style": "path" if config.path_style else "auto"},
        # Newer checksums would be signed into presigned URLs, and many S3-compatible servers refuse them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
    )
    keys = config.credentials
    try:
        with _lock, translated("setting up object storage"):
            client = _session().client(
                "s3",
                endpoint_url=config.endpoint,
                region_name=config.region or ("us-east-1" if config.endpoint else None),
                verify=_trusted(config.ca_pem) if config.ca_pem else None,
                aws_access_key_id=keys.access_key if keys else None,
                aws_secret_access_key=keys.secret_key if keys else None,
                aws_session_token=keys.session_token if keys else None,
                config=settings,
            )
            if config.guard is not None:
                client.meta.events.register("before-send.s3", _Checked(config.guard))
            return client
    except ValueError:  # botocore's answer to an endpoint that is no URL, or a region that is none
        raise Invalid(
            f"The endpoint {config.endpoint!r} or the region {config.region!r} of object storage is malformed.",
            "Correct the destination.",
        ) from None


class _Checked:
    """Looks at where a request goes, each time before it is sent.

    botocore resolves the name again, so whoever controls the name's DNS could still answer differently the second time;
    what is then sent is signed for that host and holds no credential.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def __call__(self, request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's AWSPreparedRequest
        parts = urlsplit(request.url)
        self._guard.check(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


@cache
def _session() -> Session:
    from boto3.session import Session  # noqa: PLC0415 - as in `failures.translated`

    return Session()


@cache
def _trusted(pem: str) -> str:
    """A path that holds `pem`: boto3 takes only paths, and the container has no writable place for one."""
    descriptor = os.memfd_create("ca-bundle")
    os.write(descriptor, pem.encode())
    return f"/proc/self/fd/{descriptor}"
