"""A program that runs in a container, over a websocket of `pods/exec`.

The protocol (Kubernetes' `v5.channel.k8s.io`, and `v4` before 1.29): each binary message begins with its channel, 1
for what the program wrote to stdout, 2 for stderr, 3 for one metav1.Status that says how it ended. Without that
status the output may be cut anywhere, so nothing but it makes an output complete. We write to channel 0; in `v5` 255
and a channel say that nothing more comes there, before it a program waits for ever if it reads to the end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import orjson

from supportbundle.errors import DeadlineExceeded, Invalid, NotFound, SupportBundleError, Unavailable
from supportbundle.kube.failures import failure
from supportbundle.kube.links import ended, hang_up, keep_alive
from supportbundle.model.exchange import Channel, PodCommand
from supportbundle.model.gap import printable

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
RIGHT = "get and create on pods/exec"

_STDIN, _STATUS, _CLOSE = 0, 3, 255
_STATUS_BYTES = 64 << 10
_PROGRAM_CHARS = 100

# What runc, crun and the runtimes around them say; they have no code for it.
_NO_PROGRAM = re.compile(
    r"executable file .{0,300}not found|(?:stat|exec|lstat) .{0,300}no such file or directory", re.IGNORECASE
)
_NO_CONTAINER = re.compile(
    r"container not found|container .{0,300}is not (?:running|valid)|is not created or running", re.IGNORECASE
)
_NO_START = re.compile(r"error executing command in container|unable to start container process", re.IGNORECASE)


class CommandNotFound(NotFound):
    """The image holds no such program."""

    reason = "CommandNotFound"


def query(command: PodCommand) -> list[tuple[str, str]]:
    """The query of the exec request: the command word by word, both outputs, stdin if it gets any, no terminal."""
    words = [("command", word) for word in command.command]
    stdin = [("stdin", "1")] if command.stdin else []
    return [("container", command.container), *stdin, ("stdout", "1"), ("stderr", "1"), *words]


def said(error: SupportBundleError, command: PodCommand) -> SupportBundleError:
    """A refused upgrade, or a failure status, as what it means for a program."""
    text = error.cause.rstrip(".")
    where = f"container {command.container} of pod {command.pod}"
    if _NO_CONTAINER.search(text):
        return Invalid(f"The {where} does not exist or does not run: {text}.", "Name a running container.")
    if _NO_PROGRAM.search(text):
        program = printable(command.command[0], _PROGRAM_CHARS) if command.command else ""
        return CommandNotFound(f"The {where} has no program {program!r}: {text}.", "Name a program of its image.")
    if _NO_START.search(text):
        return Invalid(f"The program could not be started in {where}: {text}.", "Correct the command.")
    return error


class Execution:
    """A running program. Iterate it once; then `exit_code` is known. Fulfils `model.exchange.CommandOutput`."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse, command: PodCommand) -> None:
        self._link = link
        self._command = command
        self._status = b""
        self._ended = False
        self._what = f"The program in container {command.container} of pod {command.pod}"

    async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """Pieces in the order in which they came; the next is read when the last was taken.

        Raises:
            NotFound: CommandNotFound, there is no such program.
            Invalid: the container does not run, or the program could not be started.
            DeadlineExceeded: it wrote nothing for `idle_seconds`.
            Unavailable: the connection broke, so nobody knows how it ended.
        """
        while True:
            message = await self._receive()
            if (code := ended(self._link, message)) is not None:
                break
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                raise self._cut(message.type.name)
            channel, payload = message.data[0], message.data[1:]
            if channel == _STATUS:
                self._status += payload
                if len(self._status) > _STATUS_BYTES:
                    raise self._cut("endless status")
            elif channel not in {Channel.STDOUT, Channel.STDERR}:
                raise self._cut(f"channel {channel}")
            elif payload:
                yield Channel(channel), payload
        if not self._status or code != aiohttp.WSCloseCode.OK:
            raise self._cut(f"code {code}")
        self._ended = True
        _ = self.exit_code

    @property
    def exit_code(self) -> int:
        """How the program ended.

        Raises:
            NotFound, Invalid, Unavailable: as the iteration.
        """
        if not self._ended:
            raise self._cut("it has not ended")
        return outcome(self._status, self._command)

    async def _receive(self) -> aiohttp.WSMessage:
        """Not `receive(timeout)`: that begins anew with each pong, and our pings are answered for ever."""
        try:
            async with asyncio.timeout(self._command.idle_seconds):
                return await self._link.receive()
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self._what} wrote nothing for {self._command.idle_seconds:g} s.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._cut(type(error).__name__) from error

    def _cut(self, detail: str) -> Unavailable:
        return Unavailable(f"{self._what} was cut off before its end was known ({detail}).", "Try again later.")


@asynccontextmanager
async def running(link: aiohttp.ClientWebSocketResponse, command: PodCommand) -> AsyncIterator[Execution]:
    """Keep the websocket alive while the program is read; at the end it is closed."""
    pings = asyncio.create_task(keep_alive(link))
    try:
        if command.stdin:
            await _tell(link, command)
        yield Execution(link, command)
    finally:
        pings.cancel()
        await asyncio.gather(pings, return_exceptions=True)
        await hang_up(link)


async def _tell(link: aiohttp.ClientWebSocketResponse, command: PodCommand) -> None:
    """Standard input in one piece. A connection that breaks meanwhile is seen by whoever reads from it."""
    with suppress(ConnectionError, aiohttp.ClientError):
        await link.send_bytes(bytes([_STDIN]) + command.stdin)
        if link.protocol == PROTOCOLS[0]:
            await link.send_bytes(bytes([_CLOSE, _STDIN]))


def outcome(status: bytes, command: PodCommand) -> int:
    """The exit code in a metav1.Status as it came.

    Raises:
        NotFound: CommandNotFound, or the pod is gone.
        Invalid: the container does not run, or the program could not be started.
        Unavailable: the status says nothing, or that somebody between us and the container failed.
    """
    parsed = _parsed(status)
    if parsed.get("status") == "Success":
        return 0
    if parsed.get("reason") == "NonZeroExitCode" and (code := _code(parsed)) is not None:
        return code
    number = parsed.get("code")
    raise said(failure(number if isinstance(number, int) else 500, status, "The exec"), command)


def _parsed(status: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(status)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _code(status: dict[str, Any]) -> int | None:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            text = str(cause.get("message"))
            return int(text) if re.fullmatch(r"-?[0-9]{1,10}", text, re.ASCII) else None
    return None
