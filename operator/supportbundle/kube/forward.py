"""Port-forward to a pod: a loopback listener whose connections each travel in a websocket of their own.

The protocol (Kubernetes' `v4.channel.k8s.io`, served by the kubelet): each binary message begins with its channel, 0
for data and 1 for an error text; the first message of each channel holds the port in two bytes. One forwarded port
carries one connection, so a second connection needs a second websocket. The kubelet dials inside the pod's network
namespace: ports bound to the pod's loopback are reached, and no route or network policy is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp

from supportbundle.errors import SupportBundleError, Unavailable
from supportbundle.kube.links import ended, hang_up, keep_alive
from supportbundle.model.gap import printable

PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2
_PIECE = 32 << 10
_ERROR_CHARS = 500

Dial = Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]
"""Opens one websocket to the pod's port; raises our errors."""


class Forward:
    """One forwarded port. `failure` is why the last connection ended, if the far side gave a reason."""

    def __init__(self, dial: Dial, pod: str, port: int) -> None:
        self._dial = dial
        self._pod = pod
        self._port = port
        self._bridges: set[asyncio.Task[None]] = set()
        self._closed = False
        self.failure: SupportBundleError | None = None
        self.base_url = ""
        self.dialled = 0
        self._news = asyncio.Event()

    async def until_dialled(self, count: int) -> None:
        """Wait until so many connections have reached the pod, or failed to."""
        while self.dialled < count:
            await self._news.wait()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Forward]:
        """Listen on a free loopback port; at the end all connections are closed."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2 * _PIECE)
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self._closed = True
            server.close()
            for bridge in self._bridges:
                bridge.cancel()
            await asyncio.gather(*self._bridges, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Not a coroutine: `start_server` would keep no handle on its task, and closing would leave it behind."""
        if self._closed:
            writer.transport.abort()
            return
        bridge = asyncio.create_task(self._bridge(reader, writer))
        self._bridges.add(bridge)
        # A callback, because a task cancelled before its first step runs no `finally`.
        bridge.add_done_callback(lambda _: writer.close())
        bridge.add_done_callback(self._bridges.discard)

    async def _bridge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.failure = None
        try:
            try:
                link = await self._dial()
            finally:
                self.dialled += 1
                self._news.set()
                self._news = asyncio.Event()
            try:
                await self._both_ways(link, reader, writer)
            finally:
                await hang_up(link)
        except SupportBundleError as error:
            # Set before the connection ends: whoever sees the end asks for the reason.
            self.failure = error
            writer.transport.abort()

    async def _both_ways(
        self, link: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        helpers = (asyncio.create_task(_upload(reader, link)), asyncio.create_task(keep_alive(link)))
        try:
            await self._download(link, reader, writer)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _download(
        self, link: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Copy data to our client until either side ends. An error text ends it with `Unavailable`."""
        preamble = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
        while (code := ended(link, message := await link.receive())) is None:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data or message.data[0] not in preamble:
                raise Unavailable(f"The port-forward to pod {self._pod} broke: {message.type.name}.")
            channel = message.data[0]
            payload = memoryview(message.data)[1 + preamble[channel] :]
            preamble[channel] = max(0, preamble[channel] - (len(message.data) - 1))
            if not payload:
                continue
            if channel == _ERROR:
                raise self._refused(bytes(payload[: 4 * _ERROR_CHARS]).decode("utf-8", "replace"))
            writer.write(payload)
            try:
                await writer.drain()
            except ConnectionError:
                return  # Our client has what it wanted and went away.
        if code != aiohttp.WSCloseCode.OK and not reader.at_eof():
            raise Unavailable(f"The port-forward to pod {self._pod} was cut off (code {code}).")

    def _refused(self, text: str) -> Unavailable:
        if "connection refused" in text:
            return Unavailable(
                f"Nothing listens on port {self._port} in pod {self._pod}.",
                "Check the collector's `port`, and that the program opens it.",
            )
        return Unavailable(
            f"The port-forward to port {self._port} of pod {self._pod} failed: {printable(text, _ERROR_CHARS)}."
        )


async def _upload(reader: asyncio.StreamReader, link: aiohttp.ClientWebSocketResponse) -> None:
    """Copy what our client sends. The protocol cannot say "half closed", so the client's end is the end of both."""
    with suppress(ConnectionError, aiohttp.ClientError):
        while piece := await reader.read(_PIECE):
            await link.send_bytes(bytes((_DATA,)) + piece)
    await hang_up(link)
