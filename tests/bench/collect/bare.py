"""The yardstick: the same logs, read by a client that throws the bytes away."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import yaml

STREAMS = 8
"""As many at a time as a collector's shard reads."""
CHUNK = 256 << 10


class Reader:
    """Reads logs as the kubeconfig's user, a holder of a client certificate as in the test cluster."""

    def __init__(self, namespace: str) -> None:
        config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._tls = ssl.create_default_context(cadata=_text(cluster, "certificate-authority"))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(_text(user, "client-certificate") + "\n" + _text(user, "client-key"))
            pair.flush()
            self._tls.load_cert_chain(pair.name)
        self._base = f"{cluster['server']}/api/v1/namespaces/{namespace}/pods"

    def lengths(self, pods: Sequence[str]) -> tuple[float, list[int]]:
        """Seconds, and the bytes of each log."""
        started = time.monotonic()
        sizes = asyncio.run(self._all(pods, {}))
        return time.monotonic() - started, [size for size, _ in sizes]

    def endings(self, pods: Sequence[str]) -> list[bytes]:
        """The last line of each log; empty where there is none yet."""
        return [text for _, text in asyncio.run(self._all(pods, {"tailLines": "1"}))]

    async def _all(self, pods: Sequence[str], params: dict[str, str]) -> list[tuple[int, bytes]]:
        slots = asyncio.Semaphore(STREAMS)
        async with AsyncExitStack() as stack:
            connector = aiohttp.TCPConnector(ssl=self._tls, limit=STREAMS)
            timeout = aiohttp.ClientTimeout(total=600)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))

            async def one(pod: str) -> tuple[int, bytes]:
                async with slots, session.get(f"{self._base}/{pod}/log", params=params) as response:
                    if response.status != 200:  # a container that is not there yet
                        return 0, b""
                    size, last = 0, b""
                    async for chunk in response.content.iter_chunked(CHUNK):
                        size += len(chunk)
                        last = chunk
                    return size, last

            return await asyncio.gather(*map(one, pods))


def _text(entry: dict[str, str], key: str) -> str:
    """Kubeconfigs hold a file's path or its content."""
    if path := entry.get(key):
        return Path(path).read_text(encoding="utf-8")
    return base64.b64decode(entry[f"{key}-data"]).decode()
