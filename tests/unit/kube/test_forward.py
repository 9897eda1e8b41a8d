"""Port-forward: bytes both ways, a websocket for each connection, and reasons instead of resets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle import errors
from supportbundle.kube.client import Client, connect
from supportbundle.kube.forward import PROTOCOL, Forward
from supportbundle.kube.login import Login
from supportbundle.model.exchange import PodRequest

Connect = Callable[..., Awaitable[Client]]
Serve = Callable[..., Awaitable[str]]
Kubelet = Callable[[web.WebSocketResponse], Awaitable[None]]
PORT = (6060).to_bytes(2, "little")
DATA, ERROR = b"\0", b"\1"
REFUSED = b"error forwarding port 6060: dial tcp4 127.0.0.1:6060: connect: connection refused"


def kubelet(serve: Kubelet, requests: list[web.Request] | None = None) -> Callable[..., Awaitable[web.StreamResponse]]:
    """A handler that greets on both channels as a kubelet does, then lets `serve` play the pod."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if requests is not None:
            requests.append(request)
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        await socket.send_bytes(DATA + PORT)
        await socket.send_bytes(ERROR + PORT)
        await serve(socket)
        await socket.close()
        return socket

    return handler


async def answer(socket: web.WebSocketResponse) -> None:
    """Read one HTTP request, answer it."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += (await socket.receive_bytes())[1:]
    path = received.split(b" ")[1]
    await socket.send_bytes(DATA + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path))
    await socket.send_bytes(DATA + path)


async def fetched(client: Client, url: str) -> bytes:
    async with client.request(PodRequest(url, timeout_seconds=5)) as answer:
        return b"".join([chunk async for chunk in answer.body])


async def test_each_connection_travels_in_its_own_websocket(client: Connect) -> None:
    requests: list[web.Request] = []
    real = await client(kubelet(answer, requests))
    async with real.forward("ns", "web-0", 6060) as base:
        assert await fetched(real, f"{base}/a") == b"/a"
        assert await asyncio.gather(*(fetched(real, f"{base}/{n}") for n in "bcd")) == [b"/b", b"/c", b"/d"]
    assert len(requests) == 4
    assert {r.path_qs for r in requests} == {"/api/v1/namespaces/ns/pods/web-0/portforward?ports=6060"}


async def test_hundreds_of_ports_are_open_at_the_same_time(client: Connect) -> None:
    pods = 150
    all_there = asyncio.Barrier(pods)

    async def meet(socket: web.WebSocketResponse) -> None:
        await all_there.wait()
        await answer(socket)

    real = await client(kubelet(meet))

    async def profile(pod: str) -> bytes:
        async with real.forward("ns", pod, 6060) as base:
            return await fetched(real, f"{base}/{pod}")

    assert len(set(await asyncio.gather(*(profile(f"web-{n}") for n in range(pods))))) == pods


async def test_nothing_is_sent_before_the_request_is_ready(client: Connect) -> None:
    told: list[str] = []
    connected = asyncio.Event()

    async def listen(socket: web.WebSocketResponse) -> None:
        told.append("the pod is reached")
        connected.set()
        await answer(socket)
        told.append("the request has come")

    async def ready() -> None:
        await connected.wait()
        told.append("ready")

    real = await client(kubelet(listen))
    async with (
        real.forward("ns", "web-0", 6060) as base,
        real.request(PodRequest(f"{base}/a", timeout_seconds=5, ready=ready)) as reply,
    ):
        assert [chunk async for chunk in reply.body] == [b"/a"]
    assert told == ["the pod is reached", "ready", "the request has come"]


async def test_a_port_that_cannot_be_reached_keeps_nobody_waiting(client: Connect) -> None:
    async def forbidden(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    async def ready() -> None:
        await asyncio.sleep(0)

    real = await client(forbidden)
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Forbidden):
            async with real.request(PodRequest(f"{base}/a", timeout_seconds=5, ready=ready)):
                pass


async def test_a_closed_port_is_told_in_plain_words(client: Connect) -> None:
    async def refuse(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(ERROR + REFUSED)

    real = await client(kubelet(refuse))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable, match="Nothing listens on port 6060 in pod web-0"):
            await fetched(real, base)


async def test_another_error_text_is_quoted_printable(client: Connect) -> None:
    async def fail(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(ERROR + b"no such \x1b[31msandbox")

    real = await client(kubelet(fail))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable, match=r"no such .x1b\[31msandbox"):
            await fetched(real, base)


async def test_an_error_in_the_middle_of_a_body_is_no_complete_body(client: Connect) -> None:
    async def break_off(socket: web.WebSocketResponse) -> None:
        await socket.receive_bytes()
        await socket.send_bytes(DATA + b"HTTP/1.0 200 OK\r\n\r\nno length, ends with the connection")
        await socket.send_bytes(ERROR + b"container died")

    real = await client(kubelet(break_off))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable):
            await fetched(real, base)


async def test_a_failure_is_forgotten_when_a_later_connection_works(client: Connect) -> None:
    listens = False

    async def play(socket: web.WebSocketResponse) -> None:
        await (answer(socket) if listens else socket.send_bytes(ERROR + REFUSED))

    real = await client(kubelet(play))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable):
            await fetched(real, base)
        listens = True
        assert await fetched(real, f"{base}/up") == b"/up"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(403, errors.Forbidden), (404, errors.NotFound), (400, errors.Invalid), (500, errors.Unavailable)],
)
async def test_a_refused_upgrade_reaches_the_request(
    client: Connect, code: int, kind: type[errors.SupportBundleError]
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"message": "the server's own words"}, status=code)

    real = await client(handler)
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(kind, match="the server's own words"):
            await fetched(real, base)


async def test_a_missing_right_is_named(client: Connect) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=403)

    real = await client(handler)
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Forbidden, match="get and create on pods/portforward"):
            await fetched(real, base)


async def test_an_upgrade_follows_no_redirect_with_our_token(client: Connect) -> None:
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPFound("/elsewhere")

    real = await client(handler)
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable):
            await fetched(real, base)
    assert set(paths) == {"/api/v1/namespaces/ns/pods/web-0/portforward"}


async def test_leaving_closes_what_is_open(client: Connect) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang(socket: web.WebSocketResponse) -> None:
        started.set()
        try:
            async for _ in socket:
                pass
        finally:
            ended.set()

    real = await client(kubelet(hang))
    async with real.forward("ns", "web-0", 6060) as base:
        request = asyncio.create_task(fetched(real, base))
        await started.wait()
    with pytest.raises(errors.SupportBundleError):
        await request
    await ended.wait()


async def test_the_address_is_gone_afterwards(client: Connect) -> None:
    real = await client(kubelet(answer))
    async with real.forward("ns", "web-0", 6060) as base:
        pass
    with pytest.raises(errors.Invalid):
        await fetched(real, base)


async def test_a_message_on_an_unknown_channel_ends_it(client: Connect) -> None:
    async def odd(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x07what")
        await socket.receive()

    real = await client(kubelet(odd))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable):
            await fetched(real, base)


async def test_a_connection_cut_without_goodbye_is_a_failure(client: Connect) -> None:
    async def vanish(socket: web.WebSocketResponse) -> None:
        await socket.receive_bytes()
        await socket.send_bytes(DATA + b"HTTP/1.0 200 OK\r\n\r\nhalf")
        assert socket._req is not None  # noqa: SLF001
        assert socket._req.transport is not None  # noqa: SLF001
        socket._req.transport.abort()  # noqa: SLF001

    real = await client(kubelet(vanish))
    async with real.forward("ns", "web-0", 6060) as base:
        with pytest.raises(errors.Unavailable):
            await fetched(real, base)


@settings(max_examples=25, deadline=None)
@given(
    up=st.lists(st.binary(min_size=1, max_size=100_000), max_size=5),
    cuts=st.integers(min_value=1, max_value=40_000),
)
def test_bytes_pass_unchanged_however_they_are_cut(up: list[bytes], cuts: int) -> None:
    sent = b"".join(up)

    async def echo(socket: web.WebSocketResponse) -> None:
        received = b""
        while len(received) < len(sent):
            received += (await socket.receive_bytes())[1:]
        for start in range(0, len(received), cuts):
            await socket.send_bytes(DATA + received[start : start + cuts])

    assert asyncio.run(_through(echo, up, len(sent))) == sent


async def _through(play: Kubelet, up: list[bytes], expected: int) -> bytes:
    app = web.Application()
    app.router.add_get("/", kubelet(play))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()

    async with aiohttp.ClientSession() as session:

        async def dial() -> aiohttp.ClientWebSocketResponse:
            return await session.ws_connect(str(site.name), protocols=(PROTOCOL,), max_msg_size=1 << 20)

        async with Forward(dial, "web-0", 6060).listening() as forward:
            host, _, port = forward.base_url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            for piece in up:
                writer.write(piece)
                await writer.drain()
            back = await reader.readexactly(expected)
            writer.close()
            await writer.wait_closed()
    await runner.cleanup()
    return back


async def test_no_credentials_reach_the_pod(serve: Serve) -> None:
    async def token() -> dict[str, str]:
        return {"Authorization": "Bearer ours"}

    seen = []

    async def record(socket: web.WebSocketResponse) -> None:
        seen.append(await socket.receive_bytes())
        await socket.send_bytes(DATA + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    requests: list[web.Request] = []
    base_url = await serve(kubelet(record, requests))
    async with connect(Login(base_url=base_url, headers=token)) as real, real.forward("ns", "web-0", 6060) as base:
        await fetched(real, base)
    assert requests[0].headers["Authorization"] == "Bearer ours"
    assert b"ours" not in seen[0]
