"""What port-forward and exec share: how large a websocket's message may be, how it is kept open, how it ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp

MAX_MESSAGE = 1 << 20
"""Bytes. The kubelet copies in pieces of 32 KiB; one larger than this is refused, not held."""

PING_SECONDS = 20.0
"""A long CPU profile is silent; load balancers in front of an API server cut connections idle for a minute."""

_GOODBYE_SECONDS = 1.0


async def keep_alive(link: aiohttp.ClientWebSocketResponse) -> None:
    """Pings without waiting for pongs: a pong may be stuck behind data that our client is slow to take."""
    with suppress(ConnectionError, aiohttp.ClientError):
        while not link.closed:
            await asyncio.sleep(PING_SECONDS)
            await link.ping()


async def hang_up(link: aiohttp.ClientWebSocketResponse) -> None:
    """Close, and do not listen for long: aiohttp drops what still comes, for as long as something comes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await link.close()


def ended(link: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> int | None:
    """The close code if this message is the last one, else None.

    The far side's own code counts, not `close_code`: an API server that says goodbye hangs up at once, so that our
    goodbye fails and aiohttp overwrites its 1000 with 1006.
    """
    if message.type is aiohttp.WSMsgType.CLOSE:
        return int(message.data or aiohttp.WSCloseCode.OK)
    if message.type in {aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
        return aiohttp.WSCloseCode.OK if link.close_code is None else link.close_code
    return None
