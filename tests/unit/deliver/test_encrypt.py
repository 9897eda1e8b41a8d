"""Encryption streams, and what stops it is said as it was."""

from __future__ import annotations

import pyrage
import pytest

from support.parcels import package
from supportbundle.deliver.encrypt import BLOCK, encrypt
from supportbundle.errors import Invalid, StoreDenied
from supportbundle.model.recipients import recipients_of
from supportbundle.model.spec import Encryption
from supportbundle.storage.base import Package

DATA = bytes(range(251)) * (2 * BLOCK // 251)
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFrSfmMOWVTvtB9LwKvr1LnHk7/FwnbFvkNtMPjzLNG ann@example"


class Sink:
    """Collects; remembers the largest piece."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.data = bytearray()
        self.largest = 0
        self.failure = failure

    def write(self, data: bytes, /) -> int:
        if self.failure:
            raise self.failure
        self.data += data
        self.largest = max(self.largest, len(data))
        return len(data)


def test_every_recipient_can_decrypt_and_pieces_are_small() -> None:
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    sink = Sink()
    encrypt(package(DATA), recipients_of([str(key.to_public()) for key in keys]), sink)
    for key in keys:
        assert pyrage.decrypt(bytes(sink.data), [key]) == DATA
    assert sink.largest <= 1 << 17


def test_an_ssh_key_is_a_recipient() -> None:
    sink = Sink()
    encrypt(package(b"zip"), recipients_of([SSH]), sink)
    assert sink.data.startswith(b"age-encryption.org/v1\n-> ssh-ed25519 ")


@pytest.mark.parametrize("key", ["age1" + "q" * 58, "ssh-ed25519 AAAA", "ssh-rsa " + "A" * 80])
def test_a_recipient_that_is_none_is_invalid(key: str) -> None:
    with pytest.raises(Invalid, match="public key"):
        recipients_of([key])


@pytest.mark.parametrize("key", ["AGE-SECRET-KEY-1" + "Q" * 58, "age1short", "-----BEGIN", "ssh-dss " + "A" * 80, ""])
def test_admission_takes_nothing_else(key: str) -> None:
    with pytest.raises(ValueError, match="recipients"):
        Encryption.model_validate({"recipients": [key]})


def test_a_store_that_fails_is_named_as_it_was() -> None:
    def read(start: int, end: int) -> bytes:
        if start:
            raise StoreDenied("object storage refused")
        return DATA[start:end]

    with pytest.raises(StoreDenied, match="refused"):
        encrypt(Package("k", len(DATA), read, "v"), recipients_of([SSH]), Sink())
    with pytest.raises(StoreDenied, match="full"):
        encrypt(package(DATA), recipients_of([SSH]), Sink(StoreDenied("full")))
