"""Programs in containers: both outputs as they come, the exit code, and reasons in plain words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle import errors
from supportbundle.kube.client import Client, connect
from supportbundle.kube.exec import PROTOCOLS, CommandNotFound, outcome
from supportbundle.kube.login import Login
from supportbundle.model.exchange import Channel, PodCommand

Connect = Callable[..., Awaitable[Client]]
Play = Callable[[web.WebSocketResponse], Awaitable[None]]
OUT, ERR, END = b"\1", b"\2", b"\3"
SUCCESS = {"metadata": {}, "status": "Success"}
RUNC = (
    "Internal error occurred: error executing command in container: failed to exec in container: failed to start "
    'exec "c4e3": OCI runtime exec failed: exec failed: unable to start container process: exec: '
)


def exited(code: object) -> dict[str, Any]:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": "command terminated",
        "details": {"causes": causes},
    }


def internal(message: str, code: int = 500) -> dict[str, Any]:
    return {"status": "Failure", "reason": "InternalError", "message": message, "code": code}


def kubelet(play: Play, protocols: tuple[str, ...] = PROTOCOLS, requests: list[web.Request] | None = None) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        if requests is not None:
            requests.append(request)
        socket = web.WebSocketResponse(protocols=protocols)
        await socket.prepare(request)
        for channel in (OUT, ERR, END):
            await socket.send_bytes(channel)
        await play(socket)
        await socket.close()
        return socket

    return handler


def script(*messages: bytes | dict[str, Any]) -> Play:
    async def play(socket: web.WebSocketResponse) -> None:
        for message in messages:
            await socket.send_bytes(message if isinstance(message, bytes) else END + json.dumps(message).encode())

    return play


def command(*words: str, **options: Any) -> PodCommand:
    return PodCommand("ns", "web-0", "app", words or ("true",), **options)


async def ran(client: Client, what: PodCommand | None = None) -> tuple[list[tuple[Channel, bytes]], int]:
    async with client.execute(what or command()) as output:
        pieces = [piece async for piece in output]
        return pieces, output.exit_code


async def test_both_outputs_and_the_exit_code(client: Connect) -> None:
    real = await client(kubelet(script(OUT + b"a", ERR + b"b", OUT + b"c", SUCCESS)))
    assert await ran(real) == ([(Channel.STDOUT, b"a"), (Channel.STDERR, b"b"), (Channel.STDOUT, b"c")], 0)


async def test_output_that_comes_after_the_status_is_not_lost(client: Connect) -> None:
    real = await client(kubelet(script(SUCCESS, OUT + b"late")))
    assert await ran(real) == ([(Channel.STDOUT, b"late")], 0)


@pytest.mark.parametrize("code", [1, 7, 137, 255])
async def test_a_failure_is_a_result_too(client: Connect, code: int) -> None:
    assert await ran(await client(kubelet(script(ERR + b"no", exited(code))))) == ([(Channel.STDERR, b"no")], code)


@pytest.mark.parametrize("spoken", [PROTOCOLS, ("v4.channel.k8s.io",)])
async def test_the_request(client: Connect, spoken: tuple[str, ...]) -> None:
    requests: list[web.Request] = []
    real = await client(kubelet(script(SUCCESS), spoken, requests))
    await ran(real, command("sh", "-c", "echo a&b=c; ü +%20"))
    (request,) = requests
    assert request.path == "/api/v1/namespaces/ns/pods/web-0/exec"
    assert request.query.getall("command") == ["sh", "-c", "echo a&b=c; ü +%20"]
    rest = {key: value for key, value in request.query.items() if key != "command"}
    assert rest == {"container": "app", "stdout": "1", "stderr": "1"}
    assert request.headers["Sec-WebSocket-Protocol"] == "v5.channel.k8s.io,v4.channel.k8s.io"


@pytest.mark.parametrize("spoken", [PROTOCOLS, ("v4.channel.k8s.io",)])
async def test_standard_input_is_sent_and_ends(client: Connect, spoken: tuple[str, ...]) -> None:
    heard: list[bytes] = []
    requests: list[web.Request] = []

    async def play(socket: web.WebSocketResponse) -> None:
        heard.extend([await socket.receive_bytes() for _ in range(1 + (spoken == PROTOCOLS))])
        await script(OUT + b"thanks", SUCCESS)(socket)

    real = await client(kubelet(play, spoken, requests))
    asked = command("sh", "-c", "read -r TOKEN", stdin=b"s3cret\n")
    assert await ran(real, asked) == ([(Channel.STDOUT, b"thanks")], 0)
    assert heard == [b"\0s3cret\n", b"\xff\0"][: len(heard)]
    assert requests[0].query["stdin"] == "1"
    assert "s3cret" not in f"{requests[0].url} {asked}"


@settings(max_examples=30, deadline=None)
@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), min_size=1),
    pieces=st.lists(st.tuples(st.sampled_from(Channel), st.binary(min_size=1, max_size=70_000)), max_size=8),
    code=st.integers(0, 255),
)
def test_words_and_bytes_pass_unchanged(words: list[str], pieces: list[tuple[Channel, bytes]], code: int) -> None:
    requests: list[web.Request] = []
    end = exited(code) if code else SUCCESS
    handler = kubelet(script(*(bytes((channel,)) + data for channel, data in pieces), end), requests=requests)

    async def no_headers() -> dict[str, str]:
        return {}

    async def once() -> tuple[list[tuple[Channel, bytes]], int]:
        async with AsyncExitStack() as stack:
            app = web.Application()
            app.router.add_get("/{path:.*}", handler)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            real = await stack.enter_async_context(connect(Login(base_url=str(site.name), headers=no_headers)))
            return await ran(real, command(*words))

    assert asyncio.run(once()) == (pieces, code)
    assert requests[0].query.getall("command") == words


@pytest.mark.parametrize(
    "message",
    [
        RUNC + '"nope": executable file not found in $PATH: unknown',
        RUNC + '"/bin/nope": stat /bin/nope: no such file or directory: unknown',
        "executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke",
        "error executing command in container: exec failed: fork/exec /bin/nope: no such file or directory",
    ],
)
async def test_a_program_that_is_not_there(client: Connect, message: str) -> None:
    with pytest.raises(CommandNotFound, match="has no program 'nope'") as caught:
        await ran(await client(kubelet(script(internal(message)))), command("nope"))
    assert isinstance(caught.value, errors.NotFound)
    assert caught.value.reason == "CommandNotFound"


@pytest.mark.parametrize(
    ("message", "code", "kind", "text"),
    [
        (RUNC + '"/etc": permission denied: unknown', 500, errors.Invalid, "could not be started"),
        ('unable to upgrade connection: container not found ("app")', 500, errors.Invalid, "does not run"),
        ("container is not created or running", 500, errors.Invalid, "does not run"),
        (
            "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused",
            500,
            errors.Unavailable,
            "dial",
        ),
        ("no preferred addresses found", 0, errors.Unavailable, "no preferred"),
        ('pods "web-0" not found', 404, errors.NotFound, "not found"),
        ("\x1b[31mred", 500, errors.Unavailable, r"x1b\[31mred"),
    ],
)
async def test_other_ends_are_told_in_the_servers_words(
    client: Connect, message: str, code: int, kind: type[errors.SupportBundleError], text: str
) -> None:
    with pytest.raises(kind, match=text) as caught:
        await ran(await client(kubelet(script(internal(message, code)))))
    assert caught.value.reason == kind.reason


@pytest.mark.parametrize(
    ("status", "message", "kind", "text"),
    [
        (400, "container nope is not valid for pod web-0", errors.Invalid, "Name a running container"),
        (500, 'unable to upgrade connection: container not found ("app")', errors.Invalid, "does not run"),
        (400, "container app is not running", errors.Invalid, "does not run"),
        (403, 'User "x" cannot get pods/exec', errors.Forbidden, "Grant get and create on pods/exec"),
        (404, 'pods "web-0" not found', errors.NotFound, 'pods "web-0" not found'),
        (503, "later", errors.Unavailable, "later"),
        (302, "", errors.Unavailable, "302"),
        (200, "no websocket", errors.Unavailable, "no websocket"),
    ],
)
async def test_a_refused_start(
    client: Connect, status: int, message: str, kind: type[errors.SupportBundleError], text: str
) -> None:
    requests = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(request.path)
        return web.json_response({"message": message}, status=status, headers={"Location": "/elsewhere"})

    with pytest.raises(kind, match=text):
        await ran(await client(handler))
    assert requests == ["/api/v1/namespaces/ns/pods/web-0/exec"]


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"status": "Failure", "reason": "NonZeroExitCode"}',
        b'{"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [null, {"reason": "ExitCode"}]}}',
        b'{"status": "Failure", "reason": "NonZeroExitCode", "details": []}',
        json.dumps(exited("1" * 5000)).encode(),
        b"x" * (65 << 10),
    ],
)
async def test_an_end_that_says_nothing_is_no_end(client: Connect, status: bytes) -> None:
    with pytest.raises(errors.Unavailable):
        await ran(await client(kubelet(script(OUT + b"half", END + status))))


KEYS = st.sampled_from(["status", "reason", "details", "causes", "message", "code"])
WORDS = st.sampled_from(["Success", "Failure", "NonZeroExitCode", "ExitCode", "container not found"]) | st.text(
    max_size=20
)
JSON = st.recursive(
    st.none() | WORDS | st.integers(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=6),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_whatever_the_status_it_is_a_code_or_an_expected_failure(status: bytes) -> None:
    with suppress(errors.SupportBundleError):
        assert isinstance(outcome(status, command()), int)


async def test_the_exit_code_is_not_known_before_the_end(client: Connect) -> None:
    async with (await client(kubelet(script(OUT + b"a", SUCCESS)))).execute(command()) as output:
        with pytest.raises(errors.Unavailable, match="has not ended"):
            _ = output.exit_code


async def test_a_connection_cut_without_goodbye_is_a_failure(client: Connect) -> None:
    async def vanish(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(OUT + b"half")
        await socket.send_bytes(END + json.dumps(SUCCESS).encode())
        assert socket._req is not None  # noqa: SLF001
        assert socket._req.transport is not None  # noqa: SLF001
        socket._req.transport.abort()  # noqa: SLF001

    received = []
    with pytest.raises(errors.Unavailable, match="cut off"):
        async with (await client(kubelet(vanish))).execute(command()) as output:
            received += [piece async for piece in output]


@pytest.mark.parametrize("odd", [b"\x07what", b"\0stdin", OUT + b"x" * (2 << 20), "text", b""])
async def test_a_message_that_the_protocol_does_not_know_ends_it(client: Connect, odd: bytes | str) -> None:
    async def play(socket: web.WebSocketResponse) -> None:
        await (socket.send_bytes(odd) if isinstance(odd, bytes) else socket.send_str(odd))
        await socket.receive()

    with pytest.raises(errors.Unavailable):
        await ran(await client(kubelet(play)))


async def test_silence_ends_it(client: Connect) -> None:
    async def hang(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(OUT + b"x")
        for _ in range(1000):
            await socket.ping()
            await asyncio.sleep(0.01)

    with pytest.raises(errors.DeadlineExceeded, match=r"wrote nothing for 0\.1 s"):
        await ran(await client(kubelet(hang)), command(idle_seconds=0.1))


async def test_what_is_not_read_is_not_taken(client: Connect) -> None:
    """The program is held back: the server cannot send for ever to a reader that stands still."""
    sent = 0

    async def flood(socket: web.WebSocketResponse) -> None:
        nonlocal sent
        while True:
            await socket.send_bytes(OUT + b"x" * (512 << 10))
            sent += 1

    async with (await client(kubelet(flood))).execute(command()) as output:
        pieces = aiter(output)
        await anext(pieces)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 64
        assert (await anext(pieces))[0] == Channel.STDOUT


async def test_leaving_early_closes_the_connection(client: Connect) -> None:
    ended = asyncio.Event()

    async def hang(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(OUT + b"x")
        try:
            async for _ in socket:
                pass
        finally:
            ended.set()

    async with (await client(kubelet(hang))).execute(command()) as output:
        async for _ in output:
            break
    await ended.wait()
