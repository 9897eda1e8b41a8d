"""Requests to the API server: what is sent, what is bounded, what is repeated, and what failures become."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from supportbundle import errors
from supportbundle.kube.api import MAX_JSON
from supportbundle.kube.client import Client, PatchType, connect
from supportbundle.kube.login import Login
from supportbundle.kube.ratelimit import RateLimit
from supportbundle.model.exchange import PodCommand

Connect = Callable[..., Awaitable[Client]]
Serve = Callable[..., Awaitable[str]]


def status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "message": message, "code": code}, status=code)


async def no_headers() -> dict[str, str]:
    return {}


async def collected(client: Client, path: str, params: dict[str, str] | None = None) -> list[str]:
    return [item["metadata"]["name"] async for item in client.items(path, params)]


def page(*names: str, token: str = "") -> web.Response:
    items = [{"metadata": {"name": name, "uid": f"uid-{name}"}} for name in names]
    return web.json_response({"metadata": {"continue": token} if token else {}, "items": items})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.Invalid),
        (401, errors.Forbidden),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Expired),
        (413, errors.TooLarge),
        (422, errors.Invalid),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
        (302, errors.Unavailable),
    ],
)
async def test_failures_become_our_errors_with_the_servers_words(
    client: Connect, code: int, kind: type[errors.SupportBundleError]
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return status(code, "pods is \x1b[31mforbidden")

    with pytest.raises(kind, match=r"pods is .x1b\[31mforbidden") as caught:
        await (await client(handler)).get("/api/v1/pods")
    assert type(caught.value) is kind
    assert "GET /api/v1/pods" in str(caught.value)


async def test_a_body_that_is_no_status_is_quoted(client: Connect) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>bad gateway")

    with pytest.raises(errors.Unavailable, match="<html>bad gateway"):
        await (await client(handler)).get("/x")


async def test_nobody_listens(unused_tcp_port: int) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    login = Login(base_url=f"http://127.0.0.1:{unused_tcp_port}", headers=no_headers)
    async with connect(login, pause=pause) as client:
        with pytest.raises(errors.Unavailable, match="failed"):
            await client.get("/x")
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("body", ["[1]", "{", ""])
async def test_an_answer_that_is_no_json_object_is_a_broken_server(client: Connect, body: str) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=body)

    with pytest.raises(errors.Unavailable):
        await (await client(handler)).get("/x")


async def test_gets_are_repeated_while_the_server_is_unavailable(client: Connect) -> None:
    answers = [status(429, "slow down"), status(503, "starting"), web.json_response({"ok": True})]
    pauses: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        return answers.pop(0)

    assert await (await client(handler, pauses=pauses)).get("/x") == {"ok": True}
    assert pauses == [0.5, 1.0]


async def test_writes_are_never_repeated(client: Connect) -> None:
    requests = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(request.method)
        return status(503, "starting")

    with pytest.raises(errors.Unavailable):
        await (await client(handler)).create("/x", {})
    assert requests == ["POST"]


@pytest.mark.parametrize(("settle", "tries"), [(60.0, 4), (0.0, 1)])
async def test_forbidden_is_repeated_only_while_bindings_spread(client: Connect, settle: float, tries: int) -> None:
    requests = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(request.path)
        return status(403, "no")

    with pytest.raises(errors.Forbidden):
        await (await client(handler, settle_seconds=settle)).get("/x")
    assert len(requests) == tries


async def test_a_redirect_is_not_followed_with_our_token(client: Connect) -> None:
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPFound("/elsewhere")

    with pytest.raises(errors.Unavailable):
        await (await client(handler)).create("/x", {})
    assert paths == ["/x"]


async def test_compressed_answers_are_not_asked_for(client: Connect) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"encoding": request.headers["Accept-Encoding"]})

    assert await (await client(handler)).get("/x") == {"encoding": "identity"}


class TestItems:
    """Collections, page by page."""

    async def test_pages_are_followed_to_the_end(self, client: Connect) -> None:
        queries: list[dict[str, str]] = []

        async def handler(request: web.Request) -> web.Response:
            queries.append(dict(request.query))
            return page("a", "b", token="t1 /+") if "continue" not in request.query else page("c")

        assert await collected(await client(handler), "/x", {"labelSelector": "a=b"}) == ["a", "b", "c"]
        assert queries == [
            {"limit": "500", "labelSelector": "a=b"},
            {"limit": "500", "labelSelector": "a=b", "continue": "t1 /+"},
        ]

    async def test_a_client_may_be_told_to_ask_for_smaller_pages(self, client: Connect) -> None:
        async def handler(request: web.Request) -> web.Response:
            return page(request.query["limit"])

        assert await collected(await client(handler, page=100), "/x") == ["100"]

    async def test_an_empty_list_may_be_null(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response({"metadata": {}, "items": None})

        assert await collected(await client(handler), "/x") == []

    async def test_after_an_expired_token_the_list_starts_over_without_repeating_objects(self, client: Connect) -> None:
        answers = [page("a", "b", token="old"), status(410, "too old"), page("b", "c", token="new"), page("d")]

        async def handler(_: web.Request) -> web.Response:
            return answers.pop(0)

        assert await collected(await client(handler), "/x") == ["a", "b", "c", "d"]

    async def test_a_second_expired_token_is_an_error(self, client: Connect) -> None:
        answers = [page("a", token="1"), status(410, "x"), page("a", token="2"), status(410, "x")]

        async def handler(_: web.Request) -> web.Response:
            return answers.pop(0)

        with pytest.raises(errors.Expired):
            await collected(await client(handler), "/x")

    async def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(self, client: Connect) -> None:
        limits = []

        async def handler(request: web.Request) -> web.Response:
            limits.append(request.query["limit"])
            if int(request.query["limit"]) > 10:
                return web.Response(body=b" " * (MAX_JSON + 1))
            return page("a")

        assert await collected(await client(handler), "/x") == ["a"]
        assert limits == ["500", "62", "7"]

    @pytest.mark.parametrize("part", ["[]", '{"a":1}', '{"a":{"a":{}}}', "1.5", '"ab"'])
    async def test_what_would_grow_in_memory_is_never_parsed(self, client: Connect, part: str) -> None:
        hostile = f'{{"items":[{",".join([part] * 600_000)}]}}'.encode()
        assert len(hostile) < MAX_JSON + (1 << 20)
        limits: list[str] = []

        async def handler(request: web.Request) -> web.Response:
            limits.append(request.query["limit"])
            return page("a") if int(request.query["limit"]) < 10 else web.Response(body=hostile)

        assert await collected(await client(handler), "/x", {"limit": "100"}) == ["a"]
        assert limits == ["100", "12", "1"]

    async def test_one_object_that_is_too_large_is_an_error(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=b" " * (MAX_JSON + 1))

        with pytest.raises(errors.TooLarge):
            await collected(await client(handler), "/x", {"limit": "1"})


class TestWrites:
    """Each write, as the server sees it."""

    @pytest.fixture
    async def echo(self, client: Connect) -> Client:
        async def handler(request: web.Request) -> web.Response:
            body = await request.json()
            headers = request.headers.get("Content-Type")
            seen = {"method": request.method, "path": request.path, "query": dict(request.query)}
            return web.json_response({**seen, "type": headers, "body": body})

        return await client(handler)

    async def test_create(self, echo: Client) -> None:
        seen = await echo.create("/jobs", {"a": 1})
        assert (seen["method"], seen["type"], seen["body"]) == ("POST", "application/json", {"a": 1})

    async def test_patch(self, echo: Client) -> None:
        seen = await echo.patch("/a", [{"op": "remove", "path": "/x"}], PatchType.JSON)
        assert (seen["method"], seen["type"]) == ("PATCH", "application/json-patch+json")
        assert seen["body"] == [{"op": "remove", "path": "/x"}]

    async def test_apply(self, echo: Client) -> None:
        seen = await echo.apply("/a", {"a": 1}, manager="me")
        assert seen["type"] == "application/apply-patch+yaml"
        assert seen["query"] == {"fieldManager": "me", "force": "true"}


class TestEphemeralContainer:
    """One more container in a running pod."""

    async def test_it_is_merged_into_the_pod_by_its_name(self, client: Connect) -> None:
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append((request.method, request.path, request.headers["Content-Type"], await request.json()))
            return web.json_response({})

        await (await client(handler)).add_ephemeral_container("ns", "web-0", {"name": "debug", "image": "i"})
        path = "/api/v1/namespaces/ns/pods/web-0/ephemeralcontainers"
        body = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "i"}]}}
        assert seen == [("PATCH", path, "application/strategic-merge-patch+json", body)]

    async def test_a_refusal_keeps_the_servers_words_and_names_the_right(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return status(403, 'pods "web-0" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot')

        with pytest.raises(errors.Forbidden, match='violates PodSecurity "restricted:latest"') as caught:
            await (await client(handler)).add_ephemeral_container("ns", "web-0", {"name": "debug"})
        assert "patch pods/ephemeralcontainers" in str(caught.value)

    async def test_another_container_of_that_name(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return status(422, "existing ephemeral containers may not be changed")

        with pytest.raises(errors.Invalid, match="may not be changed"):
            await (await client(handler)).add_ephemeral_container("ns", "web-0", {"name": "debug"})


async def test_every_request_waits_for_its_turn(serve: Serve) -> None:
    """Also repetitions, streams and websockets; the pause before a repetition is the one of 0.5 s."""
    answers = [web.json_response({}), status(503, "starting"), web.json_response({}), web.Response(body=b"x")]
    waits: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        return answers.pop(0) if answers else status(404, "gone")

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        if seconds != 0.5:
            await asyncio.sleep(seconds)

    login = Login(base_url=await serve(handler), headers=no_headers)
    async with connect(login, rate=RateLimit(per_second=20, burst=1), pause=pause) as client:
        await client.get("/x")
        await client.get("/x")
        async with client.stream("/log") as chunks:
            assert [chunk async for chunk in chunks] == [b"x"]
        with pytest.raises(errors.NotFound):
            async with client.execute(PodCommand("ns", "web-0", "app", ("true",))):
                pass
    assert waits.count(0.5) == 1
    assert len([wait for wait in waits if wait <= 0.05]) >= 4


async def test_delete_names_the_very_object_and_its_dependents(client: Connect) -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.json_response({"kind": "Status", "status": "Success"})

    await (await client(handler)).delete("/jobs/a", uid="u-1")
    assert seen == [
        {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": "u-1"},
        }
    ]


class TestStream:
    """Bodies in chunks."""

    async def test_bytes_come_as_they_are(self, client: Connect) -> None:
        payload = bytes(range(256)) * 4000

        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=payload)

        async with (await client(handler)).stream("/log") as chunks:
            assert b"".join([chunk async for chunk in chunks]) == payload

    async def test_what_came_before_a_break_is_genuine(self, client: Connect) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"first words")
            assert request.transport is not None
            request.transport.close()
            return response

        received = []
        async with (await client(handler)).stream("/log") as chunks:
            with pytest.raises(errors.Unavailable):
                received += [chunk async for chunk in chunks]
        async with (await client(handler)).stream("/log") as chunks:
            assert await anext(chunks) == b"first words"

    async def test_silence_ends_it(self, client: Connect) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"x")
            await asyncio.Event().wait()
            return response

        async with (await client(handler)).stream("/log", idle_seconds=0.05) as chunks:
            assert await anext(chunks) == b"x"
            with pytest.raises(errors.DeadlineExceeded):
                await anext(chunks)

    async def test_errors_of_the_reader_pass_untouched(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=b"x" * 100_000)

        real = await client(handler)
        with pytest.raises(OSError, match="disk full"):
            async with real.stream("/log"):
                raise OSError("disk full")
        async with real.stream("/log") as chunks:
            assert sum([len(chunk) async for chunk in chunks]) == 100_000

    async def test_a_refusal_is_an_error_before_the_first_byte(self, client: Connect) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(
                status=400, text=json.dumps({"message": 'container "a" in pod "b" is waiting to start'})
            )

        with pytest.raises(errors.Invalid, match="waiting to start"):
            async with (await client(handler)).stream("/log"):
                pass
