"""Manifests of Secrets in the middle of other text: their data goes, whatever stands before each line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]
STAMP = "2026-11-21T10:00:00.123456789Z stdout F "
MANIFEST = """apiVersion: v1
data:
  user: aHVudGVyMg==
  conf: |
    first greengoblin
    second goblin
kind: Secret
metadata:
  name: db
  annotations:
    password: hunter2
stringData: {a: xyzzy1}
"""


def _behind(prefix: str, text: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize("prefix", ["", "  ", STAMP, "2026-11-21T10:00:00Z ", STAMP + "  "])
def test_data_before_and_after_the_kind_goes_and_the_rest_stays(prefix: str, clean: Clean) -> None:
    out = clean(f"it shows, in one breath, this:\n{_behind(prefix, MANIFEST)}and that was it\n").decode()
    for secret in ("aHVudGVyMg", "greengoblin", "goblin", "hunter2", "xyzzy1"):
        assert secret not in out
    assert "name: db" in out
    assert out.endswith("and that was it\n")
    assert clean(out).decode() == out


def test_other_objects_keep_their_data(clean: Clean) -> None:
    text = _behind(STAMP, "apiVersion: v1\nkind: ConfigMap\ndata:\n  mode: fast\n---\nkind: Secret\ntype: Opaque\n")
    assert clean(text).decode() == text


@given(sizes=st.lists(st.integers(1, 90), max_size=30))
def test_no_split_and_no_window_matters(sizes: list[int], tiny: Sanitizer, in_chunks: Callable[..., bytes]) -> None:
    text = (f"it shows, in one breath, this:\n{_behind('', MANIFEST)}" * 3).encode()
    out = in_chunks(tiny, text, sizes)
    assert out == in_chunks(tiny, text, [])
