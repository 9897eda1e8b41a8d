"""What is said between us and a pod: one HTTP exchange, or one program that runs.

Collectors ask in these words and the Kubernetes client answers in them, so neither needs to know the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PodTLS:
    """How `https` trusts. `ca_bundle` is PEM, empty for the public CAs; `server_name` is what the certificate names."""

    ca_bundle: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class PodRequest:
    """`url` leads to a forwarded port or a pod's address; `timeout_seconds` bounds the whole exchange.

    `method` is GET or POST, `body` at most 1 MiB. `tls` says whom an `https` URL trusts. `ready` is awaited when the
    connection stands and nothing is sent yet, so that many requests can begin at one instant; its wait counts.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_seconds: float = 30
    tls: PodTLS | None = None
    ready: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class PodAnswer:
    """What a pod answered.

    `headers` are printable and at most 64; a name is found whatever its case, one that came twice is there twice.
    `body` raises DeadlineExceeded or Unavailable where it breaks off.
    """

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class PodCommand:
    """A program with arguments; no shell reads them, and there is no terminal.

    It reads `stdin` and then the end of it; without, there is no standard input. At most 1 MiB.
    """

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    idle_seconds: float = 3600
    stdin: bytes = field(default=b"", repr=False)


class Channel(IntEnum):
    """Where a program wrote."""

    STDOUT = 1
    STDERR = 2


class CommandOutput(Protocol):
    """A running program."""

    def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """Pieces as they come, until both streams end.

        Raises:
            NotFound: with the reason CommandNotFound where the image has no such program.
            Invalid: the container does not run, or the program could not be started.
            DeadlineExceeded: it wrote nothing for `idle_seconds`.
            Unavailable: the connection broke, so nobody knows how it ended.
        """

    @property
    def exit_code(self) -> int:
        """Known after the iteration; until then Unavailable. A program that was killed has 128 and its signal."""
