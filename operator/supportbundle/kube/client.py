"""One thin asynchronous client of the API server, for the operator and for the collector Job. Objects are dicts.

The generated clients of the `kubernetes` package are not used: `CoreV1Api` alone costs 110 MB of memory, and they
reject fields that they do not know. Every request has a time limit and every body a bound; credentials follow no
redirect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import aiohttp
import orjson
from yarl import URL

from supportbundle import __version__
from supportbundle.errors import (
    DeadlineExceeded,
    Expired,
    Forbidden,
    SupportBundleError,
    TooLarge,
    Unavailable,
)
from supportbundle.kube.addresses import check_pod_address
from supportbundle.kube.bodies import chunks, head, whole
from supportbundle.kube.failures import SUCCESS, failure, unreachable
from supportbundle.kube.forward import MAX_MESSAGE, PROTOCOL, Forward
from supportbundle.kube.login import Login
from supportbundle.kube.plain import fetch, plain_session
from supportbundle.model.paths import one

Json = dict[str, Any]
Params = Mapping[str, str] | None
Pause = Callable[[float], Awaitable[None]]

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
PAGE = 500
MAX_JSON = 16 << 20
"""Bytes of one JSON answer; a page of a collection that is larger is asked for again in smaller pages."""

_READ_BUFFER = 128 << 10
_ERROR_BODY = 16 << 10
_DELAYS = (0.5, 1.0, 2.0)
_ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS)
_UPGRADE_REFUSED = {
    401: b"the API server does not know our token",
    403: b"get and create on pods/portforward are needed",
    404: b"the pod is gone",
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    params: Params
    data: bytes | None
    content_type: str
    timeout: aiohttp.ClientTimeout

    @property
    def what(self) -> str:
        """The request in messages, without its query."""
        return f"{self.method} {self.path}"


class PatchType(StrEnum):
    """The content types of a PATCH."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """Requests to the API server and to pods' ports; made by `connect`. Fulfils `collect.base.ClusterReader`.

    GETs that meet `Unavailable` (429 too) are repeated up to three times within 3.5 s. In the first `settle_seconds`
    of its life the client also repeats what was `Forbidden`: a RoleBinding takes a moment to reach every API server's
    authorizer.
    """

    def __init__(
        self,
        login: Login,
        api: aiohttp.ClientSession,
        plain: aiohttp.ClientSession,
        *,
        settle_seconds: float = 0,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._login = login
        self._api = api
        self._plain = plain
        self._pause = pause
        self._settled_at = time.monotonic() + settle_seconds
        self._forwards: dict[URL, Forward] = {}

    async def get(self, path: str, params: Params = None) -> Json:
        """One JSON document."""
        return await self._json("GET", path, params)

    async def items(self, path: str, params: Params = None) -> AsyncIterator[Json]:
        """All objects of a collection, page by page; `limit` in `params` is the size of a page, 500 by default.

        When the server forgot where we were (410, etcd compacted), the rest comes from a fresh list that starts over
        once: objects seen before are skipped by uid, so each comes once.
        """
        query = {"limit": str(PAGE), **(params or {})}
        seen: set[str] = set()
        restarted = False
        while True:
            try:
                page = await self._json("GET", path, query)
            except Expired:
                if restarted or "continue" not in query:
                    raise
                restarted = True
                del query["continue"]
                continue
            except TooLarge:
                if query["limit"] == "1":
                    raise
                query["limit"] = str(max(1, int(query["limit"]) // 8))
                continue
            for item in page.get("items") or ():
                uid = item["metadata"].get("uid", "")
                if uid not in seen:
                    yield item
                if uid:
                    seen.add(uid)
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def create(self, path: str, obj: Mapping[str, Any]) -> Json:
        """POST to a collection (or a subresource such as `token`). Conflict when the name exists."""
        return await self._json("POST", path, None, obj)

    async def patch(
        self,
        path: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        kind: PatchType = PatchType.MERGE,
        params: Params = None,
    ) -> Json:
        """PATCH."""
        return await self._json("PATCH", path, params, patch, kind)

    async def apply(self, path: str, obj: Mapping[str, Any], *, manager: str, force: bool = True) -> Json:
        """Server-side apply: the fields in `obj` become ours, others stay. Conflict only without `force`."""
        params = {"fieldManager": manager, "force": "true" if force else "false"}
        return await self.patch(path, obj, PatchType.APPLY, params)

    async def delete(self, path: str, *, uid: str | None = None, propagation: str = "Background") -> None:
        """DELETE. With `uid` only that very object: Conflict when another has its name now.

        `propagation` is Background by default, because a Job deleted without it leaves its pods behind.
        """
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        await self._json("DELETE", path, None, options)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params = None, *, idle_seconds: float = 30
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A response body in chunks as they arrive.

        Raises:
            DeadlineExceeded: from the iterator, when nothing comes for `idle_seconds`.
            Unavailable: from the iterator too, when the connection breaks.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=idle_seconds)
        request = _Request("GET", path, params, None, "", timeout)
        response = await self._open(request)
        async with response, aclosing(chunks(response, request.what)) as body:
            yield body

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        """A base URL on loopback that reaches the pod's port. Why a connection failed is told by `fetch`."""

        async def dial() -> aiohttp.ClientWebSocketResponse:
            return await self._dial(namespace, pod, port)

        async with Forward(dial, pod, port).listening() as forward:
            origin = URL(forward.base_url)
            self._forwards[origin] = forward
            try:
                yield forward.base_url
            finally:
                del self._forwards[origin]

    @asynccontextmanager
    async def fetch(
        self, url: str, *, headers: Params = None, timeout_seconds: float = 30
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The raw body of a plain HTTP GET to a forwarded port or to a pod's IP address.

        Raises:
            Invalid: any other address, in particular loopback and metadata services.
            HTTPStatus, DeadlineExceeded, Unavailable: as `plain.fetch`.
        """
        target = URL(url)
        forward = self._forwards.get(target.origin())
        if forward is None:
            check_pod_address(target.host or "")

        def explain() -> SupportBundleError | None:
            return forward.failure if forward else None

        async with fetch(
            self._plain, target, headers=headers, timeout_seconds=timeout_seconds, explain=explain
        ) as body:
            yield body

    async def _dial(self, namespace: str, pod: str, port: int) -> aiohttp.ClientWebSocketResponse:
        path = one("v1", "pods", pod, namespace, subresource="portforward")
        return await self._repeating(lambda: self._upgrade(path, port), repeatable=True)

    async def _upgrade(self, path: str, port: int) -> aiohttp.ClientWebSocketResponse:
        what = f"GET {path}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._api.ws_connect(
                    self._url(path, {"ports": str(port)}),
                    protocols=(PROTOCOL,),
                    headers=await self._login.headers(),
                    timeout=aiohttp.ClientWSTimeout(ws_close=1),
                    max_msg_size=MAX_MESSAGE,
                    server_hostname=self._login.server_name,
                    proxy=self._login.proxy,
                )
        except aiohttp.WSServerHandshakeError as error:
            # The handshake's body, with the server's own words, is not handed out.
            raise failure(error.status, _UPGRADE_REFUSED.get(error.status, b"no port-forward"), what) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unreachable(error, what) from error

    def _url(self, path: str, params: Params) -> URL:
        return URL(self._login.base_url + path, encoded=True).extend_query(params or {})

    async def _json(
        self, method: str, path: str, params: Params, body: object = None, content_type: str = "application/json"
    ) -> Json:
        request = _Request(
            method, path, params, None if body is None else orjson.dumps(body), content_type, _ANSWER_TIMEOUT
        )
        response = await self._open(request)
        try:
            async with response:
                parsed = orjson.loads(await whole(response, MAX_JSON, request.what))
        except (orjson.JSONDecodeError, DeadlineExceeded) as error:
            raise unreachable(error, request.what) from error
        if not isinstance(parsed, dict):
            raise Unavailable(f"{request.what} was answered with JSON that is no object.")
        return parsed

    async def _open(self, request: _Request) -> aiohttp.ClientResponse:
        """A 2xx response whose body is still to be read."""
        return await self._repeating(lambda: self._try(request), repeatable=request.method == "GET")

    async def _repeating(self, call: Callable[[], Awaitable[_T]], *, repeatable: bool) -> _T:
        for delay in _DELAYS:
            try:
                return await call()
            except Unavailable:
                if not repeatable:
                    raise
            except Forbidden:
                if time.monotonic() >= self._settled_at:
                    raise
            await self._pause(delay)
        return await call()

    async def _try(self, request: _Request) -> aiohttp.ClientResponse:
        headers = {**await self._login.headers(), "Accept": "application/json, */*"}
        if request.data is not None:
            headers["Content-Type"] = request.content_type
        try:
            response = await self._api.request(
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
            raise unreachable(error, request.what) from error
        if response.status in SUCCESS:
            return response
        async with response:
            raise failure(response.status, await head(response, _ERROR_BODY), request.what)


@asynccontextmanager
async def connect(login: Login, *, settle_seconds: float = 0, pause: Pause = asyncio.sleep) -> AsyncIterator[Client]:
    """A client with its two sessions, closed at the end.

    The API session asks for no compression (within a cluster it costs more than it saves, and nothing can then
    expand in memory), keeps no cookies and reads no proxy variables. Connections are not limited here: every forwarded
    port holds one for as long as it lives, and profiles of hundreds of pods begin together.
    """
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=login.tls or True, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=_READ_BUFFER,
                headers={"Accept-Encoding": "identity", "User-Agent": f"supportbundle/{__version__}"},
            )
        )
        plain = await stack.enter_async_context(plain_session())
        yield Client(login, api, plain, settle_seconds=settle_seconds, pause=pause)
