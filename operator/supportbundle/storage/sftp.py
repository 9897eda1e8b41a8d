"""A directory of an SFTP server. The only module that knows asyncssh.

The zip grows under a temporary name and is renamed when it is whole, so nobody takes half of it. A second try reads
back what is there, and goes on behind it only if it is what would have been sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, TypeVar

from supportbundle.errors import Conflict, Invalid, StoreDenied, Unavailable
from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Notes, Package, Receipt

if TYPE_CHECKING:
    from hashlib import _Hash

    import asyncssh

T = TypeVar("T")
BLOCK: Final = 4 << 20
"""Bytes in memory at once; asyncssh sends them in parallel requests."""
LOGIN_SECONDS: Final = 30
SILENT_SECONDS: Final = 300
"""For one block to be taken."""


@dataclass(frozen=True, slots=True)
class Login:
    """How the user proves who it is; hidden in a repr."""

    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SFTPReceiver:
    """`base.Receiver` over one directory."""

    host: str
    port: int
    user: str
    path: str
    host_keys: tuple[str, ...]
    login: Login
    guard: Guard = field(default_factory=Guard)

    def send(self, package: Package, notes: Notes) -> Receipt:
        """Deliver, or find it delivered; `notes` stay empty, for the server's file tells how far it is.

        Raises:
            StoreDenied: the server refused us, or is another one than the pinned keys say.
            Unavailable: the server did not answer.
        """
        del notes
        return asyncio.run(self._send(package))

    async def _send(self, package: Package) -> Receipt:
        import asyncssh  # noqa: PLC0415 - only who delivers by SFTP pays for it

        name = PurePosixPath(package.key).name
        final = str(PurePosixPath(self.path) / name)
        host = f"[{self.host}]" if ":" in self.host else self.host
        location = f"sftp://{host}:{self.port}/{final}"
        try:
            async with await self._connect() as connection, connection.start_sftp_client() as sftp:
                digest = await _deliver(sftp, package, final)
        except asyncssh.HostKeyNotVerifiable:
            raise StoreDenied(
                f"The SFTP server {self.host} shows a key that is not one of the destination's hostKeys.",
                "Ask its operator whether the key has changed; only then correct hostKeys.",
            ) from None
        except asyncssh.PermissionDenied:
            raise StoreDenied(
                f"The SFTP server {self.host} refused the login of {self.user}.",
                "Check user, and privateKey or password in the destination's Secret.",
            ) from None
        except asyncssh.SFTPError as error:
            raise self._refused(error) from None
        except (asyncssh.Error, TimeoutError, OSError) as error:
            raise Unavailable(
                f"The SFTP server {self.host} did not take the zip ({type(error).__name__}).",
                "If it lasts, check host, port and network policies.",
            ) from None

        return Receipt(digest, location)

    def _refused(self, error: asyncssh.SFTPError) -> StoreDenied:
        return StoreDenied(
            f"The SFTP server {self.host} refused the upload ({type(error).__name__}).",
            f"The directory {self.path} must exist, and {self.user} must be allowed to write and rename there.",
        )

    async def _connect(self) -> asyncssh.SSHClientConnection:
        """To an address that was looked at, so DNS cannot answer differently later."""
        import asyncssh  # noqa: PLC0415 - as above

        address = (await asyncio.to_thread(self.guard.addresses, self.host, self.port))[0]
        # asyncssh asks for the local user's name, which a container's numeric user does not have.
        os.environ.setdefault("LOGNAME", "supportbundle")
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (address, self.port))
            keys = _pinned(self.host_keys)
            return await asyncssh.connect(
                self.host,
                self.port,
                sock=sock,
                config=None,
                username=self.user,
                known_hosts=(keys, [], []),
                server_host_key_algs=_algorithms(keys),
                client_keys=self._client_keys(),
                password=self.login.password or None,
                agent_path=None,
                login_timeout=LOGIN_SECONDS,
                keepalive_interval=30,
            )
        except BaseException:
            sock.close()
            raise

    def _client_keys(self) -> list[asyncssh.SSHKey]:
        import asyncssh  # noqa: PLC0415 - as above

        if not self.login.private_key:
            return []
        try:
            return [asyncssh.import_private_key(self.login.private_key, self.login.passphrase or None)]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise Invalid(
                "privateKey in the destination's Secret cannot be read, or its passphrase is another one.",
                "It must be a private key in OpenSSH or PEM format.",
            ) from None


def _pinned(texts: tuple[str, ...]) -> list[asyncssh.SSHKey]:
    import asyncssh  # noqa: PLC0415 - as above

    try:
        return [asyncssh.import_public_key(text) for text in texts]
    except asyncssh.KeyImportError:
        raise Invalid("One of the destination's hostKeys cannot be read.", "Take them from ssh-keyscan.") from None


def _algorithms(keys: list[asyncssh.SSHKey]) -> list[str]:
    """Else a server with several keys may show one that is not pinned."""
    names = [key.get_algorithm() for key in keys]
    wider = ["rsa-sha2-512", "rsa-sha2-256"] if "ssh-rsa" in names else []
    return wider + [name for name in dict.fromkeys(names) if name != "ssh-rsa"]


async def _deliver(sftp: asyncssh.SFTPClient, package: Package, final: str) -> str:
    """The SHA-256 of what is there under its final name."""
    path = PurePosixPath(final)
    partial = str(path.with_name(f".{path.name}.part"))
    if await _size(sftp, final) == package.size and (whole := await _verified(sftp, package, final, package.size)):
        return whole.hexdigest()  # renamed, and died before anybody heard of it
    have = await _size(sftp, partial)
    digest = await _verified(sftp, package, partial, have) if 0 < have <= package.size else None
    if digest is None:
        have, digest = 0, hashlib.sha256()
    async with sftp.open(partial, "r+b" if have else "wb") as file:
        for start in range(have, package.size, BLOCK):
            data = await asyncio.to_thread(package.read, start, min(start + BLOCK, package.size))
            digest.update(data)
            await _soon(file.write(data, start))
    if await _size(sftp, partial) != package.size:
        raise Conflict("The SFTP server holds another number of bytes than were sent.", "Nobody else may write there.")
    await _rename(sftp, partial, final)
    return digest.hexdigest()


async def _verified(sftp: asyncssh.SFTPClient, package: Package, path: str, size: int) -> _Hash | None:
    """The digest of the first `size` bytes, if the server's file holds the package's; None if not, or if it is mute."""
    import asyncssh  # noqa: PLC0415 - as above

    mine = hashlib.sha256()
    try:
        async with sftp.open(path, "rb") as file:
            for start in range(0, size, BLOCK):
                end = min(start + BLOCK, size)
                theirs: object = await _soon(file.read(end - start, start))
                ours = await asyncio.to_thread(package.read, start, end)
                if ours != theirs:
                    return None
                mine.update(ours)
    except asyncssh.SFTPError:
        return None
    return mine


async def _size(sftp: asyncssh.SFTPClient, path: str) -> int:
    import asyncssh  # noqa: PLC0415 - as above

    try:
        return (await sftp.stat(path)).size or 0
    except asyncssh.SFTPNoSuchFile:
        return 0


async def _rename(sftp: asyncssh.SFTPClient, partial: str, final: str) -> None:
    """Replacing what an earlier try may have left; servers without that extension refuse an existing name."""
    import asyncssh  # noqa: PLC0415 - as above

    try:
        await sftp.posix_rename(partial, final)
    except asyncssh.SFTPOpUnsupported:
        await sftp.rename(partial, final)


async def _soon(call: Awaitable[T]) -> T:
    async with asyncio.timeout(SILENT_SECONDS):
        return await call
