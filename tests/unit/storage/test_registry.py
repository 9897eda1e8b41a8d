"""From a destination to a store that is not asked yet."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from supportbundle.errors import Invalid
from supportbundle.model.destination import DestinationType, S3Options
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig, make_client
from supportbundle.storage.registry import RECEIVERS, open_store, read_credentials

KEYS = Credentials("access", "secret", "token")


def test_every_type_of_destination_has_a_receiver() -> None:
    assert set(RECEIVERS) == set(DestinationType)


def test_a_destination_opens_with_all_its_options() -> None:
    options = S3Options(bucket="bundles", endpoint="http://s3.example:9000", prefix="team/", path_style=True)
    store = open_store(options, KEYS, None)
    request = store.presign_put("a/b", write_once=True, expires=timedelta(minutes=5))
    assert request.url.startswith("http://s3.example:9000/bundles/team/a/b?")
    assert "X-Amz-Security-Token=token" in request.url
    assert dict(request.headers) == {"If-None-Match": "*"}


def test_without_path_style_the_bucket_is_a_host() -> None:
    options = S3Options(bucket="bundles", region="eu-central-1")
    store = open_store(options, KEYS, None)
    url = store.presign_put("k", write_once=False, expires=timedelta(minutes=5)).url
    assert url.startswith("https://bundles.s3.")
    assert "eu-central-1%2Fs3%2Faws4_request" in url


def test_missing_options_are_invalid() -> None:
    with pytest.raises(Invalid, match=r"spec\.s3"):
        open_store(None, None, None)


@pytest.mark.parametrize("endpoint", ["not an url", "ftp:/x y"])
def test_a_malformed_endpoint_is_invalid(endpoint: str) -> None:
    with pytest.raises(Invalid, match="malformed"):
        make_client(StoreConfig(bucket="bundles", endpoint=endpoint, credentials=KEYS))


def test_credentials_are_read_without_stray_line_breaks() -> None:
    secret = {"accessKey": b"access\n", "secretKey": b"secret", "sessionToken": b"token"}
    assert read_credentials(secret, name="s") == KEYS
    assert read_credentials({"accessKey": b"a", "secretKey": b"s"}, name="s").session_token is None


@pytest.mark.parametrize("secret", [{}, {"accessKey": b"a"}, {"accessKey": b"\xff", "secretKey": b"s"}])
def test_incomplete_credentials_are_invalid(secret: dict[str, bytes]) -> None:
    with pytest.raises(Invalid, match="'bucket-keys'"):
        read_credentials(secret, name="bucket-keys")


def test_no_repr_shows_credentials() -> None:
    shown = repr(StoreConfig(bucket="bundles", credentials=KEYS))
    assert "access" not in shown.replace("access_key", "")
    assert "secret" not in shown


def test_importing_storage_does_not_load_boto3() -> None:
    root = Path(__file__).parents[3] / "operator"
    code = "import sys, supportbundle.storage.registry; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(root)})
