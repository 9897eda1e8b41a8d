"""API collectors: what is planned, asked, written and told, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.collecting import Answering, FakeCluster, FakeSecrets, FakeSink, plan, pod, run, stored, with_constants
from support.stepping import HERE, URL, Steps, asked, collected, refusing, serving, spec, task, told
from supportbundle.collect.api import COLLECTOR
from supportbundle.collect.base import PodAnswer, PodRequest
from supportbundle.collect.steps.answers import ROOM
from supportbundle.errors import DeadlineExceeded, NotFound, Unavailable


class TestPlanning:
    """Tasks and refusals."""

    def test_one_pod_is_asked_unless_all_are_wanted(self) -> None:
        pods = (pod("a", ready=False), pod("b"), pod("c", phase="Pending"))
        tasks, gaps = plan(COLLECTOR, spec(asked("x"), asked("y", output="d/y.txt")), *pods)
        assert [(t.id, t.claims, t.secrets, t.node) for t in tasks] == [
            ("c/b", ("pods/b/api/x.json", "pods/b/api/d/y.txt"), ("db",), "n1")
        ]
        assert not gaps
        tasks, gaps = plan(COLLECTOR, spec(asked("x"), pods="All"), *pods)
        assert [t.id for t in tasks] == ["c/a", "c/b"]
        assert [(g.target, g.reason) for g in gaps] == [("c", "PodNotRunning")]

    def test_a_service_is_asked_once(self) -> None:
        (planned,), _ = plan(COLLECTOR, spec(asked("x"), service="web"), pod("a"), pod("b", secrets=()))
        assert (planned.id, planned.claims, planned.secrets) == ("c/service/web", ("services/web/api/x.json",), ("db",))
        assert plan(COLLECTOR, spec(asked("x"), service="web")) == ([], [])

    def test_a_task_may_take_as_long_as_its_requests(self) -> None:
        document = {"name": "d", "value": "x.a", "output": "d.json"}
        assert task(asked("x"), asked("y"), document, timeout="1m").timeout_seconds == 150

    def test_secrets_that_are_used_are_credentials(self) -> None:
        headers = [{"name": "Authorization", "secret": "scraper", "key": "token"}]
        planned = task(asked("x"), headersFrom=headers, tls={"caFrom": {"secret": "ca", "key": "ca.crt"}})
        assert planned.credentials == ("ca", "scraper")

    @pytest.mark.parametrize(
        ("steps", "options", "words"),
        [
            ([asked("x", value="a.")], {}, "step x: value: it ends too early"),
            ([asked("x", path="/{y.id}")], {}, "y is no earlier step"),
            ([asked("x")], {"service": "web", "via": "PodIP"}, "service excludes via PodIP"),
            ([asked("x")], {"headers": [{"name": "Content-Length", "value": "0"}]}, "Content-Length"),
            ([{"name": "x"}], {}, "a step needs a path, a value or fields"),
            ([asked("x"), asked("x")], {}, "steps has x twice"),
        ],
    )
    def test_what_cannot_work_is_refused(self, steps: Steps, options: dict[str, Any], words: str) -> None:
        tasks, gaps = plan(COLLECTOR, spec(*steps, **options), pod())
        assert not tasks
        assert [g.reason for g in gaps] == ["Invalid"]
        assert words in gaps[0].message

    def test_only_some_of_many_problems_are_told(self) -> None:
        _, (gap,) = plan(COLLECTOR, spec(*(asked(f"x{i}", value="a.") for i in range(9))), pod())
        assert gap.message.endswith("; and 4 more.")

    def test_options_are_required(self) -> None:
        assert [g.reason for g in plan(COLLECTOR, {"type": "API"}, pod())[1]] == ["Invalid"]

    def test_a_pod_on_its_nodes_network_is_not_asked(self) -> None:
        tasks, gaps = plan(COLLECTOR, spec(asked("x")), pod(host_network=True))
        assert not tasks
        assert [g.reason for g in gaps] == ["NotAllowed"]


class TestAnswers:
    """What is written of an answer."""

    async def test_bytes_stay_as_they_came(self, sink: FakeSink) -> None:
        raw = b'{"b" : 1,\r\n "a":\xff 12345678901234567890123}'
        assert await collected(serving(x=[raw[:5], raw[5:]]), sink, asked("x")) == {"x.json": raw}
        assert not sink.gaps
        assert sink.files[f"{HERE}x.json"].notes.keys() == {"step", "status", "firstByteMs"}

    async def test_they_stay_so_where_later_steps_read_them(self, sink: FakeSink) -> None:
        raw = b'{"b" : 1, "a": [ "x y" ]}'
        found = await collected(serving(x=raw, **{"x%20y": b"ok"}), sink, asked("x"), asked("y", path="/{x.a[0]}"))
        assert found == {"x.json": raw, "y.json": b"ok"}

    async def test_an_answer_may_be_written_anew(self, sink: FakeSink) -> None:
        answer = {"list": ["a", "b"], "n": 1}
        found = await collected(
            serving(x=answer, y=answer, z=answer, t=answer),
            sink,
            asked("x", indent=2),
            asked("y", format="YAML"),
            asked("z", value="{m: n}"),
            asked("t", value="list", format="Text"),
        )
        assert found == {
            "x.json": b'{\n  "list": [\n    "a",\n    "b"\n  ],\n  "n": 1\n}\n',
            "y.json": b"list:\n- a\n- b\nn: 1\n",
            "z.json": b'{"m":1}\n',
            "t.json": b"a\nb\n",
        }

    async def test_later_steps_see_the_value_of_a_step_that_has_one(self, sink: FakeSink) -> None:
        steps = [
            asked("x", value="inner"),
            {"name": "d", "fields": [{"key": "k.l", "value": "x.n"}]},
            {"name": "e", "value": "[x.n, d.k.l, x.inner]", "output": "e.json"},
        ]
        assert (await collected(serving(x={"inner": {"n": 5}}), sink, *steps))["e.json"] == b"[5,5,null]\n"

    async def test_fields_of_a_step_see_its_own_answer(self, sink: FakeSink) -> None:
        steps = [asked("y"), asked("x", fields=[{"key": "a", "value": "x.n"}, {"key": "b", "value": "y.n"}])]
        assert (await collected(serving(x={"n": 1}, y={"n": 2}), sink, *steps))["x.json"] == b'{"a":1,"b":2}\n'

    async def test_a_body_over_the_limit_is_cut_where_it_is_only_written(self, sink: FakeSink) -> None:
        unread = Unavailable("must not be read")
        found = await collected(serving(x=[b"x" * 1000, b"y" * 1000, unread]), sink, asked("x"), maxBytes="1Ki")
        assert len(found["x.json"]) == 1024
        assert not sink.gaps  # the sink itself says that it cut

    async def test_and_is_no_answer_where_it_is_read(self, sink: FakeSink) -> None:
        found = await collected(serving(x=["x" * 2000]), sink, asked("x", indent=1), maxBytes="1Ki")
        assert not found
        assert told(sink) == [("TooLarge", "x (x.json)")]

    async def test_an_answer_that_would_take_too_much_memory_is_told(self, sink: FakeSink) -> None:
        raw = b"[" + b"[]," * (ROOM // 72) + b"[]]"
        steps = [asked("x"), {"name": "d", "value": "x", "output": "d.json"}]
        await collected(serving(x=raw), sink, *steps, maxBytes="1Gi")
        assert told(sink) == [("TooLarge", "x (x.json)"), ("StepFailed", "d (d.json)")]
        assert "MiB of memory" in sink.gaps[0].message

    async def test_all_answers_that_are_kept_share_that_memory(self, sink: FakeSink) -> None:
        raw = b"[" + b"[]," * (ROOM // 72 // 3) + b"[]]"
        names = ("a", "b", "c", "e")
        steps = [{"name": name, "path": f"/{name}"} for name in names]
        last = {"name": "d", "value": f"[{', '.join(f'length({name})' for name in names)}]", "output": "d.json"}
        await collected(serving(**dict.fromkeys(names, raw)), sink, *steps, last)
        assert [reason for reason, _ in told(sink)][:1] == ["TooLarge"]

    async def test_what_is_no_json_is_written_all_the_same(self, sink: FakeSink) -> None:
        steps = [asked("x"), {"name": "d", "value": "x.a", "output": "d.json"}]
        assert await collected(serving(x=b"<html>"), sink, *steps) == {"x.json": b"<html>"}
        assert told(sink) == [("NotJSON", "x (x.json)"), ("StepFailed", "d (d.json)")]

    @pytest.mark.parametrize(("more", "kept"), [({}, b"half"), ({"missing": "Empty"}, b"")])
    async def test_what_breaks_off_is_kept_where_nothing_takes_its_place(
        self, more: dict[str, Any], kept: bytes, sink: FakeSink
    ) -> None:
        found = await collected(serving(x=[b"half", Unavailable("reset")]), sink, asked("x", **more))
        assert found == {"x.json": kept}
        assert told(sink) == [("Unavailable", "x (x.json)")]


class TestFailures:
    """What is told, and what a failure costs."""

    async def test_a_status_is_told_with_what_to_do(self, sink: FakeSink) -> None:
        cluster = refusing(serving(x=b'{"id":"api.no_license"}', y=b"", z=b"no"), x=403, y=401, z=500)
        assert not await collected(cluster, sink, asked("x", path="/x"), asked("y"), asked("z"))
        assert told(sink) == [("HTTP403", "x (x.json)"), ("HTTP401", "y (y.json)"), ("HTTP500", "z (z.json)")]
        assert sink.gaps[0].message == (
            'x (x.json): GET /x was answered with 403: {"id":"api.no_license"} '
            "Check what the token of headersFrom may do."
        )

    async def test_queries_are_not_quoted(self, sink: FakeSink) -> None:
        cluster = refusing(serving(**{"x?key=s3cret": b""}), **{"x?key=s3cret": 500})
        await collected(cluster, sink, asked("x", path="/x?key=s3cret"))
        assert "s3cret" not in sink.gaps[0].message

    async def test_redirects_are_not_followed(self, sink: FakeSink) -> None:
        cluster = Answering(bodies={f"{URL}/x": [[]]}, statuses={f"{URL}/x": 302}, headers={"Location": "/y\x1b"})
        await collected(cluster, sink, asked("x"))
        assert "It redirects to /y\\x1b; redirects are not followed." in sink.gaps[0].message
        assert len(cluster.sent) == 1

    async def test_a_status_may_stand_for_null(self, sink: FakeSink) -> None:
        steps = [
            asked("x", accept=[404]),
            asked("y", accept=[404], indent=2, missing="Null"),
            {"name": "d", "value": "{x: x, y: 'is there'}", "output": "d.json"},
            asked("z", path="/{x.id}"),
        ]
        cluster = refusing(serving(x=b"gone", y=b"gone"), x=404, y=404)
        assert await collected(cluster, sink, *steps) == {"d.json": b'{"x":null,"y":"is there"}\n', "y.json": b"null\n"}
        assert told(sink) == [("NoSource", "z (z.json)")]

    async def test_who_needs_a_failed_step_names_it(self, sink: FakeSink) -> None:
        steps = [
            asked("x"),
            asked("y", path="/{x.id}"),
            asked("z", when="x.on"),
            {"name": "v", "value": "x.n", "output": "v.json"},
            {"name": "d", "fields": [{"key": "k", "value": "x.n"}], "output": "d.json"},
        ]
        assert not await collected(refusing(serving(x=b""), x=500), sink, *steps)
        assert [reason for reason, _ in told(sink)] == ["HTTP500", *["StepFailed"] * 4]
        assert sink.gaps[1].message == ("y (y.json): It needs step x, which failed. {x.id} in the path is null.")
        assert "Whether it is wanted is told by step x, which failed." in sink.gaps[2].message

    async def test_what_is_not_there_is_told(self, sink: FakeSink) -> None:
        steps = [
            asked("x", value="a.b"),
            asked("y"),
            asked("z", path="/{y.gone}"),
            {"name": "d", "fields": [{"key": "k", "value": "y.gone"}], "output": "d.json"},
        ]
        await collected(serving(x={}, y={}), sink, *steps)
        assert told(sink) == [("NoSource", f"{name} ({name}.json)") for name in "xzd"]

    async def test_a_remark_is_for_readers_of_the_manifest(self, sink: FakeSink) -> None:
        made = {"name": "d", "value": "x", "output": "d.json", "note": "Seen from the server."}
        await collected(serving(x={"n": 1}), sink, asked("x", note="As it came."), made)
        notes = [sink.files[f"{HERE}{name}.json"].notes["note"] for name in "xd"]
        assert notes == ["As it came.", "Seen from the server."]

    async def test_fields_that_do_not_fit_are_told_and_left_out(self, sink: FakeSink) -> None:
        fields = [{"key": key, "value": value} for key, value in (("a", "length(x.n)"), ("b", "x.n"), ("c", "x.gone"))]
        document = {"name": "d", "output": "d.json", "fields": fields}
        found = await collected(serving(x={"n": 1}), sink, asked("x"), document)
        assert found["d.json"] == b'{"b":1}\n'
        assert sink.files[f"{HERE}d.json"].notes == {"step": "d", "leftOut": "a, c"}
        assert [gap.message for gap in sink.gaps] == [
            "d (d.json): left out: a: length() takes string, array, object and was given number."
        ]

    async def test_fields_without_a_source_are_told_where_that_is_asked_for(self, sink: FakeSink) -> None:
        fields = [{"key": "a", "value": "x.gone"}, {"key": "b", "value": "x.n"}]
        document = {"name": "d", "output": "d.json", "fields": fields, "reportMissing": True, "keepNull": True}
        assert (await collected(serving(x={"n": 1}), sink, asked("x"), document))["d.json"] == b'{"a":null,"b":1}\n'
        assert [(gap.reason, gap.message) for gap in sink.gaps] == [
            ("NoSource", "d (d.json): there is no source for a.")
        ]

    async def test_a_port_that_never_answers_is_left_alone_after_three_requests(self, sink: FakeSink) -> None:
        slow = [DeadlineExceeded("slow")]
        names = ("a", "b", "c", "d", "e")
        steps = [asked(name, missing="Null") for name in names] + [{"name": "p", "value": "pod.name", "output": "p"}]
        found = await collected(serving(**dict.fromkeys(names, slow)), sink, *steps)
        assert found == {**{f"{name}.json": b"null\n" for name in names}, "p": b'"web-0"\n'}
        assert [reason for reason, _ in told(sink)] == ["Timeout"] * 3 + ["NotAsked"]
        assert sink.gaps[-1].message == "slow Therefore these steps were not asked: d, e."

    async def test_an_answer_in_between_shows_that_it_does(self, sink: FakeSink) -> None:
        slow = [Unavailable("reset")]
        cluster = refusing(serving(a=slow, b=slow, c=b"", d=slow, e=slow, f={}), c=500)
        assert await collected(cluster, sink, *map(asked, "abcdef")) == {"f.json": b"{}"}

    async def test_answers_that_break_off_show_it_too(self, sink: FakeSink) -> None:
        half = [b"half", DeadlineExceeded("slow")]
        cluster = serving(a=half, b=half, c=half, d=half, e={})
        assert (await collected(cluster, sink, *map(asked, "abcde")))["e.json"] == b"{}"

    async def test_who_is_told_to_end_tells_what_a_fallback_was_for(self, sink: FakeSink) -> None:
        cluster = Hanging(bodies={f"{URL}/a": [[b""]]}, statuses={f"{URL}/a": 404})
        planned = task(asked("a"), asked("b", fallbackFor="a"))
        running = asyncio.create_task(run(COLLECTOR, planned, cluster, sink))
        await cluster.reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert told(sink) == [("HTTP404", "a (a.json)")]

    async def test_a_pod_that_is_gone_is_not_asked_again(self, sink: FakeSink) -> None:
        await collected(serving(a=[NotFound("no such pod")]), sink, asked("a"), asked("b"), asked("c"))
        assert [gap.reason for gap in sink.gaps] == ["PodGone", "NotAsked"]
        assert sink.gaps[0].message == "a (a.json): The pod was deleted meanwhile. no such pod"

    @pytest.mark.parametrize("values", [{}, {"s": {"k": b"a\nb"}}])
    async def test_nothing_is_sent_with_a_bad_secret(self, values: dict[str, dict[str, bytes]], sink: FakeSink) -> None:
        cluster = serving(x={})
        planned = task(asked("x", missing="Null"), asked("y"), headersFrom=[{"name": "X-A", "secret": "s", "key": "k"}])
        await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets(values))
        assert [gap.reason for gap in sink.gaps] == ["InvalidHeader" if values else "SecretNotFound", "NotAsked"]
        assert with_constants(sink, planned, HERE) == {"x.json": b"null\n"}
        assert not cluster.sent

    async def test_a_file_that_does_not_fit_into_the_bundle_is_told(self, sink: FakeSink) -> None:
        sink.budget = 3
        assert not await collected(serving(x={"a": 1}), sink, asked("x", indent=1))
        assert told(sink) == [("TooLarge", "x (x.json)")]


class TestAsking:
    """Where requests go, and with what."""

    async def test_a_request_is_what_was_asked_for(self, sink: FakeSink) -> None:
        cluster = serving("https://10.1.2.3:8080", x={"id": 7}, **{"y?z=7": b"ok"})
        cluster.objects = stored(pod())
        planned = task(
            asked("x"),
            asked("y", path="/y?z={x.id}"),
            via="PodIP",
            timeout="7s",
            headers=[{"name": "X-A", "value": "1"}],
            headersFrom=[{"name": "Authorization", "prefix": "Bearer ", "secret": "scraper", "key": "token"}],
            tls={"caBundle": "PEM"},
        )
        await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets({"scraper": {"token": b"t\n"}}))
        assert not sink.gaps
        assert [request.url.partition(":8080")[2] for request in cluster.sent] == ["/x", "/y?z=7"]
        for request in cluster.sent:
            assert (request.method, request.body, request.timeout_seconds) == ("GET", b"", 7)
            assert request.headers == {"x-a": "1", "authorization": "Bearer t"}
            assert request.tls is not None
            assert (request.tls.ca_bundle, request.tls.server_name) == ("PEM", "10.1.2.3")

    async def test_an_address_that_has_passed_to_another_pod_gets_no_further_request(self, sink: FakeSink) -> None:
        cluster = Moving(bodies={"http://10.1.2.3:8080/x": [[b"{}"]]}, objects=stored(pod()))
        await run(COLLECTOR, task(asked("x"), asked("y"), asked("z"), via="PodIP"), cluster, sink)
        assert [request.url for request in cluster.sent] == ["http://10.1.2.3:8080/x"]
        assert [gap.reason for gap in sink.gaps] == ["PodGone", "NotAsked"]

    async def test_a_service_leads_to_one_of_its_pods(self, sink: FakeSink) -> None:
        cluster = serving(x={"n": 1})
        ports = [{"name": "web", "port": 8080}]
        cluster.objects = {
            "/api/v1/namespaces/apps/services/web": {
                "metadata": {"name": "web"},
                "spec": {"selector": {"app": "web"}, "ports": ports},
            }
        }
        endpoint = {"targetRef": {"kind": "Pod", "name": "web-0", "namespace": "apps"}}
        slices = [{"endpoints": [endpoint], "ports": [{"name": "web", "port": 9090}]}]
        cluster.lists = {"/apis/discovery.k8s.io/v1/namespaces/apps/endpointslices": slices}
        await run(COLLECTOR, task(asked("x"), service="web"), cluster, sink)
        assert cluster.forwards == [("apps", "web-0", 9090)]
        assert sink.files["services/web/api/x.json"].data == b'{"n": 1}'

    async def test_a_service_that_is_not_there_is_told_once(self, sink: FakeSink) -> None:
        planned = task(asked("x"), asked("y", missing="Null"), service="web")
        await run(COLLECTOR, planned, FakeCluster(), sink)
        assert sink.reasons == [("service/web", "NotFound"), ("service/web", "NotAsked")]
        assert with_constants(sink, planned, "services/web/api/") == {"y.json": b"null\n"}

    async def test_headers_of_the_answer_are_noted(self, sink: FakeSink) -> None:
        cluster = Answering(bodies={f"{URL}/x": [[b"{}"]]}, headers={"Content-Type": "application/json\x1b"})
        await collected(cluster, sink, asked("x"))
        assert sink.files[f"{HERE}x.json"].notes["contentType"] == "application/json\\x1b"


@dataclass
class Hanging(FakeCluster):
    """A pod that never answers some requests."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        if request.url not in self.bodies:
            self.reached.set()
            await asyncio.Event().wait()
        async with super().request(request) as answer:
            yield answer


@dataclass
class Moving(FakeCluster):
    """A pod that is replaced after the first request."""

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        self.objects = stored(pod(uid="another"))
        async with super().request(request) as answer:
            yield answer
