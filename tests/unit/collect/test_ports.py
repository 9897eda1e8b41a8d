"""Requests to ports: who may be asked, and what goes along."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster, FakeSecrets, FakeSink, pod, stored
from supportbundle.collect.base import RunContext
from supportbundle.collect.ports import (
    InvalidHeader,
    PodGone,
    PodPort,
    choose,
    credentials,
    pod_url,
    refused_header,
    request_headers,
    trust,
    unreachable,
)
from supportbundle.errors import Invalid, SecretNotFound
from supportbundle.model.collectors import Header, HeaderSource, PodChoice, SecretKey, TLSOptions, Via
from supportbundle.model.gap import Gap

TOKEN = HeaderSource(name="Authorization", prefix="Bearer ", secret="scraper", key="token")


def names(*pods: Any, choice: PodChoice = PodChoice.ALL) -> list[str]:
    return [f"gap:{p.reason}" if isinstance(p, Gap) else p.name for p in choose(pods, choice, "c")]


class TestChoosing:
    """Which pods are asked."""

    def test_all_running_pods(self) -> None:
        assert names(pod("a"), pod("b", phase="Pending"), pod("c")) == ["a", "gap:PodNotRunning", "c"]

    def test_one_is_the_first_ready_pod_by_name(self) -> None:
        pods = (pod("c"), pod("b"), pod("a", ready=False))
        assert names(*pods, choice=PodChoice.ONE) == ["b"]

    def test_one_is_an_unready_pod_where_none_is_ready(self) -> None:
        assert names(pod("b", ready=False), pod("a", phase="Failed"), choice=PodChoice.ONE) == ["b"]

    def test_one_of_none_is_a_gap(self) -> None:
        assert names(pod("a", phase="Failed"), choice=PodChoice.ONE) == ["gap:PodNotRunning"]
        assert names(choice=PodChoice.ONE) == []


class TestReaching:
    """Only forwarded ports and pods' own addresses."""

    @pytest.mark.parametrize(
        ("facts", "reason"),
        [
            ({}, None),
            ({"ip": "fd00::7"}, None),
            ({"ip": ""}, "PodNotRunning"),
            ({"ip": "169.254.169.254"}, "NotAllowed"),
            ({"ip": "127.0.0.1"}, "NotAllowed"),
            ({"ip": "::1"}, "NotAllowed"),
            ({"ip": "fe80::1"}, "NotAllowed"),
            ({"ip": "::ffff:169.254.169.254"}, "NotAllowed"),
            ({"ip": "0.0.0.0"}, "NotAllowed"),
            ({"ip": "168.63.129.16"}, "NotAllowed"),
            ({"ip": "fd00:ec2::254"}, "NotAllowed"),
            ({"ip": "64:ff9b::a9fe:a9fe"}, "NotAllowed"),
            ({"ip": "evil.example"}, "NotAllowed"),
        ],
    )
    def test_by_address(self, facts: dict[str, Any], reason: str | None) -> None:
        gap = unreachable(pod(**facts), Via.POD_IP, "c")
        assert (gap.reason if gap else None) == reason
        assert unreachable(pod(**facts), Via.PORT_FORWARD, "c") is None

    @pytest.mark.parametrize("via", Via)
    def test_a_pod_on_its_nodes_network_by_no_way(self, via: Via) -> None:
        gap = unreachable(pod(host_network=True), via, "c")
        assert gap is not None
        assert gap.reason == "NotAllowed"
        assert "Exec or Files" in gap.message

    @pytest.mark.parametrize("now", [{"uid": "another"}, {"ip": "10.9.9.9"}, {"ip": ""}, None])
    async def test_an_address_that_passed_to_another_pod_is_not_asked(
        self, now: dict[str, Any] | None, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.objects = stored() if now is None else stored(pod(**now))
        context = RunContext(namespace="apps", cluster=cluster, sink=sink, secrets=FakeSecrets())
        with pytest.raises(PodGone) as gone:
            async with pod_url(PodPort.of(pod(), 80, Via.POD_IP), context):
                pytest.fail("it was asked")
        assert gone.value.reason == "PodGone"

    @pytest.mark.parametrize(
        ("via", "ip", "secure", "url"),
        [
            (Via.POD_IP, "10.1.2.3", False, "http://10.1.2.3:80"),
            (Via.POD_IP, "fd00::7", True, "https://[fd00::7]:80"),
            (Via.PORT_FORWARD, "10.1.2.3", False, "http://forwarded"),
            (Via.PORT_FORWARD, "10.1.2.3", True, "https://forwarded"),
        ],
    )
    async def test_the_base_url(
        self, via: Via, ip: str, *, secure: bool, url: str, cluster: FakeCluster, sink: FakeSink
    ) -> None:
        cluster.objects = stored(pod(ip=ip))
        context = RunContext(namespace="apps", cluster=cluster, sink=sink, secrets=FakeSecrets())
        async with pod_url(PodPort.of(pod(ip=ip), 80, via), context, secure=secure) as base:
            assert base == url
        assert cluster.forwards == ([("apps", "web-0", 80)] if via == Via.PORT_FORWARD else [])


class TestHeaders:
    """Values from Secrets."""

    @pytest.mark.parametrize("value", [b"t0ken", b"t0ken\n", b"t0ken\r\n"])
    def test_a_line_break_at_the_end_goes(self, value: bytes) -> None:
        secrets = FakeSecrets({"scraper": {"token": value}})
        assert request_headers((), (TOKEN,), secrets) == {"authorization": "Bearer t0ken"}

    def test_a_secret_replaces_a_plain_header(self) -> None:
        secrets = FakeSecrets({"scraper": {"token": b"t0ken"}})
        plain = (Header(name="AUTHORIZATION", value="none"), Header(name="X-A", value="1"))
        assert request_headers(plain, (TOKEN,), secrets) == {"authorization": "Bearer t0ken", "x-a": "1"}

    @pytest.mark.parametrize("values", [{}, {"scraper": {}}, {"scraper": {"other": b"x"}}])
    def test_what_is_not_there_is_said(self, values: dict[str, dict[str, bytes]]) -> None:
        with pytest.raises(SecretNotFound, match="scraper"):
            request_headers((), (TOKEN,), FakeSecrets(values))

    @given(st.binary(max_size=50))
    def test_a_sent_value_is_one_line_of_ascii(self, value: bytes) -> None:
        secrets = FakeSecrets({"scraper": {"token": value}})
        try:
            headers = request_headers((), (TOKEN,), secrets)
        except InvalidHeader:
            return
        sent = headers["authorization"]
        assert all(" " <= char <= "~" for char in sent)
        assert value.startswith(sent.removeprefix("Bearer ").encode())

    def test_a_refused_value_is_not_quoted(self) -> None:
        with pytest.raises(InvalidHeader) as refused:
            request_headers((), (TOKEN,), FakeSecrets({"scraper": {"token": b"hunter2\nX-Evil: 1"}}))
        assert "hunter2" not in str(refused.value)

    def test_framing_headers_are_refused(self) -> None:
        assert refused_header(["X-A", "Transfer-Encoding"]) == "Transfer-Encoding"
        assert refused_header(["Host", "Authorization"]) is None


class TestTrust:
    """HTTPS."""

    FROM = SecretKey(secret="ca", key="ca.crt")

    def test_without_options_there_is_none(self) -> None:
        assert trust(None, FakeSecrets(), server_name="x") is None

    def test_both_cas_count_and_a_name_is_given(self) -> None:
        options = TLSOptions(ca_bundle="PEM1", ca_from=self.FROM)
        tls = trust(options, FakeSecrets({"ca": {"ca.crt": b"PEM2"}}), server_name="10.1.2.3")
        assert tls is not None
        assert (tls.ca_bundle, tls.server_name, tls.insecure_skip_verify) == ("PEM1\nPEM2", "10.1.2.3", False)

    def test_the_options_name_wins(self) -> None:
        tls = trust(TLSOptions(server_name="web.local", insecure_skip_verify=True), FakeSecrets(), server_name="x")
        assert tls is not None
        assert (tls.server_name, tls.insecure_skip_verify) == ("web.local", True)

    def test_a_ca_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(Invalid, match="no PEM"):
            trust(TLSOptions(ca_from=self.FROM), FakeSecrets({"ca": {"ca.crt": b"\xff"}}), server_name="")

    def test_credentials_are_all_secrets_used(self) -> None:
        assert credentials((TOKEN, TOKEN), TLSOptions(ca_from=self.FROM)) == ("ca", "scraper")
