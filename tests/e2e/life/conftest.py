"""Destinations at the test cluster's own S3 server, which a test may stop and look into."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from support.bucket import Bucket
from support.kube import SYSTEM, apply, get, kubectl
from supportbundle.model import names
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

BUCKET = "e2e-life"


@pytest.fixture(scope="module")
def bucket(operator: str) -> Iterator[Bucket]:
    """The destinations life, strict and loose (ask for approval), brief (for a minute), short (keeps for seconds)."""
    keys = Credentials(os.environ["SB_S3_ACCESS_KEY"], os.environ["SB_S3_SECRET_KEY"])
    endpoint = os.environ["SB_S3_ENDPOINT"]
    store = S3Store(
        StoreConfig(endpoint=endpoint, region="us-east-1", bucket=BUCKET, path_style=True, credentials=keys)
    )
    store.ensure_bucket()
    s3 = {
        "bucket": BUCKET,
        "endpoint": endpoint,
        "region": "us-east-1",
        "pathStyle": True,
        "credentialsSecretRef": {"name": BUCKET},
    }
    data = {"accessKey": keys.access_key, "secretKey": keys.secret_key}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": BUCKET}, "stringData": data}
    places = {
        "life": {},
        "strict": {"approval": {"required": True}},
        "loose": {"approval": {"required": True}},
        "brief": {"approval": {"required": True, "timeout": "1m"}},
        "short": {"retention": {"maxTTL": "15s"}},
    }
    kind = {"apiVersion": names.API_VERSION, "kind": "SupportBundleDestination"}
    made = [
        {**kind, "metadata": {"name": f"e2e-{name}"}, "spec": {"type": "S3", "s3": s3, **more}}
        for name, more in places.items()
    ]
    apply(operator, secret, *made)
    yield Bucket(store, get("default", "namespace", "kube-system")["metadata"]["uid"])
    kubectl("delete", "sbdest", *(f"e2e-{name}" for name in places))
    kubectl("-n", SYSTEM, "delete", "secret", BUCKET)
