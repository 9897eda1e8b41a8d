"""The operator's HTTP side: liveness that notices a stuck queue, readiness, and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

Check = Callable[[], str]
"""Why the answer is no; empty when all is well."""


def health_app(live: Check, ready: Check) -> web.Application:
    """`/healthz` and `/readyz`: 200 with `ok`, or 503 with the reason."""

    def handler(check: Check) -> Callable[[web.Request], object]:
        async def answer(_: web.Request) -> web.Response:
            trouble = check()
            return web.Response(text=trouble or "ok", status=503 if trouble else 200)

        return answer

    app = web.Application()
    app.router.add_get("/healthz", handler(live))  # type: ignore[arg-type]  # aiohttp's own handler type is narrower than its use
    app.router.add_get("/readyz", handler(ready))  # type: ignore[arg-type]  # as above
    return app


def metrics_app(refresh: Callable[[], None], registry: CollectorRegistry = REGISTRY) -> web.Application:
    """`/metrics`, with the gauges refreshed at each scrape."""

    async def answer(_: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    return app


@asynccontextmanager
async def serving(apps: dict[int, web.Application]) -> AsyncIterator[None]:
    """Serve each app on its port of all addresses until the context ends."""
    runners = [(web.AppRunner(app, access_log=None), port) for port, app in apps.items()]
    try:
        for runner, port in runners:
            await runner.setup()
            await web.TCPSite(runner, "0.0.0.0", port).start()
        yield
    finally:
        for runner, _ in runners:
            await runner.cleanup()
