"""Reading response bodies with bounds: in chunks as they come, or whole up to a limit."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import aiohttp

from supportbundle.errors import DeadlineExceeded, TooLarge
from supportbundle.kube.failures import unreachable


async def chunks(response: aiohttp.ClientResponse, what: str) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. A chunk is at most twice the session's read buffer.

    Raises:
        DeadlineExceeded: nothing came for the time that the request allows, or the request's whole time is over.
        Unavailable: the connection broke before the body's end; what was yielded so far is genuine.
    """
    content = response.content
    try:
        while chunk := await content.readany():
            yield chunk
    except TimeoutError as error:
        raise DeadlineExceeded(f"{what} stalled: the rest of the answer did not come in time.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise unreachable(error, what) from error


async def head(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first bytes of a body, for a message; a broken body is as good as its beginning."""
    try:
        return await response.content.read(limit)
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


async def whole(response: aiohttp.ClientResponse, limit: int, what: str) -> bytearray:
    """All bytes of a body.

    Raises:
        TooLarge: there are more than `limit`.
        DeadlineExceeded, Unavailable: as `chunks`.
    """
    body = bytearray()
    async for chunk in chunks(response, what):
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"{what} was answered with more than {limit >> 20} MiB.")
    return body
