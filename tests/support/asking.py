"""Requests to pods, as the tests of the client send them."""

from __future__ import annotations

import aiohttp

from supportbundle.kube.exchange import exchange, pod_url
from supportbundle.model.exchange import PodAnswer, PodRequest


async def asked(session: aiohttp.ClientSession, request: PodRequest) -> tuple[PodAnswer, bytes]:
    async with exchange(session, request, pod_url(request.url), lambda: None) as answer:
        return answer, b"".join([chunk async for chunk in answer.body])
