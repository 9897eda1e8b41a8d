"""The way to the API server: one request or one websocket, in its turn, with our identity, repeated where that helps.

`client` says what is asked for; this says how asking is done. Every request has a time limit and every body a bound;
credentials follow no redirect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import orjson
from yarl import URL

from supportbundle import __version__
from supportbundle.errors import DeadlineExceeded, Forbidden, TooLarge, Unavailable
from supportbundle.kube.bodies import head, whole
from supportbundle.kube.failures import SUCCESS, failure, unreachable
from supportbundle.kube.links import MAX_MESSAGE
from supportbundle.kube.login import Login
from supportbundle.kube.ratelimit import Pause, RateLimit, TokenBucket

Json = dict[str, Any]
Observe = Callable[[str, int | None, float], None]
"""Takes the method, the status (None without an answer) and the seconds until the answer began."""
Params = Mapping[str, str] | None
Query = Mapping[str, str] | Sequence[tuple[str, str]]

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
MAX_JSON = 8 << 20
"""Bytes of one JSON answer; a page of a collection that is larger is asked for again in smaller pages."""

MAX_PARSED = 48 << 20
"""Bytes that one answer may take as objects. 500 ordinary pods or Deployments are counted as 20 to 30 MiB."""

_COSTS = {b"{": 200, b"[": 90, b",": 90}
"""Bytes of an object with a key, a list, and one more short text or key, measured with CPython 3.11 on 64 bits.

They are counted before anything is parsed: 8 MiB of `{"a":{"a":...` would become 260 MiB.
"""

_READ_BUFFER = 128 << 10
_ERROR_BODY = 16 << 10
_DELAYS = (0.5, 1.0, 2.0)
_SWITCHING = 101
_ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` is quoted already, `data` is the body of a write."""

    method: str
    path: str
    params: Params = None
    data: bytes | None = None
    content_type: str = "application/json"
    timeout: aiohttp.ClientTimeout = _ANSWER_TIMEOUT

    @property
    def what(self) -> str:
        """The request in messages, without its query."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One websocket. `right` is what the caller needs, for the message where it is missing."""

    path: str
    query: Query
    protocols: tuple[str, ...]
    right: str
    repeatable: bool


class Api:
    """Requests and websockets; made by `opened`.

    GETs that meet `Unavailable` (429 too) are repeated up to three times within 3.5 s. In the first `settle_seconds`
    of its life it also repeats what was `Forbidden`: a RoleBinding takes a moment to reach every API server's
    authorizer. For `patience_seconds` it goes on repeating GETs that met no API server at all, which may take half a
    minute to be started anew. An answer of 5xx is not waited for: it may be about one dead node.
    """

    def __init__(  # noqa: PLR0913 - all of them settings of one connection, given by name
        self,
        login: Login,
        session: aiohttp.ClientSession,
        upgrades: aiohttp.ClientSession,
        *,
        bucket: TokenBucket | None,
        settle_seconds: float,
        patience_seconds: float,
        pause: Pause,
        observe: Observe,
    ) -> None:
        self._patience = patience_seconds
        self._login = login
        self._session = session
        self._upgrades = upgrades
        self._bucket = bucket
        self._pause = pause
        self._observe = observe
        self._settled_at = time.monotonic() + settle_seconds

    async def json(self, request: Request) -> Json:
        """One JSON document.

        Raises:
            TooLarge: it is larger than `MAX_JSON`, or would be than `MAX_PARSED`.
            Unavailable: no answer, or one that is no JSON object.
        """
        response = await self.open(request)
        try:
            async with response:
                parsed = _parsed(await whole(response, MAX_JSON, request.what), request.what)
        except (orjson.JSONDecodeError, DeadlineExceeded) as error:
            raise unreachable(error, request.what) from error
        if not isinstance(parsed, dict):
            raise Unavailable(f"{request.what} was answered with JSON that is no object.")
        return parsed

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """A 2xx response whose body is still to be read."""
        return await self._repeating(lambda: self._try(request), repeatable=request.method == "GET")

    async def dial(self, upgrade: Upgrade) -> aiohttp.ClientWebSocketResponse:
        """An open websocket, for the caller to close.

        Raises:
            Forbidden: the caller's `right` is missing.
            SupportBundleError: any other refusal, in the server's own words; Unavailable without an answer.
        """
        try:
            return await self._repeating(lambda: self._upgrade(upgrade), repeatable=upgrade.repeatable)
        except Forbidden as error:
            raise Forbidden(error.cause, f"Grant {upgrade.right} to the account that it names.") from error

    async def _upgrade(self, upgrade: Upgrade) -> aiohttp.ClientWebSocketResponse:
        headers = await self._admitted()
        what = f"GET {upgrade.path}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._upgrades.ws_connect(
                    self._url(upgrade.path, upgrade.query),
                    protocols=upgrade.protocols,
                    headers=headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1),
                    max_msg_size=MAX_MESSAGE,
                    server_hostname=self._login.server_name,
                    proxy=self._login.proxy,
                )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unreachable(error, what) from error

    async def _try(self, request: Request) -> aiohttp.ClientResponse:
        headers = {**await self._admitted(), "Accept": "application/json, */*"}
        if request.data is not None:
            headers["Content-Type"] = request.content_type
        begun = time.monotonic()
        try:
            response = await self._session.request(
                request.method,
                self._url(request.path, request.params),
                data=request.data,
                headers=headers,
                timeout=request.timeout,
                allow_redirects=False,
                server_hostname=self._login.server_name,
                proxy=self._login.proxy,
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._observe(request.method, None, time.monotonic() - begun)
            raise unreachable(error, request.what) from error
        self._observe(request.method, response.status, time.monotonic() - begun)
        if response.status in SUCCESS:
            return response
        async with response:
            raise failure(response.status, await head(response, _ERROR_BODY), request.what)

    async def _admitted(self) -> Mapping[str, str]:
        """Our identity, when it is our turn; a repetition waits for a turn of its own."""
        if self._bucket is not None:
            await self._bucket.take()
        return await self._login.headers()

    async def _repeating(self, call: Callable[[], Awaitable[_T]], *, repeatable: bool) -> _T:
        give_up, tried = time.monotonic() + self._patience, 0
        while True:
            try:
                return await call()
            except Unavailable as error:
                absent = isinstance(error.__cause__, aiohttp.ClientConnectionError) and time.monotonic() < give_up
                if not repeatable or (tried >= len(_DELAYS) and not absent):
                    raise
            except Forbidden:
                if tried >= len(_DELAYS) or time.monotonic() >= self._settled_at:
                    raise
            await self._pause(_DELAYS[min(tried, len(_DELAYS) - 1)])
            tried += 1

    def _url(self, path: str, params: Query | None) -> URL:
        return URL(self._login.base_url + path, encoded=True).extend_query(params or {})


def _parsed(body: bytearray, what: str) -> object:
    """The JSON, if it is certain that it fits in memory."""
    if sum(body.count(part) * cost for part, cost in _COSTS.items()) > MAX_PARSED:
        raise TooLarge(f"{what} was answered with JSON of too many parts: more than {MAX_PARSED >> 20} MiB in memory.")
    return orjson.loads(body)


@asynccontextmanager
async def opened(
    login: Login,
    *,
    rate: RateLimit | None,
    settle_seconds: float,
    patience_seconds: float,
    pause: Pause,
    observe: Observe,
) -> AsyncIterator[Api]:
    """An `Api` with its two sessions, closed at the end.

    They ask for no compression (within a cluster it costs more than it saves, and nothing can then expand in memory),
    keep no cookies and read no proxy variables. Connections are not limited here: every forwarded port holds one for
    as long as it lives, and profiles of hundreds of pods begin together.
    """
    tls = login.tls or True
    async with AsyncExitStack() as stack:
        requests = await stack.enter_async_context(_session(aiohttp.TCPConnector(ssl=tls, limit=0)))
        # A connection of its own for each websocket: aiohttp sends a GET again when a kept connection turns out to be
        # dead, and a program must not be started twice.
        own = aiohttp.TCPConnector(ssl=tls, limit=0, force_close=True)
        upgrades = await stack.enter_async_context(_session(own, _only_upgrades))
        bucket = TokenBucket(rate, pause=pause) if rate else None
        yield Api(
            login,
            requests,
            upgrades,
            bucket=bucket,
            settle_seconds=settle_seconds,
            patience_seconds=patience_seconds,
            pause=pause,
            observe=observe,
        )


def _session(connector: aiohttp.TCPConnector, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_READ_BUFFER,
        headers={"Accept-Encoding": "identity", "User-Agent": f"supportbundle/{__version__}"},
        middlewares=middlewares,
    )


async def _only_upgrades(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """By itself aiohttp throws a refusal's body away, with the server's own words, and follows redirects."""
    response = await send(request)
    if response.status == _SWITCHING:
        return response
    async with response:
        body = await head(response, _ERROR_BODY)
    raise failure(response.status, body, f"{request.method} {request.url.raw_path}")
