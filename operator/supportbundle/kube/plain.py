"""Plain HTTP GETs to target pods, which are hostile: no credentials, redirects, proxies, cookies or decompression."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import aiohttp
from yarl import URL

from supportbundle import __version__
from supportbundle.errors import DeadlineExceeded, HTTPStatus, Invalid
from supportbundle.kube.bodies import Explain, chunks, head
from supportbundle.kube.failures import SUCCESS, unreachable
from supportbundle.model.gap import printable

BODY_CHARS = 200
"""How much of a refusal's body is quoted."""

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"supportbundle/{__version__}"}


def plain_session() -> aiohttp.ClientSession:
    """A session for `fetch`. Connections are not kept: a forwarded port ends with its forward."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


@asynccontextmanager
async def fetch(
    session: aiohttp.ClientSession,
    url: URL,
    *,
    headers: Mapping[str, str] | None,
    timeout_seconds: float,
    explain: Explain,
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The raw body of one GET; `timeout_seconds` bounds connection, waiting and the whole body.

    Raises:
        Invalid: not a plain `http` URL.
        HTTPStatus: the answer is not 2xx; its first characters are quoted.
        DeadlineExceeded, Unavailable: no answer; `explain` may know better why.
    """
    if url.scheme != "http" or url.user is not None:
        raise Invalid(f"{url.with_user(None)} is no plain http URL.")
    what = f"GET {url.path_qs}"
    try:
        response = await session.get(
            url,
            headers={**(headers or {}), **_HEADERS},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=min(10.0, timeout_seconds)),
        )
    except aiohttp.ConnectionTimeoutError as error:
        raise explain() or unreachable(error, what) from error
    except TimeoutError as error:
        raise DeadlineExceeded(f"{what} was not answered within {timeout_seconds:g} s.") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise explain() or unreachable(error, what) from error
    async with response:
        if response.status not in SUCCESS:
            quoted = (await head(response, BODY_CHARS)).decode("utf-8", "replace").strip()
            raise HTTPStatus(
                response.status,
                f"{what} was answered with {response.status}: {printable(quoted, BODY_CHARS) or 'no body'}",
            )
        async with aclosing(_whole(response, what, explain)) as body:
            yield body


async def _whole(response: aiohttp.ClientResponse, what: str, explain: Explain) -> AsyncGenerator[bytes, None]:
    """The body; where only the connection's end marks its end, a forward that failed is no end of a body."""
    async for chunk in chunks(response, what, explain):
        yield chunk
    delimited = response.content_length is not None or "Transfer-Encoding" in response.headers
    if not delimited and (failure := explain()):
        raise failure
