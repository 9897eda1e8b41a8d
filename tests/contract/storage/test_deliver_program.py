"""The delivery Job's program against a real bucket: proof, repetition, encryption, and what it refuses to send."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from support.parcels import ANYWHERE
from supportbundle.deliver.inputs import Mounts
from supportbundle.deliver.main import StoredNotes, deliver
from supportbundle.errors import Corrupt, Invalid
from supportbundle.model.delivery import Delivery
from supportbundle.model.destination import CredentialsSecret, DestinationSpec, DestinationType, S3Options
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ZIP = b"PK" + bytes(range(256)) * 1000
METADATA = {"manifest-sha256": "abc"}


class Job:
    """What a delivery's pod is given, and the bucket that is staging and destination at once."""

    def __init__(self, config: StoreConfig, folder: Path) -> None:
        self.store = S3Store(config)
        self.mounts = Mounts(folder / "delivery", folder / "staging", folder / "destination")
        for path in (self.mounts.delivery, self.mounts.staging, self.mounts.destination):
            path.mkdir()
        self.options = S3Options(
            bucket=config.bucket,
            endpoint=config.endpoint,
            prefix=config.prefix,
            path_style=True,
            credentials_secret_ref=CredentialsSecret(name="keys"),
        )
        assert config.credentials is not None
        for path in (self.mounts.staging, self.mounts.destination):
            (path / "accessKey").write_text(config.credentials.access_key)
            (path / "secretKey").write_text(config.credentials.secret_key)
        self.etag = self.store.put("staged/bundle.zip", ZIP)

    def describe(self, *recipients: str) -> None:
        told = Delivery(
            staging=self.options,
            prefix="staged/",
            size=len(ZIP),
            etag=self.etag.strip('"'),
            destination=DestinationSpec(type=DestinationType.S3, s3=self.options),
            key="out",
            metadata=METADATA,
            file_name="acme-support-1.zip",
            recipients=recipients,
        )
        (self.mounts.delivery / "delivery.json").write_text(told.model_dump_json(by_alias=True))

    def run(self) -> bytes:
        """Deliver; returns what arrived."""
        done = deliver(self.mounts, ANYWHERE, lambda: NOW)
        data = self.store.get("out")
        assert done.size == len(data)
        return data


@pytest.fixture
def job(config: StoreConfig, tmp_path: Path) -> Job:
    made = Job(config, tmp_path)
    made.describe()
    return made


def test_a_download_of_what_arrived_is_called_as_the_bundle_says(job: Job) -> None:
    job.run()
    found = job.store.client.head_object(Bucket=job.options.bucket, Key=f"{job.options.prefix}out")
    assert found["ContentDisposition"] == 'attachment; filename="acme-support-1.zip"'


def test_a_zip_arrives_once_and_leaves_a_proof(job: Job) -> None:
    assert job.run() == ZIP
    proof = job.store.get("staged/delivered.json")
    job.store.delete(["out"])
    assert deliver(job.mounts, ANYWHERE).location.endswith("/out")
    assert job.store.head("out") is None  # proven is proven: it was not sent again
    assert job.store.get("staged/delivered.json") == proof


def test_encrypted_bytes_are_made_once_for_the_same_recipients(job: Job) -> None:
    first, second = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    job.describe(str(first.to_public()))
    sent = job.run()
    assert pyrage.decrypt(sent, [first]) == ZIP
    job.store.delete(["staged/delivered.json"])
    assert job.run() == sent
    job.store.delete(["staged/delivered.json"])
    job.describe(str(second.to_public()))
    assert pyrage.decrypt(job.run(), [second]) == ZIP


def test_a_link_is_for_the_bundle_that_asked_first_until_it_gives_it_back(job: Job) -> None:
    first, second = StoredNotes(job.store, "staging/c/team/1/"), StoredNotes(job.store, "staging/c/team/2/")
    assert first.claim("d1")
    assert first.claim("d1"), "another try of the same bundle"
    assert not second.claim("d1")
    assert second.claim("d2")
    first.release("d1")
    assert second.claim("d1")


def test_another_zip_than_was_checked_is_not_sent(job: Job) -> None:
    job.store.put("staged/bundle.zip", ZIP[::-1])
    with pytest.raises(Corrupt, match="another one"):
        job.run()
    assert job.store.head("out") is None


def test_a_missing_secret_is_named(job: Job) -> None:
    (job.mounts.destination / "accessKey").unlink()
    with pytest.raises(Invalid, match="'keys'"):
        job.run()


def test_a_description_that_is_none_is_said(job: Job) -> None:
    (job.mounts.delivery / "delivery.json").write_text("{}")
    with pytest.raises(Corrupt, match="cannot be read"):
        job.run()
