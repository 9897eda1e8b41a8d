"""HTTP: pods, Services, statuses, secrets and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.collecting import Answering, FakeCluster, FakeSecrets, FakeSink, Piece, plan, pod, run, stored
from support.packing import zipped
from supportbundle.collect.http import COLLECTOR, HTTPCollector
from supportbundle.errors import DeadlineExceeded, NotFound, Unavailable
from supportbundle.model.plan import Task
from supportbundle.model.pod import PodFacts

URL = "http://forwarded/status?full=1"
FILE = "pods/web-0/http/c"
SERVICE = "/api/v1/namespaces/apps/services/web"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/apps/endpointslices"


def spec(**options: Any) -> dict[str, Any]:
    return {"type": "HTTP", "http": {"port": 8080, "path": "/status?full=1", **options}}


def task(**options: Any) -> Task:
    (planned,), gaps = plan(COLLECTOR, spec(**options), pod())
    assert not gaps
    return planned


class TestPlanning:
    """Tasks and refusals."""

    def test_one_task_for_each_running_pod(self) -> None:
        tasks, gaps = plan(COLLECTOR, spec(), pod("a"), pod("b", phase="Pending"))
        assert [(t.id, t.claims, t.secrets, t.node) for t in tasks] == [("c/a", ("pods/a/http/c",), ("db",), "n1")]
        assert [(g.target, g.reason) for g in gaps] == [("b", "PodNotRunning")]

    def test_one_task_for_a_service_knows_the_secrets_of_all(self) -> None:
        (planned,), _ = plan(COLLECTOR, spec(service="web", output="s.json"), pod("a"), pod("b", secrets=()))
        assert (planned.id, planned.claims, planned.secrets) == (
            "c/service/web",
            ("services/web/http/s.json",),
            ("db",),
        )

    def test_secrets_that_are_used_are_credentials(self) -> None:
        headers = [{"name": "Authorization", "secret": "scraper", "key": "token"}]
        planned = task(headersFrom=headers, tls={"caFrom": {"secret": "ca", "key": "ca.crt"}})
        assert planned.credentials == ("ca", "scraper")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"body": "x"}, "POST"),
            ({"service": "web", "via": "PodIP"}, "port-forward"),
            ({"headers": [{"name": "Content-Length", "value": "0"}]}, "Content-Length"),
        ],
    )
    def test_contradictions_are_refused(self, options: dict[str, Any], words: str) -> None:
        tasks, gaps = plan(COLLECTOR, spec(**options), pod())
        assert not tasks
        assert [g.reason for g in gaps] == ["Invalid"]
        assert words in gaps[0].message

    def test_options_are_required(self) -> None:
        assert [g.reason for g in plan(COLLECTOR, {"type": "HTTP"}, pod())[1]] == ["Invalid"]

    @pytest.mark.parametrize("via", ["PortForward", "PodIP"])
    def test_a_pod_on_its_nodes_network_is_not_asked(self, via: str) -> None:
        tasks, gaps = plan(COLLECTOR, spec(via=via), pod(host_network=True))
        assert not tasks
        assert [g.reason for g in gaps] == ["NotAllowed"]

    def test_without_targets_a_service_is_not_asked(self) -> None:
        assert plan(COLLECTOR, spec(service="web")) == ([], [])


def ticking(*moments: float) -> HTTPCollector:
    times: Iterator[float] = iter(moments)
    return HTTPCollector(clock=lambda: next(times))


async def test_bytes_and_facts_are_kept(sink: FakeSink) -> None:
    cluster = Answering(bodies={URL: [[b"\x00\xff", b"\x01"]]}, headers={"Content-Type": "application/x-y\x1b[2J"})
    await run(ticking(10.0, 10.1, 10.25), task(), cluster, sink)
    assert not sink.gaps
    assert sink.files[FILE].data == b"\x00\xff\x01"
    assert sink.files[FILE].notes == {
        "status": 200,
        "contentType": "application/x-y\\x1b[2J",
        "firstByteMs": 100,
        "milliseconds": 250,
    }
    assert cluster.forwards == [("apps", "web-0", 8080)]


async def test_the_request_is_what_was_asked_for(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.objects = stored(pod())
    cluster.bodies = {"https://10.1.2.3:8080/status?full=1": [[b"ok"]]}
    planned = task(
        via="PodIP",
        method="POST",
        body="q=1",
        timeout="7s",
        headers=[{"name": "X-A", "value": "1"}],
        headersFrom=[{"name": "Authorization", "prefix": "Bearer ", "secret": "scraper", "key": "token"}],
        tls={"caBundle": "PEM"},
    )
    await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets({"scraper": {"token": b"t\n"}}))
    (sent,) = cluster.sent
    assert (sent.method, sent.body, sent.timeout_seconds) == ("POST", b"q=1", 7)
    assert sent.headers == {"x-a": "1", "authorization": "Bearer t"}
    assert sent.tls is not None
    assert (sent.tls.ca_bundle, sent.tls.server_name) == ("PEM", "10.1.2.3")
    assert not sink.gaps


async def test_an_address_of_another_pod_gets_no_header(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.objects = stored(pod(uid="another"))
    planned = task(via="PodIP", headersFrom=[{"name": "X-A", "secret": "s", "key": "k"}])
    await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets({"s": {"k": b"t0ken"}}))
    assert sink.reasons == [("web-0", "PodGone")]
    assert not cluster.sent


async def test_another_status_is_kept_and_said(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.bodies, cluster.statuses = {URL: [[b"overloaded"]]}, {URL: 503}
    await run(COLLECTOR, task(), cluster, sink)
    assert sink.files[FILE].data == b"overloaded"
    assert sink.reasons == [("web-0", "HTTP503")]
    assert f"kept in {FILE}" in sink.gaps[0].message


async def test_redirects_are_not_followed(sink: FakeSink) -> None:
    cluster = Answering(bodies={URL: [[]]}, statuses={URL: 302}, headers={"location": "http://169.254.169.254/\x1b"})
    await run(COLLECTOR, task(), cluster, sink)
    assert sink.reasons == [("web-0", "HTTP302")]
    assert "http://169.254.169.254/\\x1b; redirects are not followed" in sink.gaps[0].message
    assert len(cluster.sent) == 1


async def test_a_body_over_the_limit_is_cut_and_left(cluster: FakeCluster, sink: FakeSink) -> None:
    unread = Unavailable("must not be read")
    cluster.bodies = {URL: [[b"x" * 1000, b"y" * 1000, unread]]}
    await run(COLLECTOR, task(maxBytes="1Ki"), cluster, sink)
    assert len(sink.files[FILE].data) == 1024
    assert not sink.gaps  # the sink itself says that it cut


@pytest.mark.parametrize(
    ("pieces", "reason", "kept"),
    [
        ([b"half", Unavailable("reset")], "Unavailable", True),
        ([b"half", DeadlineExceeded("slow")], "Timeout", True),
        ([NotFound("gone")], "PodGone", False),
        ([Unavailable("refused")], "Unavailable", False),
    ],
)
async def test_what_fails_is_a_gap(
    pieces: list[Piece], reason: str, *, kept: bool, cluster: FakeCluster, sink: FakeSink
) -> None:
    cluster.bodies = {URL: [pieces]}
    await run(COLLECTOR, task(), cluster, sink)
    assert sink.reasons == [("web-0", reason)]
    assert (FILE in sink.files) is kept


@pytest.mark.parametrize(
    ("values", "reason"),
    [({}, "SecretNotFound"), ({"s": {}}, "SecretNotFound"), ({"s": {"k": b"a\nb"}}, "InvalidHeader")],
)
async def test_nothing_is_sent_with_a_bad_secret(
    values: dict[str, dict[str, bytes]], reason: str, cluster: FakeCluster, sink: FakeSink
) -> None:
    planned = task(headersFrom=[{"name": "X-A", "secret": "s", "key": "k"}])
    await run(COLLECTOR, planned, cluster, sink, secrets=FakeSecrets(values))
    assert sink.reasons == [("web-0", reason)]
    assert not cluster.sent
    assert not cluster.forwards


def service(**changed: Any) -> dict[str, Any]:
    ports = [{"name": "web", "port": 8080, "targetPort": "http"}, {"name": "dns", "port": 8080, "protocol": "UDP"}]
    return {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports, **changed}}


def endpoint(name: str, *, ready: bool | None = True, **ref: Any) -> dict[str, Any]:
    return {"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name, "namespace": "apps", **ref}}


def behind(*pods: PodFacts) -> Task:
    """The task of Service web with these targets."""
    (planned,), gaps = plan(COLLECTOR, spec(service="web"), *pods)
    assert not gaps
    return planned


def slices(*endpoints: dict[str, Any]) -> list[dict[str, Any]]:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "web", "port": 9090, "protocol": "TCP"}]
    return [{"endpoints": list(endpoints), "ports": ports}, {"endpoints": None, "ports": None}]


class TestService:
    """A Service leads to a pod of the namespace or nowhere."""

    async def ask(
        self, cluster: FakeCluster, sink: FakeSink, found: dict[str, Any], *endpoints: dict[str, Any]
    ) -> None:
        cluster.objects, cluster.lists = {SERVICE: found}, {SLICES: slices(*endpoints)}
        cluster.bodies = {URL: [[b"ok"]]}
        await run(COLLECTOR, behind(pod("a"), pod("b"), pod("c"), pod("n", host_network=True)), cluster, sink)

    async def test_its_first_ready_pod_is_asked(self, cluster: FakeCluster, sink: FakeSink) -> None:
        ends = (endpoint("c"), endpoint("b", ready=None), endpoint("a", ready=False))
        await self.ask(cluster, sink, service(), *ends)
        assert cluster.forwards == [("apps", "b", 9090)]
        assert sink.files["services/web/http/c"].data == b"ok"
        assert (SLICES, {"labelSelector": "kubernetes.io/service-name=web"}) in cluster.requests

    async def test_its_certificate_names_the_service(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.objects, cluster.lists = {SERVICE: service()}, {SLICES: slices(endpoint("a"))}
        cluster.bodies = {URL.replace("http", "https", 1): [[b"ok"]]}
        (planned,), _ = plan(COLLECTOR, spec(service="web", tls={}), pod("a"))
        await run(COLLECTOR, planned, cluster, sink)
        assert cluster.sent[0].tls is not None
        assert cluster.sent[0].tls.server_name == "web.apps.svc"

    @pytest.mark.parametrize(
        ("found", "ends", "reason"),
        [
            (service(type="ExternalName"), [], "NotAllowed"),
            (service(selector=None), [endpoint("a")], "NotAllowed"),
            (service(), [endpoint("a"), {"addresses": ["169.254.169.254"]}], "NotAllowed"),
            (service(), [endpoint("a"), endpoint("b", namespace="kube-system")], "NotAllowed"),
            (service(), [endpoint("a", kind="Node")], "NotAllowed"),
            (service(), [endpoint("a", ready=False)], "NoReadyEndpoint"),
            (service(), [endpoint("a", ready=False), endpoint("other")], "KnownSecretMissing"),
            (service(), [endpoint("n"), endpoint("other")], "NotAllowed"),
            (service(ports=[{"port": 1}]), [endpoint("a")], "Invalid"),
        ],
    )
    async def test_others_are_refused(
        self,
        found: dict[str, Any],
        ends: list[dict[str, Any]],
        reason: str,
        cluster: FakeCluster,
        sink: FakeSink,
    ) -> None:
        await self.ask(cluster, sink, found, *ends)
        assert sink.reasons == [("service/web", reason)]
        assert not cluster.forwards
        assert not cluster.sent

    async def test_a_pod_that_is_no_target_is_passed_over(self, cluster: FakeCluster, sink: FakeSink) -> None:
        await self.ask(cluster, sink, service(), endpoint("a-stranger"), endpoint("b"))
        assert cluster.forwards == [("apps", "b", 9090)]
        assert not sink.gaps

    async def test_what_to_do_where_only_strangers_answer(self, cluster: FakeCluster, sink: FakeSink) -> None:
        await self.ask(cluster, sink, service(), endpoint("a-stranger"))
        assert "The pods behind Service web are no targets of this collector" in sink.gaps[0].message
        assert "Let `target` select them." in sink.gaps[0].message

    async def test_one_that_does_not_exist_is_a_gap(self, cluster: FakeCluster, sink: FakeSink) -> None:
        await run(COLLECTOR, task(service="web"), cluster, sink)
        assert sink.reasons == [("service/web", "NotFound")]


class TestUnwrapping:
    """An answer that is a product's own zip."""

    def test_its_folder_is_claimed(self) -> None:
        planned = task(unwrap=True, output="packet")
        assert (planned.claims, planned.folder) == (("pods/web-0/http/packet/",), "pods/web-0/http/packet/")

    async def test_its_members_are_files(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies = {URL: [[zipped({"config.json": b"{}", "node/a.log": b"x"})]]}
        await run(COLLECTOR, task(unwrap=True), cluster, sink)
        assert {path: member.data for path, member in sink.files.items()} == {
            f"{FILE}/config.json": b"{}",
            f"{FILE}/node/a.log": b"x",
        }

    async def test_a_refusal_is_a_gap_and_no_file(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies, cluster.statuses = {URL: [[b"no licence"]]}, {URL: 403}
        await run(COLLECTOR, task(unwrap=True), cluster, sink)
        assert sink.reasons == [("web-0", "HTTP403")]
        assert "no licence" in sink.gaps[0].message
        assert not sink.files

    async def test_what_is_no_zip_is_a_gap_and_no_file(self, cluster: FakeCluster, sink: FakeSink) -> None:
        cluster.bodies = {URL: [[b"<html>"]]}
        await run(COLLECTOR, task(unwrap=True), cluster, sink)
        assert sink.reasons == [("web-0", "NotAZip")]


@pytest.mark.parametrize("strict", [False, True])
async def test_the_body_of_a_refusal_is_no_file_where_something_stands_in(
    cluster: FakeCluster, sink: FakeSink, *, strict: bool
) -> None:
    cluster.bodies, cluster.statuses = {URL: [[b"not here"]]}, {URL: 404}
    await run(COLLECTOR, task().model_copy(update={"strict": strict}), cluster, sink)
    assert sink.reasons == [("web-0", "HTTP404")]
    assert bool(sink.files) is not strict
