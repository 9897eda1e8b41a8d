"""Web servers that lie, stall, flood and explode: a request takes its own time and bytes, and keeps what is genuine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.driving import Besieged, Spent

pytestmark = pytest.mark.e2e
WAYS = ("PortForward", "PodIP")
MEMORY = 24 << 20
LIMIT = 1 << 20
SECONDS = 4
SLACK = 10.0
"""Seconds above the request's own time: opening the port, on a busy machine."""


def get(path: str, via: str = "PortForward", **options: Any) -> dict[str, Any]:
    usual = {"port": 8080, "path": path, "via": via, "timeout": f"{SECONDS}s", "maxBytes": LIMIT}
    return {"type": "HTTP", "http": usual | options}


def assert_bounded(spent: Spent, seconds: float = SECONDS) -> None:
    assert spent.seconds < seconds + SLACK
    assert spent.memory < MEMORY


@pytest.mark.parametrize("via", WAYS)
async def test_less_than_a_byte_a_second_ends_in_time(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/slow", via)))
    assert besieged.reasons == {"Timeout"}
    assert besieged.only.data.strip(b"z") == b""
    assert 1 <= len(besieged.only.data) <= SECONDS


@pytest.mark.parametrize("via", WAYS)
async def test_a_body_shorter_than_its_length_is_incomplete(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/lie", via)), seconds=0)
    assert besieged.only.data == b"this is all\n"
    assert besieged.only.notes["incomplete"]
    assert besieged.reasons == {"Unavailable"}


@pytest.mark.parametrize("via", WAYS)
async def test_an_endless_body_is_cut_at_its_limit(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/endless", via)))
    assert len(besieged.only.data) == LIMIT


@pytest.mark.parametrize("via", WAYS)
@pytest.mark.parametrize("path", ["/endless-headers", "/endless-interim"])
async def test_an_answer_that_never_begins_takes_no_memory(besieged: Besieged, path: str, via: str) -> None:
    assert_bounded(await besieged.endure("server", get(path, via)))
    assert not besieged.sink.files
    assert besieged.reasons <= {"Timeout", "Unavailable", "Invalid"}
    assert len(besieged.sink.gaps) == 1


@pytest.mark.parametrize("via", WAYS)
async def test_a_gzip_bomb_is_kept_as_it_came(besieged: Besieged, via: str) -> None:
    limit = 16 << 20
    spent = await besieged.endure("server", get("/bomb", via, maxBytes=limit, timeout="30s"))
    assert spent.seconds < 30 + SLACK
    assert spent.memory < MEMORY + limit  # the double that keeps it copies it
    assert besieged.only.data[:2] == b"\x1f\x8b"
    assert 10 << 20 < len(besieged.only.data) < 11 << 20
    assert not besieged.sink.gaps


@pytest.mark.parametrize("via", WAYS)
async def test_silence_is_a_timeout(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/hang", via)))
    assert not besieged.sink.files
    assert besieged.reasons == {"Timeout"}


@pytest.mark.parametrize("via", WAYS)
async def test_redirects_to_metadata_are_named_and_not_followed(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/redirect", via)), seconds=0)
    assert besieged.reasons == {"HTTP302"}
    assert "169.254.169.254" in besieged.sink.gaps[0].message
    assert besieged.only.notes["status"] == 302


@pytest.mark.parametrize("via", WAYS)
async def test_binary_bodies_stay_as_they_are(besieged: Besieged, via: str) -> None:
    assert_bounded(await besieged.endure("server", get("/binary", via)), seconds=0)
    assert besieged.only.data == bytes(range(256)) * 4096
    assert not besieged.sink.gaps


async def test_the_body_of_a_failure_is_kept(besieged: Besieged) -> None:
    await besieged.endure("server", get("/status/503"))
    assert json.loads(besieged.only.data) == {"status": 503, "reason": "as asked"}
    assert besieged.reasons == {"HTTP503"}


async def test_only_our_headers_arrive(besieged: Besieged) -> None:
    besieged.secrets.values["token"] = {"value": b"for-the-server\n"}
    spec = get(
        "/echo?a=%2F..%2Fb",
        method="POST",
        body="question",
        headers=[{"name": "X-Plain", "value": "said"}],
        headersFrom=[{"name": "Authorization", "prefix": "Bearer ", "secret": "token", "key": "value"}],
    )
    await besieged.endure("server", spec)
    heard = json.loads(besieged.only.data)
    assert (heard["method"], heard["uri"], heard["body"]) == ("POST", "/echo?a=%2F..%2Fb", "question")
    assert heard["headers"]["Authorization"] == ["Bearer for-the-server"]
    assert heard["headers"]["X-Plain"] == ["said"]
    assert heard["headers"].get("Accept-Encoding", ["identity"]) == ["identity"]
    assert "Cookie" not in heard["headers"]


@pytest.mark.parametrize("via", WAYS)
async def test_an_authority_of_its_own(besieged: Besieged, via: str) -> None:
    await besieged.endure("server", get("/ca", output="ca.pem"))
    (authority,) = [member.data for path, member in besieged.sink.files.items() if path.endswith("ca.pem")]
    named = {"caBundle": authority.decode(), "serverName": "hostile.test"}
    await besieged.endure("server", get("/echo", via, port=8443, tls=named, output="trusted"))
    assert not besieged.sink.gaps
    assert any(path.endswith("trusted") for path in besieged.sink.files)


@pytest.mark.parametrize("tls", [{}, {"serverName": "hostile.test"}])
async def test_an_unknown_authority_is_no_answer(besieged: Besieged, tls: dict[str, str]) -> None:
    await besieged.endure("server", get("/echo", port=8443, tls=tls))
    assert not besieged.sink.files
    assert len(besieged.sink.gaps) == 1


async def test_skipping_verification_must_be_said(besieged: Besieged) -> None:
    await besieged.endure("server", get("/echo", port=8443, tls={"insecureSkipVerify": True}))
    assert json.loads(besieged.only.data)["uri"] == "/echo"


async def test_plain_http_on_a_tls_port(besieged: Besieged) -> None:
    assert_bounded(await besieged.endure("server", get("/echo", port=8443)), seconds=0)
    assert besieged.reasons == {"HTTP400"}
