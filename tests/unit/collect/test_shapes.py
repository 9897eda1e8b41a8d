"""Shapes of Secrets: what they look like, never what they say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster, FakeSecrets, FakeSink, plan, pod, run
from supportbundle.collect.config import COLLECTOR
from supportbundle.collect.shapes import FILE, form, shape, shapes
from supportbundle.model.pod import SecretUse

SPEC = {"type": "Config", "config": {"secretShapes": True}}


def using(*names: str) -> dict[str, Any]:
    return {"secrets": tuple(SecretUse(name=name, optional=False) for name in names)}


async def collected(sink: FakeSink, values: dict[str, dict[str, bytes]], *names: str) -> dict[str, Any]:
    (task,), _ = plan(COLLECTOR, SPEC, pod("web-0", **using(*names)))
    await run(COLLECTOR, task, FakeCluster(), sink, secrets=FakeSecrets(values))
    return {entry["name"]: {key.pop("key"): key for key in entry["keys"]} for entry in sink.json(FILE)["shapes"]}


async def test_shapes_tell_what_goes_wrong(sink: FakeSink) -> None:
    values = {"db": {"password": b"hunter2\n", "empty": b""}, "copy": {"pw": b"hunter2\n", "empty": b""}}
    found = await collected(sink, values, "copy", "db")
    assert found["db"]["password"] == {
        "bytes": 8,
        "empty": False,
        "form": "text",
        "trailingNewline": True,
        "equalTo": ["copy/pw"],
    }
    assert found["db"]["empty"] == {"bytes": 0, "empty": True, "form": "empty", "trailingNewline": False}
    assert b"hunter2" not in sink.files[FILE].data


async def test_a_secret_that_does_not_exist_is_a_gap(sink: FakeSink) -> None:
    assert set(await collected(sink, {"db": {}}, "db", "gone")) == {"db"}
    assert sink.reasons == [("Secret/gone", "SecretNotFound")]


def test_the_job_mounts_the_secrets_but_none_fails_the_task() -> None:
    (task,), _ = plan(COLLECTOR, SPEC, pod("a", **using("x", "y")), pod("b", **using("y")))
    assert task.credentials == ("x", "y")
    assert task.secrets == ()
    assert task.claims == (FILE,)


def test_targets_without_secrets_are_said() -> None:
    tasks, gaps = plan(COLLECTOR, SPEC, pod("a", secrets=()))
    assert not tasks
    assert [gap.reason for gap in gaps] == ["NothingToCollect"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", "empty"),
        (b"word", "text"),
        (b"gr\xc3\xbc\xc3\x9fe\n", "text"),
        (b"\xff\xfe\x00", "binary"),
        (b"a\x00b", "binary"),
        (b'{"auths": {}}', "JSON object"),
        (b" [1]", "JSON array"),
        (b"{not json", "text"),
        (b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "PEM (CERTIFICATE)"),
        (b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----", "PEM (CERTIFICATE, PRIVATE KEY)"),
        (b"-----BEGIN MY SECRET WORDS-----", "PEM (other)"),
    ],
)
def test_forms(value: bytes, expected: str) -> None:
    assert form(value) == expected


@given(st.binary(max_size=200))
def test_the_shape_of_a_value_depends_on_nothing_that_it_says(value: bytes) -> None:
    found = shape(value)
    assert set(found) == {"bytes", "empty", "form", "trailingNewline"}
    assert found["bytes"] == len(value)
    assert found["form"] in {"empty", "text", "binary", "JSON object", "JSON array"} or found["form"].startswith(
        "PEM ("
    )


words = st.text(alphabet="abcdef", min_size=1, max_size=3)


@given(st.dictionaries(st.tuples(words, words), st.binary(max_size=2), max_size=8))
def test_equal_values_name_each_other(values: dict[tuple[str, str], bytes]) -> None:
    names = sorted({name for name, _ in values})
    found = {(e["name"], k["key"]): set(k.get("equalTo", ())) for e in shapes(names, values) for k in e["keys"]}
    assert set(found) == set(values)
    for place, value in values.items():
        same = {f"{n}/{k}" for (n, k), other in values.items() if other == value and (n, k) != place}
        assert found[place] == (same if value else set())
    assert orjson.dumps(shapes(names, values))
