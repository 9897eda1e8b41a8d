"""A real SSH server with SFTP over a directory, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

PASSWORD = "correct horse"
USER = "bundles"


@dataclass(frozen=True)
class SFTPServer:
    """A running server: its port, its public key as hostKeys take it, a client's private key, its directory."""

    port: int
    host_key: str
    client_key: str
    root: Path


class _Password(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextmanager
def serving(root: Path, address: str = "127.0.0.1") -> Iterator[SFTPServer]:
    """Serve `root`."""
    host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def chrooted(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    async def start() -> asyncssh.SSHAcceptor:
        authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())
        return await asyncssh.create_server(
            _Password,
            address,
            0,
            server_host_keys=[host],
            authorized_client_keys=authorized,
            sftp_factory=chrooted,
        )

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield SFTPServer(
            acceptor.get_port(),
            " ".join(host.export_public_key().decode().split()[:2]),
            client.export_private_key().decode(),
            root,
        )
    finally:
        asyncio.run_coroutine_threadsafe(_stop(acceptor), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()
    await acceptor.wait_closed()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.wait(others, timeout=5) if others else None
