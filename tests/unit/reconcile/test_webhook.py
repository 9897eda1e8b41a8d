"""The webhook: who may call, how much, and what is to be repeated."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from supportbundle.decide.occasions import Verdict
from supportbundle.errors import Unavailable
from supportbundle.model.alert import AlertGroup
from supportbundle.reconcile.schedules.webhook import MAX_BODY, MAX_CALLS, PATH, Bell, alert_app, read_token

TOKEN = b"correct-horse-battery"
BODY = b'{"version": "4", "alerts": []}'
Fire = Callable[[AlertGroup], Awaitable[Counter[Verdict]]]


async def fired(group: AlertGroup) -> Counter[Verdict]:
    del group
    return Counter({Verdict.FIRED: 1, Verdict.UNKNOWN: 2})


@asynccontextmanager
async def served(
    fire: Fire | None = fired, token: bytes = TOKEN
) -> AsyncIterator[Callable[..., Awaitable[tuple[int, str]]]]:
    runner = web.AppRunner(alert_app(Bell(fire), lambda: token), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    async with aiohttp.ClientSession(f"http://127.0.0.1:{address[1]}") as session:

        async def call(body: bytes = BODY, authorization: str = f"Bearer {TOKEN.decode()}") -> tuple[int, str]:
            headers = {"Authorization": authorization} if authorization else {}
            async with session.post(PATH, data=io.BytesIO(body), headers=headers) as response:
                return response.status, await response.text()

        yield call
    await runner.cleanup()


async def test_counts_are_the_answer() -> None:
    async with served() as call:
        assert await call() == (200, '{"fired": 1, "unknown": 2}')
        assert (await call(authorization=f"bearer  {TOKEN.decode()} "))[0] == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN.decode()}", TOKEN.decode(), "Bearer correct-horse-batter\xe9"],
)
async def test_whoever_has_not_the_token_fires_nothing(authorization: str) -> None:
    async def never(_: AlertGroup) -> Counter[Verdict]:
        raise AssertionError("fired")

    async with served(never) as call:
        assert (await call(authorization=authorization))[0] == 401


@pytest.mark.parametrize(("body", "code"), [(b"", 400), (b"{}", 400), (b"[1]", 400), (b" " * (MAX_BODY + 1), 413)])
async def test_what_is_no_alert_is_not_to_be_repeated(body: bytes, code: int) -> None:
    async with served() as call:
        assert (await call(body))[0] == code


async def test_a_pod_that_stands_by_sends_callers_to_another_one_by_another_connection() -> None:
    bell = Bell()
    runner = web.AppRunner(alert_app(bell, lambda: TOKEN), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    headers = {"Authorization": f"Bearer {TOKEN.decode()}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        async with session.post(PATH, data=BODY, headers=headers) as response:
            assert (response.status, response.headers["Connection"]) == (503, "close")
        async with session.post(PATH, data=BODY) as response:
            assert response.status == 401
        bell.fire = fired
        async with session.post(PATH, data=BODY, headers=headers) as response:
            assert response.status == 200
            assert "Connection" not in response.headers
    await runner.cleanup()


async def test_what_failed_for_now_is_to_be_repeated() -> None:
    async def away(_: AlertGroup) -> Counter[Verdict]:
        raise Unavailable("the API server with all its details")

    async with served(away) as call:
        assert await call() == (503, "try again later")


async def test_too_many_calls_at_once_are_to_be_repeated() -> None:
    go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(_: AlertGroup) -> Counter[Verdict]:
        begun.release()
        await go.wait()
        return Counter()

    async with served(slow) as call:
        calls = [asyncio.create_task(call()) for _ in range(MAX_CALLS)]
        for _ in calls:
            await begun.acquire()
        assert (await call())[0] == 503
        go.set()
        assert [code for code, _ in await asyncio.gather(*calls)] == [200] * MAX_CALLS


async def test_without_a_token_of_its_own_it_takes_nothing() -> None:
    async with served(token=b"") as call:
        assert (await call(authorization="Bearer "))[0] == 503


@pytest.mark.parametrize(
    ("content", "token"),
    [(b"correct-horse-battery\n", TOKEN), (b"short", b""), (b"   \n", b""), (None, b"")],
)
def test_the_token_is_what_is_mounted_now(tmp_path: Path, content: bytes | None, token: bytes) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    assert read_token(file) == token
