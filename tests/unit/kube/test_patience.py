"""An API server that is away for a while, and a client that has been told to wait for it."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from supportbundle.errors import Unavailable
from supportbundle.kube.client import connect
from supportbundle.kube.login import Login

ABSENT = 8
"""Pauses after which the server comes."""


async def no_headers() -> dict[str, str]:
    return {}


async def answer(_: web.Request) -> web.Response:
    return web.json_response({"kind": "Pod"})


@pytest.mark.parametrize("patience", [0.0, 60.0])
async def test_a_server_that_is_away_is_waited_for_as_long_as_asked(patience: float) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pauses: list[float] = []
    async with AsyncExitStack() as stack:

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == ABSENT:
                app = web.Application()
                app.router.add_get("/{path:.*}", answer)
                runner = web.AppRunner(app)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await web.TCPSite(runner, "127.0.0.1", port).start()

        login = Login(base_url=f"http://127.0.0.1:{port}", headers=no_headers)
        client = await stack.enter_async_context(connect(login, patience_seconds=patience, pause=pause))
        if patience:
            assert await client.get("/x") == {"kind": "Pod"}
            assert len(pauses) == ABSENT
        else:
            with pytest.raises(Unavailable):
                await client.get("/x")
            assert len(pauses) == 3


async def test_an_answer_is_not_waited_for() -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500)

    pauses: list[float] = []
    async with AsyncExitStack() as stack:

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        app = web.Application()
        app.router.add_get("/{path:.*}", broken)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        login = Login(base_url=f"http://127.0.0.1:{port}", headers=no_headers)
        client = await stack.enter_async_context(connect(login, patience_seconds=60, pause=pause))
        with pytest.raises(Unavailable):
            await client.get("/x")
    assert len(pauses) == 3
