"""Deliveries to a real SSH server: whole, resumed, and never to a stranger."""

from __future__ import annotations

import hashlib
import pwd
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from support.parcels import ANYWHERE, Lost, Memo, package
from support.sftpserver import PASSWORD, USER, SFTPServer, serving
from supportbundle.errors import Invalid, StoreDenied, Unavailable
from supportbundle.storage.addresses import ForbiddenAddress, Guard
from supportbundle.storage.sftp import BLOCK, Login, SFTPReceiver

DATA = random.Random(2).randbytes(2 * BLOCK + 99)  # noqa: S311 - bytes that differ everywhere


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SFTPServer]:
    (tmp_path / "in").mkdir()
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def receiver(server: SFTPServer) -> SFTPReceiver:
    return SFTPReceiver(
        host="localhost",
        port=server.port,
        user=USER,
        path="in",
        host_keys=(server.host_key,),
        login=Login(private_key=server.client_key),
        guard=ANYWHERE,
    )


def names(server: SFTPServer) -> list[str]:
    return sorted(path.name for path in (server.root / "in").iterdir())


def test_the_zip_appears_whole_under_its_name(receiver: SFTPReceiver, server: SFTPServer) -> None:
    receipt = receiver.send(package(DATA), Memo())
    assert names(server) == ["incident.zip"]
    assert (server.root / "in/incident.zip").read_bytes() == DATA
    assert receipt.sha256 == hashlib.sha256(DATA).hexdigest()
    assert receipt.location == f"sftp://localhost:{server.port}/in/incident.zip"


def test_the_process_needs_no_user_name(
    receiver: SFTPReceiver, server: SFTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(uid: int) -> None:
        raise KeyError(uid)

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)  # as in a container whose user has only a number
    receiver.send(package(b"zip"), Memo())
    assert names(server) == ["incident.zip"]


def test_a_password_will_do(receiver: SFTPReceiver, server: SFTPServer) -> None:
    replace(receiver, login=Login(password=PASSWORD)).send(package(b"zip"), Memo())
    assert names(server) == ["incident.zip"]


def test_a_second_try_goes_on_behind_what_is_there(receiver: SFTPReceiver, server: SFTPServer) -> None:
    with pytest.raises(Lost):
        receiver.send(package(DATA, dies_at=2 * BLOCK), Memo())
    assert names(server) == [".incident.zip.part"]
    partial = server.root / "in/.incident.zip.part"
    inode = partial.stat().st_ino
    assert partial.stat().st_size == 2 * BLOCK
    receipt = receiver.send(package(DATA), Memo())
    final = server.root / "in/incident.zip"
    assert final.stat().st_ino == inode
    assert final.read_bytes() == DATA
    assert receipt.sha256 == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("there", [b"y" * 10, DATA[:100] + b"z", DATA + b"more"], ids=["other", "damaged", "longer"])
def test_what_is_there_and_is_something_else_is_replaced(
    receiver: SFTPReceiver, server: SFTPServer, there: bytes
) -> None:
    (server.root / "in/.incident.zip.part").write_bytes(there)
    (server.root / "in/incident.zip").write_bytes(there)
    receiver.send(package(DATA), Memo())
    assert (server.root / "in/incident.zip").read_bytes() == DATA
    assert names(server) == ["incident.zip"]


def test_a_delivery_that_died_before_its_proof_is_found_complete(receiver: SFTPReceiver, server: SFTPServer) -> None:
    first = receiver.send(package(DATA), Memo())
    changed = (server.root / "in/incident.zip").stat().st_mtime_ns
    assert receiver.send(package(DATA), Memo()) == first
    assert (server.root / "in/incident.zip").stat().st_mtime_ns == changed


def test_a_server_with_another_key_is_sent_nothing(receiver: SFTPReceiver, server: SFTPServer) -> None:
    other = " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
    with pytest.raises(StoreDenied, match="hostKeys"):
        replace(receiver, host_keys=(other,)).send(package(b"zip"), Memo())
    assert names(server) == []


def test_a_wrong_login_is_said_and_not_shown(receiver: SFTPReceiver) -> None:
    wrong = replace(receiver, login=Login(password="wrong horse"))
    with pytest.raises(StoreDenied, match="login of bundles") as failure:
        wrong.send(package(b"zip"), Memo())
    assert "wrong horse" not in f"{failure.value!s} {wrong!r}"


def test_a_missing_directory_is_said(receiver: SFTPReceiver) -> None:
    with pytest.raises(StoreDenied, match="must exist"):
        replace(receiver, path="nowhere").send(package(b"zip"), Memo())


@pytest.mark.parametrize("login", [Login(private_key="no key"), Login(private_key="-----BEGIN PRIVATE KEY-----\n")])
def test_a_key_that_is_none_is_invalid(receiver: SFTPReceiver, login: Login) -> None:
    with pytest.raises(Invalid, match="privateKey"):
        replace(receiver, login=login).send(package(b"zip"), Memo())


def test_a_pinned_key_that_is_none_is_invalid(receiver: SFTPReceiver) -> None:
    with pytest.raises(Invalid, match="hostKeys"):
        replace(receiver, host_keys=("ssh-ed25519 AAAA",)).send(package(b"zip"), Memo())


def test_nobody_listening_is_said(receiver: SFTPReceiver) -> None:
    with pytest.raises(Unavailable, match="did not take"):
        replace(receiver, port=9).send(package(b"zip"), Memo())


def test_the_node_is_refused(receiver: SFTPReceiver, server: SFTPServer) -> None:
    with pytest.raises(ForbiddenAddress):
        replace(receiver, guard=Guard(environ={})).send(package(b"zip"), Memo())
    assert names(server) == []
