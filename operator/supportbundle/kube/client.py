"""One thin asynchronous client of the API server, for the operator and for the collector Job. Objects are dicts.

The generated clients of the `kubernetes` package are not used: `CoreV1Api` alone costs 110 MB of memory, and they
reject fields that they do not know. How a request is made is `api`; what can be asked for stands here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from enum import StrEnum
from typing import Any

import aiohttp
import orjson

from supportbundle.errors import Expired, Forbidden, Invalid, SupportBundleError, TooLarge
from supportbundle.kube import exec as programs
from supportbundle.kube.api import CONNECT_SECONDS, Api, Json, Observe, Params, Request, Upgrade, opened
from supportbundle.kube.bodies import chunks
from supportbundle.kube.exchange import Ready, exchange, pod_session, pod_url
from supportbundle.kube.forward import PROTOCOL, Forward
from supportbundle.kube.login import Login
from supportbundle.kube.ratelimit import Pause, RateLimit
from supportbundle.kube.watch import WATCH_IDLE_SECONDS, changes
from supportbundle.model.addresses import is_pod_address
from supportbundle.model.exchange import PodAnswer, PodCommand, PodRequest
from supportbundle.model.paths import one

PAGE = 500
_EPHEMERAL_REFUSED = (
    "Grant patch pods/ephemeralcontainers to the account that the message names; if it names a policy or a Pod "
    "Security level, ask who sets that."
)


class PatchType(StrEnum):
    """The content types of a PATCH."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """Requests to the API server and to pods' ports; made by `connect`. Fulfils `collect.base.ClusterReader`."""

    def __init__(self, api: Api, pods: aiohttp.ClientSession, page: int = PAGE) -> None:
        self._api = api
        self._page = page
        self._pods = pods
        self._forwards: dict[tuple[str, int], Forward] = {}

    async def get(self, path: str, params: Params = None) -> Json:
        """One JSON document."""
        return await self._json("GET", path, params)

    async def items(self, path: str, params: Params = None) -> AsyncIterator[Json]:
        """All objects of a collection, page by page; `limit` in `params` is a page's size, unlike `connect`'s.

        When the server forgot where we were (410, etcd compacted), the rest comes from a fresh list that starts over
        once: objects seen before are skipped by uid, so each comes once.
        """
        query = {"limit": str(self._page), **(params or {})}
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
            item: Json = {}
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
            page = item = {}  # so that never two pages are held

    async def create(self, path: str, obj: Mapping[str, Any], params: Params = None) -> Json:
        """POST to a collection (or a subresource such as `token`). Conflict when the name exists."""
        return await self._json("POST", path, params, obj)

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
        request = Request("GET", path, params, timeout=timeout)
        response = await self._api.open(request)
        async with response, aclosing(chunks(response, request.what)) as body:
            yield body

    async def watch(
        self, path: str, params: Params = None, *, wanted: Callable[[bytes], bool] = bool
    ) -> AsyncIterator[tuple[str, Json]]:
        """Type and object of each change of a collection whose line of JSON is `wanted`; see `watch.changes`.

        Bookmarks come too. The server ends a watch after a while.

        Raises:
            Expired: the resourceVersion in `params` is older than the server remembers.
            DeadlineExceeded, Unavailable: the connection stalled or broke.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", **(params or {})}
        async with self.stream(path, query, idle_seconds=WATCH_IDLE_SECONDS) as body:
            async for change in changes(body, wanted):
                yield change

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        """A base URL on loopback that reaches the pod's port. Why a connection failed is told by `request`.

        It says `http`; where the port speaks TLS, the same host and port are called by `https`.
        """
        path = one("v1", "pods", pod, namespace, subresource="portforward")
        upgrade = Upgrade(
            path, {"ports": str(port)}, (PROTOCOL,), "get and create on pods/portforward", repeatable=True
        )

        async def dial() -> aiohttp.ClientWebSocketResponse:
            return await self._api.dial(upgrade)

        async with Forward(dial, pod, port).listening() as forward:
            address = _address(forward.base_url)
            self._forwards[address] = forward
            try:
                yield forward.base_url
            finally:
                del self._forwards[address]

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        """One HTTP exchange with a forwarded port or a pod's IP address; any status is an answer.

        Raises:
            Invalid: any other address, in particular loopback and metadata services.
            TLSFailed, DeadlineExceeded, Unavailable: as `exchange.exchange`.
        """
        url = pod_url(request.url)
        forward = self._forwards.get((url.host or "", url.port or 0))
        if forward is None and not is_pod_address(url.host or ""):
            raise Invalid(f"{url.host!r} is not the address of a pod.", "Use `via: PortForward`.")

        def explain() -> SupportBundleError | None:
            return forward.failure if forward else None

        ready = _when_connected(request.ready, forward) if request.ready else None
        async with exchange(self._pods, request, url, explain, ready) as answer:
            yield answer

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[programs.Execution]:
        """Run a program in a container. It is started once: a refused start is not repeated.

        Raises:
            Forbidden: `get and create on pods/exec` is missing.
            NotFound: there is no such pod.
            Invalid: there is no such container, or it does not run.
            Unavailable: no answer.
        """
        path = one("v1", "pods", command.pod, command.namespace, subresource="exec")
        upgrade = Upgrade(path, programs.query(command), programs.PROTOCOLS, programs.RIGHT, repeatable=False)
        try:
            link = await self._api.dial(upgrade)
        except SupportBundleError as error:
            raise programs.said(error, command) from error
        async with programs.running(link, command) as execution:
            yield execution

    async def add_ephemeral_container(self, namespace: str, pod: str, container: Mapping[str, Any]) -> None:
        """Add one to a running pod. One of the same name that says the same is left as it is.

        Raises:
            Forbidden: `patch pods/ephemeralcontainers` is missing, or the namespace's Pod Security level or a policy
                refuses this container; the message is the server's.
            Invalid: the container is not valid, or one of this name differs.
        """
        path = one("v1", "pods", pod, namespace, subresource="ephemeralcontainers")
        try:
            await self.patch(path, {"spec": {"ephemeralContainers": [container]}}, PatchType.STRATEGIC)
        except Forbidden as error:
            raise Forbidden(error.cause, _EPHEMERAL_REFUSED) from error

    async def _json(
        self, method: str, path: str, params: Params, body: object = None, content_type: str = "application/json"
    ) -> Json:
        data = None if body is None else orjson.dumps(body)
        return await self._api.json(Request(method, path, params, data, content_type))


def _when_connected(ready: Ready, forward: Forward | None) -> Ready:
    """`ready`, but not before the forwarded connection has reached the pod; ours to the listener stands at once."""
    if forward is None:
        return ready
    mine = forward.dialled + 1

    async def connected() -> None:
        await forward.until_dialled(mine)
        await ready()

    return connected


def _address(base_url: str) -> tuple[str, int]:
    url = pod_url(base_url)
    return url.host or "", url.port or 0


@asynccontextmanager
async def connect(
    login: Login,
    *,
    rate: RateLimit | None = None,
    settle_seconds: float = 0,
    patience_seconds: float = 0,
    pause: Pause = asyncio.sleep,
    observe: Observe = lambda _method, _status, _seconds: None,
    page: int = PAGE,
) -> AsyncIterator[Client]:
    """A client with its sessions, closed at the end.

    Args:
        login: who we are.
        rate: how fast the API server is asked: every request, repetition and websocket takes a turn; None for no
            limit.
        settle_seconds: how long after the start a 403 is worth repeating, see `Api`.
        patience_seconds: how long an API server that is away is waited for, see `Api`.
        pause: how to sleep.
        observe: told of each request, for metrics.
        page: objects of one answer to a list; each is held as Python objects, some ten times the size of its text.
    """
    opening = opened(
        login,
        rate=rate,
        settle_seconds=settle_seconds,
        patience_seconds=patience_seconds,
        pause=pause,
        observe=observe,
    )
    async with opening as api, pod_session() as pods:
        yield Client(api, pods, page)
