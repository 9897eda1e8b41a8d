"""Helm's payloads, written by strangers: decoded within bounds, or refused."""

from __future__ import annotations

import gzip
from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.collect.releases import MAX_JSON, MAX_PARTS, Payload, Revision, decode, history, newest, report
from supportbundle.errors import Corrupt

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=10,
)


def packed(text: bytes) -> str:
    return b64encode(b64encode(gzip.compress(text))).decode()


@given(st.dictionaries(texts, values, max_size=4), st.booleans())
def test_a_release_survives(release: dict[str, Any], compressed: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    text = orjson.dumps(release)
    assert decode(packed(text) if compressed else b64encode(b64encode(text)).decode()) == release


@given(st.binary(max_size=200), st.sampled_from(["", "b64", "b64b64", "gzip", "cut"]))
def test_anything_else_is_refused(data: bytes, how: str) -> None:
    forms = {
        "": data.decode("latin-1"),
        "b64": b64encode(data).decode(),
        "b64b64": b64encode(b64encode(data)).decode(),
        "gzip": packed(b"\xff" + data),
        "cut": b64encode(b64encode(gzip.compress(b'{"a": 1}' + data)[:-9])).decode(),
    }
    with pytest.raises(Corrupt):
        decode(forms[how])


@pytest.mark.parametrize(
    "text",
    [
        b" " * (MAX_JSON + 1),
        b"[" + b"[]," * MAX_PARTS + b"[]]",
        b"[" * 900 + b"]" * 900,
        b'{"config":' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b"[]",
        b"7",
    ],
    ids=["bomb", "parts", "deep", "deep values", "array", "number"],
)
def test_hostile_payloads_are_refused(text: bytes) -> None:
    with pytest.raises(Corrupt):
        decode(packed(text))


def test_a_payload_that_no_secret_can_hold_is_refused() -> None:
    with pytest.raises(Corrupt):
        decode("A" * (4 << 20))


def secret(version: object, status: str = "deployed") -> dict[str, Any]:
    labels = {"name": "web", "version": version, "status": status}
    created = "2026-01-02T03:04:05Z"
    return {"metadata": {"labels": labels, "creationTimestamp": created}, "data": {"release": f"payload {version}"}}


def test_the_newest_by_number_is_kept() -> None:
    last: Payload | None = None
    for version in ("2", "10", "9"):
        last = newest(last, history(secret(version)), secret(version))
    assert last is not None
    assert (last.revision.number, last.encoded) == (10, "payload 10")


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 40, None, "1e3"])
def test_odd_labels_are_revision_0(version: object) -> None:
    found = history(secret(version, "Weird\x1b status"))
    assert found == Revision(number=0, status="unknown", date="2026-01-02T03:04:05Z")


def test_the_report_has_no_manifest_and_no_templates() -> None:
    release = {
        "name": "web",
        "config": {"replicas": 2},
        "info": {"description": "Upgrade complete", "notes": "NOTES"},
        "manifest": "MANIFEST",
        "hooks": [{"manifest": "HOOK"}],
        "chart": {"metadata": {"name": "nginx", "version": "1.2.3", "appVersion": "9"}, "templates": [{"data": "T"}]},
    }
    revisions = [Revision(2, "pending-upgrade", "d2"), Revision(1, "superseded", "d1")]
    assert report("web", "apps", revisions, release) == {
        "releaseName": "web",
        "chart": "nginx",
        "chartVersion": "1.2.3",
        "appVersion": "9",
        "namespace": "apps",
        "releaseHistory": [
            {"revision": "1", "date": "d1", "status": "superseded", "isPending": False},
            {
                "revision": "2",
                "date": "d2",
                "status": "pending-upgrade",
                "isPending": True,
                "description": "Upgrade complete",
                "values": {"replicas": 2},
            },
        ],
    }


@given(st.dictionaries(st.sampled_from(["chart", "info", "config", "metadata"]), values))
def test_any_object_makes_a_report(release: dict[str, Any]) -> None:
    assert orjson.dumps(report("web", "apps", [Revision(1, "deployed", "")], release))
