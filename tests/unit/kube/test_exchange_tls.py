"""Requests to pods by https: whom we believe to be a pod."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from support.asking import asked
from supportbundle import errors
from supportbundle.kube.client import Client
from supportbundle.kube.exchange import pod_url
from supportbundle.kube.forward import PROTOCOL
from supportbundle.kube.tls import TLSFailed, context
from supportbundle.model.exchange import PodRequest, PodTLS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
Connect = Callable[..., Awaitable[Client]]


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
