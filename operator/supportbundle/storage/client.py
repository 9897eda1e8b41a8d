"""Makes boto3 clients: late, once, and as small as they get.

Importing boto3 and making a first S3 client costs about 40 MiB and 0.8 s (measured); further clients of the one shared
session cost next to nothing. A finished client is safe for threads, its making is not; hence the lock.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from supportbundle.errors import Invalid
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
class StoreConfig:
    """One S3-compatible bucket. Without `credentials` boto3's own chain signs (IRSA, Pod Identity, environment).

    `prefix` is put before every key; `ca_pem` are certificates to trust instead of the system's.
    """

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    path_style: bool = False
    ca_pem: str | None = None
    credentials: Credentials | None = None


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
            return _session().client(
                "s3",
                endpoint_url=config.endpoint,
                region_name=config.region or ("us-east-1" if config.endpoint else None),
                verify=_trusted(config.ca_pem) if config.ca_pem else None,
                aws_access_key_id=keys.access_key if keys else None,
                aws_secret_access_key=keys.secret_key if keys else None,
                aws_session_token=keys.session_token if keys else None,
                config=settings,
            )
    except ValueError:  # botocore's answer to an endpoint that is no URL, or a region that is none
        raise Invalid(
            f"The endpoint {config.endpoint!r} or the region {config.region!r} of object storage is malformed.",
            "Correct the destination.",
        ) from None


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
