"""Waiting for a component: as long as it lives, and no longer than a bound."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from .errors import ClusterError
from .process import Process

PAUSE = 0.1
BROKEN = (OSError, http.client.HTTPException)


def serves(target: str) -> bool:
    """Whether the target answers now."""
    url = urlsplit(target)
    try:
        if url.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(url.path)
            return True
        if url.scheme == "tcp":
            socket.create_connection((url.hostname or "", url.port or 0), timeout=2).close()
            return True
        return _answers(target)
    except BROKEN:
        return False


def _answers(target: str) -> bool:
    # Health, not identity, is asked here: some components sign their own certificate.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(target, timeout=2) as answer:
        return bool(answer.status == http.HTTPStatus.OK)


def wait(what: str, check: Callable[[], bool], *, seconds: float, process: Process | None = None,
         explain: Callable[[], str] = str) -> None:  # fmt: skip
    """Wait until `check` holds, and fail at once when the process behind it has died."""
    deadline = time.monotonic() + seconds
    while not check():
        died = process is not None and not process.alive
        if died or time.monotonic() > deadline:
            reason = "died" if died else f"is not ready after {seconds:.0f} s"
            raise ClusterError(f"{what} {reason}:\n{explain()}", "read its log; tests/cluster/up tries again")
        time.sleep(PAUSE)
