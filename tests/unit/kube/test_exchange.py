"""Requests to pods: nothing of ours is sent, and nothing that a pod answers can lead or hold us."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from support.asking import asked
from supportbundle import errors
from supportbundle.kube.client import Client, connect
from supportbundle.kube.exchange import MAX_HEADER_CHARS, MAX_HEADERS, exchange, pod_session, pod_url
from supportbundle.kube.login import Login
from supportbundle.model.exchange import PodRequest

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
Connect = Callable[..., Awaitable[Client]]
SECRET = "Bearer s3cr3t-t0ken"


async def body(session: aiohttp.ClientSession, url: str, seconds: float = 5) -> bytes:
    return (await asked(session, PodRequest(url, timeout_seconds=seconds)))[1]


@asynccontextmanager
async def listening(
    play: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server of bytes; at the end nothing of it is left."""
    connections: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await play(reader, writer)
            finally:
                writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(served(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)


@asynccontextmanager
async def raw(answer: bytes, *, more: bytes = b"") -> AsyncIterator[str]:
    """A server that says these bytes to whatever it is told, and then `more` for ever, or closes."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        while more:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0)

    async with listening(play) as url:
        yield url


async def test_the_body_is_raw_even_where_the_server_compresses(session: aiohttp.ClientSession, serve: Serve) -> None:
    packed = gzip.compress(b"x" * 1000)

    async def handler(request: web.Request) -> web.Response:
        assert request.headers.getall("Accept-Encoding") == ["identity"]
        assert request.headers["X-Token"] == "t"
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    request = PodRequest(await serve(handler), headers={"X-Token": "t", "accept-encoding": "gzip"})
    assert (await asked(session, request))[1] == packed


async def test_a_body_is_sent(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.headers['Content-Type']} {await request.text()}")

    request = PodRequest(
        await serve(handler), method="POST", headers={"Content-Type": "application/json"}, body=b'{"a": 1}'
    )
    assert (await asked(session, request))[1] == b'POST application/json {"a": 1}'


@pytest.mark.parametrize("method", ["DELETE", "PUT", "get", "CONNECT", "GET / HTTP/1.1\r\nX: y"])
async def test_other_methods_are_not_sent(session: aiohttp.ClientSession, method: str) -> None:
    with pytest.raises(errors.Invalid, match="Use GET or POST"):
        await asked(session, PodRequest("http://127.0.0.1:1", method=method))


@pytest.mark.parametrize("status", [200, 204, 302, 304, 404, 418, 503, 599])
async def test_any_status_is_an_answer_and_redirects_are_not_followed(
    session: aiohttp.ClientSession, serve: Serve, status: int
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://169.254.169.254/"})

    answer, _ = await asked(session, PodRequest(await serve(handler)))
    assert answer.status == status
    assert answer.headers["location"] == "http://169.254.169.254/"


async def test_cookies_are_not_kept(session: aiohttp.ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        response = web.Response()
        response.set_cookie("a", "b")
        return response

    url = await serve(handler)
    await body(session, url)
    await body(session, url)


class TestHeaders:
    """Headers that a pod answers with."""

    async def test_a_few_of_many(self, session: aiohttp.ClientSession) -> None:
        lines = b"".join(b"X-%d: v\r\n" % n for n in range(100))
        async with raw(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok") as url:
            answer, received = await asked(session, PodRequest(url))
        assert received == b"ok"
        assert list(answer.headers) == [f"X-{n}" for n in range(MAX_HEADERS)]

    async def test_long_ones_are_left_out(self, session: aiohttp.ClientSession) -> None:
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"v" * 3000) for n in range(5))
        async with raw(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n") as url:
            answer, _ = await asked(session, PodRequest(url))
        assert list(answer.headers) == ["X-0", "X-1"]
        assert sum(len(name) + len(value) for name, value in answer.headers.items()) <= MAX_HEADER_CHARS

    async def test_they_are_printable_and_each_stays(self, session: aiohttp.ClientSession) -> None:
        lines = b"X-A: \x1b[31mred \xff\r\nx-a: two\r\n"
        async with raw(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n") as url:
            try:
                answer, _ = await asked(session, PodRequest(url))
            except errors.Unavailable:
                return  # A parser may refuse the escape; it must not hand it on.
        assert all(value.isprintable() for value in answer.headers.values())

    async def test_endless_headers_are_an_expected_failure(self, session: aiohttp.ClientSession) -> None:
        async with raw(b"HTTP/1.1 200 OK\r\n", more=b"X-A: " + b"a" * 1000 + b"\r\n") as url:
            with pytest.raises(errors.Unavailable, match="no HTTP"):
                await body(session, url)

    async def test_endless_interim_answers_end_at_the_deadline(self, session: aiohttp.ClientSession) -> None:
        async with raw(b"", more=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10) as url:
            with pytest.raises(errors.SupportBundleError):
                await body(session, url, seconds=0.3)


class TestBounds:
    """Bodies that never end, or end early."""

    async def test_a_body_that_drips_for_ever_ends_at_the_deadline(
        self, session: aiohttp.ClientSession, serve: Serve
    ) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.01)

        with pytest.raises(errors.DeadlineExceeded):
            await body(session, await serve(handler), seconds=0.2)

    @pytest.mark.parametrize("length", [b"Transfer-Encoding: chunked\r\n", b""])
    async def test_a_body_that_floods_for_ever_ends_at_the_deadline(
        self, session: aiohttp.ClientSession, length: bytes
    ) -> None:
        """The reader is never waiting: each chunk is there before it is asked for."""
        piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        async with raw(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", more=piece) as url:
            request = PodRequest(url, timeout_seconds=0.3)
            async with exchange(session, request, pod_url(url), lambda: None) as answer:
                with pytest.raises(errors.DeadlineExceeded):
                    async for _ in answer.body:
                        await asyncio.sleep(0.005)

    async def test_a_body_that_came_in_time_may_be_read_later(
        self, session: aiohttp.ClientSession, serve: Serve
    ) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=b"x" * 1000)

        url = await serve(handler)
        async with exchange(session, PodRequest(url, timeout_seconds=0.1), pod_url(url), lambda: None) as answer:
            await asyncio.sleep(0.15)
            assert b"".join([chunk async for chunk in answer.body]) == b"x" * 1000

    async def test_no_answer_ends_at_the_deadline(self, session: aiohttp.ClientSession, serve: Serve) -> None:
        async def handler(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            return web.Response()

        with pytest.raises(errors.DeadlineExceeded):
            await body(session, await serve(handler), seconds=0.1)

    async def test_a_request_that_nobody_reads_ends_at_the_deadline(self, session: aiohttp.ClientSession) -> None:
        async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()
            await asyncio.Event().wait()

        async with listening(deaf) as url:
            with pytest.raises(errors.DeadlineExceeded):
                await asked(session, PodRequest(url, method="POST", body=b"x" * (1 << 20), timeout_seconds=0.2))

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1",
            b"",
        ],
    )
    async def test_an_answer_that_breaks_off_is_no_complete_body(
        self, session: aiohttp.ClientSession, answer: bytes
    ) -> None:
        async with raw(answer) as url:
            with pytest.raises(errors.Unavailable):
                await body(session, url)

    async def test_what_follows_the_stated_length_is_no_part_of_the_body(self, session: aiohttp.ClientSession) -> None:
        async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\nsecond") as url:
            assert await body(session, url) == b"body"

    async def test_a_switch_of_protocols_is_an_answer_like_others(self, session: aiohttp.ClientSession) -> None:
        switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        async with raw(switch + b"hello") as url:
            answer, _ = await asked(session, PodRequest(url, timeout_seconds=1))
        assert answer.status == 101

    @settings(max_examples=60, deadline=None)
    @given(garbage=st.binary(max_size=300), status=st.booleans())
    def test_whatever_a_port_says_it_is_an_answer_or_an_expected_failure(self, garbage: bytes, status: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        async def ask() -> None:
            async with raw((b"HTTP/1.1 200 OK\r\n" if status else b"") + garbage) as url, pod_session() as session:
                request = PodRequest(url, headers={"Authorization": SECRET}, timeout_seconds=2)
                with suppress(errors.SupportBundleError):
                    await asked(session, request)

        asyncio.run(ask())


class TestCredentials:
    """A header's value is nobody's business but the pod's."""

    @pytest.mark.parametrize(
        "echo",
        [
            b"%s\r\n\r\n",
            b"HTTP/1.1 %s OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n%s\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
        ],
    )
    async def test_an_echo_in_place_of_http_is_not_quoted(self, session: aiohttp.ClientSession, echo: bytes) -> None:
        async with raw(echo % SECRET.encode()) as url:
            with pytest.raises(errors.Unavailable) as caught:
                await asked(session, PodRequest(url, headers={"Authorization": SECRET}))
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize("value", [SECRET + "\r\nX: y", SECRET + "\n", SECRET + "\0", SECRET + "\udcff"])
    async def test_a_value_that_http_cannot_carry(self, session: aiohttp.ClientSession, value: str) -> None:
        with pytest.raises(errors.Invalid, match="'Authorization' is not sent") as caught:
            await asked(session, PodRequest("http://127.0.0.1:1", headers={"Authorization": value}))
        assert "s3cr3t" not in str(caught.value)

    async def test_a_closed_port(self, session: aiohttp.ClientSession, unused_tcp_port: int) -> None:
        url = f"http://127.0.0.1:{unused_tcp_port}/path?token=s3cr3t"
        with pytest.raises(errors.Unavailable, match="GET /path: no connection") as caught:
            await asked(session, PodRequest(url, headers={"Authorization": SECRET}))
        assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://user:secret@10.0.0.1/", "http://:secret@10.0.0.1/", "ftp://10.0.0.1/", "/x", "", "http://[secret/"]
)
def test_only_plain_urls_without_credentials(url: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        pod_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_loopback_is_called_only_where_it_is_our_own_forward(serve: Serve, scheme: str) -> None:
    async def identity() -> dict[str, str]:
        return {"Authorization": "Bearer ours"}

    async def handler(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        return web.Response()

    base = await serve(handler)
    async with connect(Login(base_url=base, headers=identity)) as client:
        with pytest.raises(errors.Invalid, match="not the address of a pod"):
            async with client.request(PodRequest(base.replace("http", scheme))):
                pass
