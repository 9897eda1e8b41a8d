"""Real HTTP servers on loopback, and clients that speak to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from supportbundle.kube.client import PAGE, Client, connect
from supportbundle.kube.exchange import pod_session
from supportbundle.kube.login import Login

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def serve(stack: AsyncExitStack) -> Serve:
    """Start a server whose every path goes to one handler; gives its base URL."""

    async def start(handler: Handler) -> str:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return str(site.name)

    return start


async def no_headers() -> Mapping[str, str]:
    return {}


@pytest.fixture
def client(serve: Serve, stack: AsyncExitStack) -> Connect:
    """A client of a server with this handler; `pauses` collects what it would have slept."""

    async def make(
        handler: Handler, *, pauses: list[float] | None = None, settle_seconds: float = 0, page: int = PAGE
    ) -> Client:
        slept = pauses if pauses is not None else []

        async def pause(seconds: float) -> None:
            slept.append(seconds)

        login = Login(base_url=await serve(handler), headers=no_headers)
        return await stack.enter_async_context(connect(login, settle_seconds=settle_seconds, pause=pause, page=page))

    return make


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with pod_session() as opened:
        yield opened
