"""One PUT to a link that somebody has handed out, such as a vendor's presigned URL.

The link is a credential: it is in no message, log or note. The pod's proxy settings are honoured; behind a proxy it is
the proxy that resolves the link's host, and so decides where that leads.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from supportbundle.errors import Invalid, StoreDenied, Unavailable
from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Notes, Package, Receipt

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK: Final = 4 << 20
"""Bytes in memory at once."""
CONNECT_SECONDS: Final = 30
SILENT_SECONDS: Final = 300
"""Between two bytes of the answer; a server may first have to store gigabytes."""


@dataclass(frozen=True, slots=True)
class HTTPPutReceiver:
    """`base.Receiver` over one link. Nothing can be gone on with: each try sends everything."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_pem: str | None = None
    guard: Guard = field(default_factory=Guard)

    def send(self, package: Package, notes: Notes) -> Receipt:
        """Send it; `notes` hold nothing but that the link is this package's: a second PUT would replace the first.

        Raises:
            StoreDenied: the receiver answered that it will not take it, or the link has carried another package.
            Unavailable: it did not answer, or asked to wait.
        """
        link = hashlib.sha256(self.url.encode()).hexdigest()
        if not notes.claim(link):
            raise StoreDenied(
                "The link in the destination's Secret is another bundle's, whose zip this one would replace.",
                "Ask for a new one and put it into the destination's Secret; the operator goes on by itself.",
            )
        try:
            return asyncio.run(self._send(package))
        except (Invalid, StoreDenied):
            notes.release(link)
            raise

    async def _send(self, package: Package) -> Receipt:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme != "https" or not host:
            raise Invalid("The link in the destination's Secret is no https:// URL.", "Put the whole link there.")
        digest = hashlib.sha256()
        try:
            await asyncio.to_thread(self.guard.check, host, parts.port or 443)
            async with (
                self._session() as session,
                session.put(
                    self.url,
                    data=_blocks(package, digest),
                    headers={**self.headers, "Content-Length": str(package.size)},
                    allow_redirects=False,
                ) as answer,
            ):
                status, etag = answer.status, answer.headers.get("ETag", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Its text can hold the link.
            raise Unavailable(
                f"The receiver {host} did not take the zip ({type(error).__name__}).",
                "If it lasts, check the link's host, its certificate (caBundle) and network policies.",
            ) from None
        _judge(status, host)
        return Receipt(digest.hexdigest(), f"https://{host}/", etag.strip('"')[:128])

    def _session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context()
        if self.ca_pem:
            context.load_verify_locations(cadata=self.ca_pem)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, resolver=_Resolver(self.guard)),
            trust_env=True,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS),
            skip_auto_headers=("Content-Type",),  # a signed link may not know it
        )


class _Resolver(AbstractResolver):
    """Connections go to the very addresses that were looked at, so DNS cannot answer differently later."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        try:
            found = await asyncio.to_thread(self._guard.addresses, host, port)
        except Unavailable as error:
            raise OSError(str(error)) from None
        return [_entry(host, port, address) for address in found]

    async def close(self) -> None:
        """Nothing is held."""


def _entry(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


async def _blocks(package: Package, digest: _Hash) -> AsyncIterator[bytes]:
    for start in range(0, package.size, BLOCK):
        data = await asyncio.to_thread(package.read, start, min(start + BLOCK, package.size))
        digest.update(data)
        yield data


def _judge(status: int, host: str) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return
    if status in {408, 425, 429} or status >= 500:  # noqa: PLR2004 - later may help
        raise Unavailable(f"The receiver {host} answered {status}.", "If it lasts, ask the receiver.")
    if 300 <= status < 400:  # noqa: PLR2004 - elsewhere
        raise StoreDenied(f"The receiver {host} answered {status}, and redirects are not followed.", _NEW_LINK)
    raise StoreDenied(f"The receiver {host} refused the zip with status {status}.", _NEW_LINK)


_NEW_LINK: Final = (
    "The link may have expired or been used: ask for a new one and put it into the destination's Secret; the operator "
    "goes on by itself."
)
