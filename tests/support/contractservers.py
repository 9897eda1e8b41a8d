"""Contract servers of products as processes on loopback: started, asked, ended."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cluster.testcluster import build
from cluster.testcluster.lock import locked
from cluster.testcluster.settings import Settings

PRODUCTS = Path(__file__).parents[1] / "products"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True)
class Running:
    """A server, its ports by name, and its output."""

    ports: Mapping[str, int]
    process: subprocess.Popen[bytes]
    root: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(
        self,
        path: str,
        *,
        port: str = "api",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; with the usual headers, which carry the administrator's token, unless others are given."""
        sent = self.headers if headers is None else headers
        connection = HTTPConnection("127.0.0.1", self.ports[port], timeout=25)
        try:
            connection.request(method, path, body=body, headers=dict(sent))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def closed(self, port: str) -> bool:
        """Whether nobody listens there."""
        return not listening(self.ports[port])


def programs() -> Path:
    """The folder with the programs, built if their sources are new: about a minute the first time."""
    settings = Settings.read()
    with locked(settings.build_lock):
        return build.programs(settings, "products")


def planted(product: str) -> dict[str, dict[str, str]]:
    """What must never reach a bundle, by section and name."""
    found: dict[str, dict[str, str]] = json.loads((PRODUCTS / product / "planted.json").read_text())["secrets"]
    return found


def kept(product: str) -> dict[str, str]:
    """What a sanitizer should leave in place."""
    found: dict[str, str] = json.loads((PRODUCTS / product / "planted.json").read_text())["kept"]
    return found


def every_secret(product: str) -> list[bytes]:
    """All planted secrets of a product."""
    return sorted(value.encode() for section in planted(product).values() for value in section.values())


def free_ports(number: int) -> list[int]:
    """Ports that nobody uses; all are held until all are known, so they differ."""
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def listening(port: int) -> bool:
    """Whether a connection is accepted."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(
    program: str, ports: tuple[str, ...], root: Path, arguments: Callable[[Mapping[str, int]], list[str]], **env: str
) -> Iterator[Running]:
    """A server that has said on which ports it listens; `arguments` gets the ports by name.

    A value of `env` may name a port in braces: "127.0.0.1:{debug}".
    """
    numbers = dict(zip(ports, free_ports(len(ports)), strict=True))
    environment = {name: value.format(**numbers) for name, value in env.items()}
    output = root / "output"
    with output.open("wb") as out:
        command = [str(programs() / program), *arguments(numbers)]
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **environment}, stdout=out, stderr=out)
    try:
        _wait(process, output)
        yield Running(numbers, process, root)
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not re.search(rb"^ready$", output.read_bytes(), re.MULTILINE):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the server did not start: {output.read_text()[-2000:]}")
        time.sleep(0.05)  # between two looks at the same condition
