"""Requests to pods: nothing of ours is sent, and nothing that a pod answers can lead or hold us."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle import errors
from supportbundle.kube.client import Client, connect
from supportbundle.kube.exchange import MAX_HEADER_CHARS, MAX_HEADERS, exchange, pod_session, pod_url
from supportbundle.kube.forward import PROTOCOL
from supportbundle.kube.login import Login
from supportbundle.kube.tls import TLSFailed, context
from supportbundle.model.exchange import PodAnswer, PodRequest, PodTLS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
Connect = Callable[..., Awaitable[Client]]
SECRET = "Bearer s3cr3t-t0ken"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with pod_session() as opened:
        yield opened


async def asked(session: aiohttp.ClientSession, request: PodRequest) -> tuple[PodAnswer, bytes]:
    async with exchange(session, request, pod_url(request.url), lambda: None) as answer:
        return answer, b"".join([chunk async for chunk in answer.body])


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


class Authority:
    """A CA, and a server's certificate of it for `web.test` and 127.0.0.2."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        new = ["openssl", "req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        self._run(*new, "-x509", "-subj", "/CN=ca", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt")
        self._run(*new, "-subj", "/CN=web", "-keyout", "web.key", "-out", "web.csr")
        (directory / "names").write_text("subjectAltName=DNS:web.test,IP:127.0.0.2")
        sign = ["openssl", "x509", "-req", "-in", "web.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"]
        self._run(*sign, "-days", "2", "-extfile", "names", "-out", "web.crt")
        self.pem = (directory / "ca.crt").read_text()

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory)

    def server(self) -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(self.directory / "web.crt", self.directory / "web.key")
        return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[str]:
    """An https server."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"secure")

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server())
    await site.start()
    yield str(site.name)
    await runner.cleanup()


class TestTLS:
    """Whom we believe to be a pod."""

    @pytest.mark.parametrize("name", ["web.test", "127.0.0.2"])
    async def test_the_given_authority_and_name(
        self, session: aiohttp.ClientSession, authority: Authority, secure: str, name: str
    ) -> None:
        _, received = await asked(session, PodRequest(secure, tls=PodTLS(authority.pem, name)))
        assert received == b"secure"

    @pytest.mark.parametrize("name", ["", "other.test"])
    async def test_another_name_is_refused(
        self, session: aiohttp.ClientSession, authority: Authority, secure: str, name: str
    ) -> None:
        with pytest.raises(TLSFailed, match=r"(?i)mismatch.*Set tls\.caBundle/caFrom, serverName") as caught:
            await asked(session, PodRequest(secure, tls=PodTLS(authority.pem, name)))
        assert caught.value.reason == "TLSFailed"

    @pytest.mark.parametrize("tls", [None, PodTLS(), PodTLS(server_name="web.test")])
    async def test_an_unknown_authority_is_refused(
        self, session: aiohttp.ClientSession, secure: str, tls: PodTLS | None
    ) -> None:
        with pytest.raises(TLSFailed, match="unable to get local issuer certificate"):
            await asked(session, PodRequest(secure, tls=tls))

    async def test_verification_is_skipped_only_where_it_is_said(
        self, session: aiohttp.ClientSession, secure: str
    ) -> None:
        _, received = await asked(session, PodRequest(secure, tls=PodTLS(insecure_skip_verify=True)))
        assert received == b"secure"

    async def test_a_port_that_speaks_no_tls(self, session: aiohttp.ClientSession, serve: Serve) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response()

        url = (await serve(handler)).replace("http", "https")
        with pytest.raises(TLSFailed, match=r"handshake failed: .*Check that this port speaks https"):
            await asked(session, PodRequest(url, tls=PodTLS(insecure_skip_verify=True)))

    @pytest.mark.parametrize(
        "pem", ["x", "ü", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\0", "-----BEGIN"]
    )
    async def test_a_bundle_that_is_none(self, session: aiohttp.ClientSession, pem: str) -> None:
        with pytest.raises(errors.Invalid, match="no PEM certificate") as caught:
            await asked(session, PodRequest("https://127.0.0.1:1", tls=PodTLS(pem)))
        assert caught.value.reason == "Invalid"

    @given(st.text(min_size=1, max_size=200))
    def test_no_text_is_a_bundle_by_chance(self, pem: str) -> None:
        with pytest.raises(errors.Invalid):
            context(PodTLS(pem))

    async def test_a_forwarded_port(self, client: Connect, authority: Authority, secure: str) -> None:
        """The kubelet's side copies bytes between the websocket and the https server."""

        async def kubelet(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse(protocols=(PROTOCOL,))
            await socket.prepare(request)
            reader, writer = await asyncio.open_connection("127.0.0.1", pod_url(secure).port)
            for channel in (b"\0", b"\1"):
                await socket.send_bytes(channel + b"\xbb\x01")

            async def up() -> None:
                async for message in socket:
                    writer.write(message.data[1:])

            upload = asyncio.create_task(up())
            try:
                while piece := await reader.read(1000):
                    await socket.send_bytes(b"\0" + piece)
                await socket.close()
            finally:
                upload.cancel()
                writer.close()
            return socket

        real = await client(kubelet)
        async with real.forward("ns", "web-0", 443) as base:
            url = base.replace("http://", "https://")
            async with real.request(PodRequest(f"{url}/x", tls=PodTLS(authority.pem, "web.test"))) as answer:
                assert [chunk async for chunk in answer.body] == [b"secure"]

    async def test_a_forward_that_fails_is_told_before_the_handshake(self, client: Connect) -> None:
        async def kubelet(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse(protocols=(PROTOCOL,))
            await socket.prepare(request)
            for message in (b"\0\xbb\x01", b"\1\xbb\x01", b"\1dial tcp4 127.0.0.1:443: connect: connection refused"):
                await socket.send_bytes(message)
            await socket.close()
            return socket

        real = await client(kubelet)
        async with real.forward("ns", "web-0", 443) as base:
            with pytest.raises(errors.Unavailable, match="Nothing listens on port 443"):
                async with real.request(PodRequest(base.replace("http://", "https://"))):
                    pass
