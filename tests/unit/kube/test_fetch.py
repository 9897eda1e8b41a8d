"""Plain requests to pods: nothing of ours is sent, and nothing that a pod answers can lead or hold us."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from supportbundle import errors
from supportbundle.kube.client import connect
from supportbundle.kube.login import Login
from supportbundle.kube.plain import fetch, plain_session

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with plain_session() as opened:
        yield opened


async def body(session: aiohttp.ClientSession, url: str, seconds: float = 5) -> bytes:
    async with fetch(
        session, URL(url), headers={"X-Token": "t"}, timeout_seconds=seconds, explain=lambda: None
    ) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_the_body_is_raw_even_where_the_server_compresses(session: aiohttp.ClientSession, serve: Serve) -> None:
    packed = gzip.compress(b"x" * 1000)

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["X-Token"] == "t"
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert await body(session, await serve(handler)) == packed


async def test_redirects_are_not_followed(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/")

    with pytest.raises(errors.HTTPStatus) as caught:
        await body(session, await serve(handler))
    assert caught.value.reason == "HTTP302"


async def test_a_refusal_names_status_and_the_bodys_first_words(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503, text="\x1b[2Jnot now " + "x" * 5000)

    with pytest.raises(errors.HTTPStatus) as caught:
        await body(session, await serve(handler))
    assert caught.value.reason == "HTTP503"
    assert caught.value.status == 503
    assert "\\x1b[2Jnot now" in str(caught.value)
    assert len(str(caught.value)) < 300


async def test_a_body_that_drips_for_ever_ends_at_the_deadline(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    with pytest.raises(errors.DeadlineExceeded):
        await body(session, await serve(handler), seconds=0.2)


async def test_no_answer_ends_at_the_deadline(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(errors.DeadlineExceeded):
        await body(session, await serve(handler), seconds=0.1)


async def test_a_lying_content_length_is_no_complete_body(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b"short")
        assert request.transport is not None
        request.transport.close()
        return response

    with pytest.raises(errors.Unavailable):
        await body(session, await serve(handler))


async def test_garbage_instead_of_http_is_an_expected_failure(session: aiohttp.ClientSession) -> None:
    async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x01 not http\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(garbage, "127.0.0.1", 0) as server:
        with pytest.raises(errors.Unavailable):
            await body(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "http://user:secret@10.0.0.1/", "ftp://10.0.0.1/"])
async def test_only_plain_http_without_credentials(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await body(session, url)
    assert "secret" not in str(caught.value)


async def test_loopback_is_called_only_where_it_is_our_own_forward(serve: Serve) -> None:
    async def no_headers() -> dict[str, str]:
        return {"Authorization": "Bearer ours"}

    async def handler(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        return web.Response()

    base = await serve(handler)
    async with connect(Login(base_url=base, headers=no_headers)) as client:
        with pytest.raises(errors.Invalid, match="not the address of a pod"):
            async with client.fetch(base):
                pass
