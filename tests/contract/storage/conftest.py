"""A real S3 server for each run of these tests: versitygw over a temporary directory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3

from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig, make_client
from supportbundle.storage.s3 import S3Store

KEYS = Credentials("contract-access", "contract-secret-key")
BUCKET = "contract"


@dataclass(frozen=True)
class Server:
    """A running server and its process."""

    endpoint: str
    process: subprocess.Popen[bytes]


def find_versitygw() -> str:
    cache = Path(os.environ.get("SUPPORTBUNDLE_CACHE", "~/.cache/supportbundle-operator")).expanduser()
    # Two fixed depths: the same cache holds image layers that come and go while a search descends into them.
    built = [str(path) for depth in ("bin*/versitygw", "bin*/*/versitygw") for path in cache.glob(depth)]
    candidates = [os.environ.get("SB_VERSITYGW"), shutil.which("versitygw"), *built]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return candidate
    pytest.fail("no versitygw to test against: run `make cluster`, or name the binary in SB_VERSITYGW")


def start_server(directory: Path, *options: str) -> Server:
    """`options` are of versitygw's posix backend."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = directory / "data"
    data.mkdir()
    environment = {"ROOT_ACCESS_KEY": KEYS.access_key, "ROOT_SECRET_KEY": KEYS.secret_key, "PATH": os.environ["PATH"]}
    command = [find_versitygw(), "--port", f"127.0.0.1:{port}", "posix", *options, str(data)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=directory, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", process)
    retries = urllib3.Retry(connect=200, read=20, backoff_factor=0.05, backoff_max=0.1)
    with urllib3.PoolManager(retries=retries) as pool:
        pool.request("GET", server.endpoint).drain_conn()
    make_client(config_of(server)).create_bucket(Bucket=BUCKET)
    return server


def config_of(server: Server) -> StoreConfig:
    return StoreConfig(bucket=BUCKET, endpoint=server.endpoint, path_style=True, credentials=KEYS)


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(10)


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("versitygw"))
    yield server
    stop(server)


@pytest.fixture(scope="session")
def versioning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that can keep versions."""
    folder = tmp_path_factory.mktemp("versions")
    (folder / "old").mkdir()
    server = start_server(folder, "--versioning-dir", str(folder / "old"))
    yield server
    stop(server)


@pytest.fixture
def keeping(versioning: Server) -> StoreConfig:
    """A new bucket that keeps versions and can lock them."""
    bucket = f"b{uuid4().hex[:12]}"
    made = replace(config_of(versioning), bucket=bucket, prefix="in/")
    client = make_client(made)
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return made


@pytest.fixture
def dying_server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own, for a test that stops it."""
    server = start_server(tmp_path)
    yield server
    stop(server)


@pytest.fixture
def config(versitygw: Server) -> StoreConfig:
    """A prefix of its own for each test."""
    return replace(config_of(versitygw), prefix=f"{uuid4()}/")


@pytest.fixture
def store(config: StoreConfig) -> S3Store:
    return S3Store(config)
