"""Places outside the operator's reach, as a test makes them: buckets, servers, Secrets, destinations."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.kube import apply
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

KEYS = {"accessKey": os.environ.get("SB_S3_ACCESS_KEY", ""), "secretKey": os.environ.get("SB_S3_SECRET_KEY", "")}
ENDPOINT = os.environ.get("SB_S3_ENDPOINT", "")
ADDRESS = urlsplit(ENDPOINT).hostname or ""
"""Of the machine on which tests and pods meet."""
MakeDestination = Callable[..., str]


@dataclass(frozen=True)
class Bucket:
    """A bucket of the test cluster's own S3 server, which is another one than the operator's."""

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """As spec.s3, but for the credentials."""
        return {"bucket": self.name, "endpoint": ENDPOINT, "region": "us-east-1", "pathStyle": True, "external": True}

    @property
    def store(self) -> S3Store:
        """To look into it."""
        keys = Credentials(KEYS["accessKey"], KEYS["secretKey"])
        return S3Store(
            StoreConfig(bucket=self.name, endpoint=ENDPOINT, region="us-east-1", path_style=True, credentials=keys)
        )


@dataclass(frozen=True)
class Certificate:
    """A server's certificate that vouches for itself."""

    pem: str
    chain: Path
    key: Path


def put_secret(namespace: str, name: str, data: Mapping[str, str]) -> None:
    """Create or replace a Secret."""
    apply(namespace, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)})


def put_destination(name: str, **spec: Any) -> None:
    """Create or change a SupportBundleDestination."""
    made = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleDestination",
        "metadata": {"name": name},
        "spec": spec,
    }
    apply("default", made)


def listening() -> socket.socket:
    """A socket that pods can reach."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((ADDRESS, 0))
    made.listen()
    return made
