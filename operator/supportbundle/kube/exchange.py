"""One HTTP exchange with a target pod, which is hostile: no redirects, proxies, cookies, decompression or identity.

Nothing that a pod sends in place of HTTP is quoted in an error: it may be what we sent, with its credentials.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from supportbundle import __version__
from supportbundle.errors import DeadlineExceeded, Invalid, SupportBundleError, Unavailable
from supportbundle.kube.tls import context, handshake_failed
from supportbundle.model.exchange import PodAnswer, PodRequest, PodTLS
from supportbundle.model.gap import printable

MAX_HEADERS = 64
MAX_HEADER_CHARS = 8 << 10
"""Characters of all names and values that are handed on; what is over is dropped."""

CONNECT_SECONDS = 10.0
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_METHODS = frozenset({"GET", "POST"})
_OURS = {"Accept-Encoding": "identity", "User-Agent": f"supportbundle/{__version__}"}

Ready = Callable[[], Awaitable[object]]
Explain = Callable[[], SupportBundleError | None]
"""A better reason for a broken connection, if somebody knows one."""


def pod_session() -> aiohttp.ClientSession:
    """A session for `exchange`. Connections are not kept: a forwarded port ends with its forward."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    return aiohttp.ClientSession(
        trace_configs=[trace],
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def _connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    """The client awaits this between connecting and sending."""
    if context.trace_request_ctx is not None:
        await context.trace_request_ctx()


def pod_url(text: str) -> URL:
    """The parsed URL of a request. The text is not quoted: it may hold a password.

    Raises:
        Invalid: it is not `http` or `https` with a host, or it carries a user or a password.
    """
    try:
        url = URL(text, encoded=True)
    except ValueError as error:
        raise Invalid("A request's address is no URL.") from error
    if url.scheme not in {"http", "https"} or not url.host or url.user is not None or url.password is not None:
        raise Invalid("A pod is called by a plain http or https URL, without a user or a password.")
    return url


@asynccontextmanager
async def exchange(
    session: aiohttp.ClientSession, request: PodRequest, url: URL, explain: Explain, ready: Ready | None = None
) -> AsyncIterator[PodAnswer]:
    """Send one request; the time limit holds for connection, answer and the whole body together.

    `ready` is awaited when the connection stands and before anything is sent.

    Raises:
        Invalid: a method that is not GET or POST, a header that HTTP cannot carry, a CA bundle that is none.
        TLSFailed: the certificate was not accepted, or the port does not speak TLS.
        DeadlineExceeded, Unavailable: no answer; `explain` may know better why. The body raises them too.
    """
    if request.method not in _METHODS:
        raise Invalid(f"{request.method!r} is no method that is sent to a pod.", "Use GET or POST.")
    what = f"{request.method} {url.raw_path}"
    deadline = asyncio.get_running_loop().time() + request.timeout_seconds
    tls = request.tls or PodTLS()
    secure = url.scheme == "https"
    try:
        response = await session.request(
            request.method,
            url,
            data=request.body or None,
            headers=_headers(request.headers),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                # Who waits for others before sending is still connecting, to aiohttp.
                total=request.timeout_seconds,
                connect=None if ready else min(CONNECT_SECONDS, request.timeout_seconds),
            ),
            trace_request_ctx=ready,
            ssl=context(tls) if secure else True,
            server_hostname=tls.server_name or None if secure else None,
        )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise explain() or _broken(error, what, request.timeout_seconds) from error
    async with response, aclosing(_body(response, what, deadline, request.timeout_seconds, explain)) as body:
        yield PodAnswer(response.status, _bounded(response.headers), body)


def _headers(asked: Mapping[str, str]) -> CIMultiDict[str]:
    """What is sent.

    Raises:
        Invalid: a line end or another control character would begin a header of its own, or a request.
    """
    for name, value in asked.items():
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise Invalid(f"The header {name!r} is not sent: HTTP does not allow its name or its value.")
    headers = CIMultiDict(asked)
    headers.update(_OURS)
    return headers


def _bounded(received: Mapping[str, str]) -> CIMultiDictProxy[str]:
    """The first headers, printable; a name that comes twice stays twice, names are found whatever their case."""
    kept: CIMultiDict[str] = CIMultiDict()
    room = MAX_HEADER_CHARS
    for name, value in received.items():
        pair = printable(name, MAX_HEADER_CHARS), printable(value, MAX_HEADER_CHARS)
        room -= len(pair[0]) + len(pair[1])
        if room < 0 or len(kept) == MAX_HEADERS:
            break
        kept.add(*pair)
    return CIMultiDictProxy(kept)


async def _body(
    response: aiohttp.ClientResponse, what: str, deadline: float, seconds: float, explain: Explain
) -> AsyncGenerator[bytes, None]:
    """The raw body as it arrives; where only the connection's end marks its end, a failed forward is no end of it."""
    try:
        while chunk := await _chunk(response.content, deadline):
            yield chunk
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise explain() or _broken(error, what, seconds) from error
    delimited = response.content_length is not None or "Transfer-Encoding" in response.headers
    if not delimited and (failure := explain()):
        raise failure


async def _chunk(content: aiohttp.StreamReader, deadline: float) -> bytes:
    """By itself aiohttp looks at the clock only while it waits: a pod that sends faster than we read never lets it."""
    if not content.is_eof() and asyncio.get_running_loop().time() >= deadline:
        raise TimeoutError
    return await content.readany()


def _broken(error: BaseException, what: str, seconds: float) -> SupportBundleError:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return handshake_failed(error, what)
        case TimeoutError() if not isinstance(error, aiohttp.ConnectionTimeoutError):
            return DeadlineExceeded(f"{what} was not answered to the end within {seconds:g} s.")
        case ValueError():
            return Invalid(f"{what} cannot be sent: HTTP does not allow its headers or its address.")
        case aiohttp.ClientResponseError():
            return Unavailable(f"{what} was answered with something that is no HTTP.", "Check `port` and `scheme`.")
        case _:
            return Unavailable(f"{what}: {_connection(error)}.", "Try again later.")


def _connection(error: BaseException) -> str:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {CONNECT_SECONDS:g} s"
        case aiohttp.ClientConnectorError() if error.strerror:
            return f"no connection: {printable(error.strerror, 200)}"
        case _:
            return "the connection broke before the answer's end"
