"""The HTTP side of alerts: who may call, how much, and what each answer makes Alertmanager do.

Alertmanager repeats what was answered with 5xx, and gives up on 4xx. So what can never work is answered with 200 or
4xx, and 200 only once every bundle is there. A Service knows no leader, so pods that stand by are called too: they
say 503 and close the connection, because the next call would come by the same one otherwise, to the same pod.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from supportbundle.decide.occasions import Verdict
from supportbundle.errors import Invalid, SupportBundleError
from supportbundle.model.alert import AlertGroup, parse_alerts

log = logging.getLogger(__name__)
PORT: Final = 9095
PATH: Final = "/alertmanager"
TOKEN_FILE: Final = Path("/run/supportbundle-webhook/token")
MAX_BODY: Final = 1 << 20
MAX_CALLS: Final = 4
BODY_SECONDS: Final = 10.0
LEAST_TOKEN: Final = 16
_MAX_TOKEN: Final = 4096
Fire = Callable[[AlertGroup], Awaitable[Counter[Verdict]]]


@dataclass(slots=True)
class Bell:
    """Who is told of alerts in this process; nobody while it stands by."""

    fire: Fire | None = None


def read_token(path: Path = TOKEN_FILE) -> bytes:
    """The token as the kubelet mounts it now; empty if it is missing or too short to be one."""
    try:
        with path.open("rb") as file:
            token = file.read(_MAX_TOKEN).strip()
    except OSError:
        return b""
    return token if len(token) >= LEAST_TOKEN else b""


def alert_app(bell: Bell, token: Callable[[], bytes] = read_token) -> web.Application:
    """`POST /alertmanager` with a bearer token: 200 with counts, 400, 401, 413, or 503 for what is to be repeated."""
    calls = asyncio.Semaphore(MAX_CALLS)

    async def answer(request: web.Request) -> web.Response:
        if not (expected := token()):
            log.warning("an alert is refused: the webhook's Secret has no token of %d characters or more", LEAST_TOKEN)
            return web.Response(status=503, text="the webhook has no token")
        if not _allowed(request, expected):
            return web.Response(status=401, text="wrong token", headers={"WWW-Authenticate": "Bearer"})
        if calls.locked():
            return _later("too many calls at once")
        if bell.fire is None:
            return _elsewhere()
        async with calls:
            return await _answer(request, bell.fire)

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post(PATH, answer)
    return app


def _allowed(request: web.Request, expected: bytes) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    told = given.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(told, expected) and scheme.lower() == "bearer"


async def _answer(request: web.Request, fire: Fire) -> web.Response:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
        counts = await fire(parse_alerts(body))
    except Invalid as error:
        return web.Response(status=400, text=str(error))
    except TimeoutError:
        return web.Response(status=408, text="the body did not come in time")
    except SupportBundleError as error:
        log.warning("alerts are to be delivered again: %s", error)
        return _later("try again later")
    return web.json_response({verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]})


def _elsewhere() -> web.Response:
    answer = web.Response(status=503, text="this pod stands by; another one takes alerts", headers={"Retry-After": "1"})
    answer.force_close()
    return answer


def _later(text: str) -> web.Response:
    return web.Response(status=503, text=text, headers={"Retry-After": "5"})
