"""A proxy before a real S3 server that misbehaves as a test asks: by operation, by key, so many times.

Signatures survive it, because the client signs the proxy's own host and the header is passed on as it came. Whole
bodies are held in memory.
"""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way; `forward` asks the real server."""

    request: web.Request
    forward: Callable[[], Awaitable[web.Response]]


Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]


def answers(status: int, code: str) -> Fault:
    """The server is not asked; this is what S3 would say."""

    async def fault(_: Exchange) -> web.StreamResponse:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by the test</Message></Error>"
        return web.Response(status=status, text=body, content_type="application/xml")

    return fault


def slow(seconds: float) -> Fault:
    """The answer comes so late."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await exchange.forward()

    return fault


async def truncated(exchange: Exchange) -> web.StreamResponse:
    """Half of the body that was announced, then the connection breaks. An answer without a body is lost as a whole."""
    whole = await exchange.forward()
    body = whole.body if isinstance(whole.body, bytes) else b""
    if not body:
        return await _cut(exchange.request, whole)
    half = web.StreamResponse(status=whole.status, headers=whole.headers)
    half.content_length = len(body)
    await half.prepare(exchange.request)
    await half.write(body[: len(body) // 2])
    return await _cut(exchange.request, half)


async def lost(exchange: Exchange) -> web.StreamResponse:
    """The server does what was asked, and nobody hears of it."""
    return await _cut(exchange.request, await exchange.forward())


async def pretended(_: Exchange) -> web.StreamResponse:
    """A deletion that says it succeeded and deleted nothing, so that a test finds what was staged."""
    return web.Response(text="<DeleteResult/>", content_type="application/xml")


async def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort() if request.transport.get_write_buffer_size() == 0 else request.transport.close()
    return response


@dataclass
class Rule:
    """A fault for what matches; `left` is how many times more, None for always, and `met` how often it struck."""

    operation: str
    key: re.Pattern[str]
    fault: Fault
    left: int | None
    met: int = 0


def operation(method: str, url: str, headers: object) -> tuple[str, str]:
    """The name of the S3 operation, and the key it is about. Buckets are in the path."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    key = parts.path.lstrip("/").partition("/")[2]
    copied = "x-amz-copy-source" in headers  # type: ignore[operator]  # aiohttp's headers are a mapping
    match method:
        case "GET" if not key:
            return ("ListMultipartUploads" if "uploads" in query else "ListObjects"), query.get("prefix", [""])[0]
        case "PUT" if "partNumber" in query:
            return ("UploadPartCopy" if copied else "UploadPart"), key
        case "POST" if "delete" in query:
            return "DeleteObjects", key
        case "POST":
            return ("CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"), key
        case "DELETE" if "uploadId" in query:
            return "AbortMultipartUpload", key
        case _:
            return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject"}.get(method, method), key


@dataclass
class FaultProxy:
    """Made by `standing_before`. Rules may be set from any thread; the first that matches strikes."""

    upstream: str
    endpoint: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    rules: list[Rule] = field(default_factory=list)

    @contextmanager
    def on(self, operation: str, fault: Fault, *, key: str = "", times: int | None = None) -> Iterator[Rule]:
        """The fault while the context is open. `operation` may be `*`; `key` is searched for as an expression."""
        rule = Rule(operation, re.compile(key), fault, times)
        self.rules.append(rule)
        try:
            yield rule
        finally:
            self.rules.remove(rule)

    async def handle(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        """Pass a request on, or let a fault have it."""
        body = await request.read()
        name, key = operation(request.method, request.raw_path, request.headers)
        self.seen[name] += 1

        async def forward() -> web.Response:
            return await self._forward(request, body, session)

        for rule in list(self.rules):
            if rule.operation in {"*", name} and rule.key.search(key) and rule.left != 0:
                rule.left = None if rule.left is None else rule.left - 1
                rule.met += 1
                return await rule.fault(Exchange(request, forward))
        try:
            return await forward()
        except aiohttp.ClientError:
            return web.Response(status=502)

    async def _forward(self, request: web.Request, body: bytes, session: aiohttp.ClientSession) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = URL(self.upstream + request.raw_path, encoded=True)
        async with session.request(
            request.method,
            url,
            data=io.BytesIO(body) if body else None,
            headers=headers,
            skip_auto_headers=OURS,
            allow_redirects=False,
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read() or None)


@contextmanager
def standing_before(upstream: str) -> Iterator[FaultProxy]:
    """A proxy on a free port of the upstream's own address, in a thread."""
    proxy = FaultProxy(upstream.rstrip("/"))
    started: Future[asyncio.AbstractEventLoop] = Future()
    over = asyncio.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(proxy, started, over)), name="faultproxy", daemon=True)
    thread.start()
    loop = started.result(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


async def _serve(proxy: FaultProxy, started: Future[asyncio.AbstractEventLoop], over: asyncio.Event) -> None:
    async with aiohttp.ClientSession(auto_decompress=False, trust_env=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await proxy.handle(request, session)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{rest:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        host = urlsplit(proxy.upstream).hostname
        await web.TCPSite(runner, host, 0).start()
        proxy.endpoint = f"http://{host}:{runner.addresses[0][1]}"
        started.set_result(asyncio.get_running_loop())
        await over.wait()
        await runner.cleanup()
