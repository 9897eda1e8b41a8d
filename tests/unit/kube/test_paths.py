"""Paths of the API, and that no name can leave its place in one."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from supportbundle.errors import Invalid
from supportbundle.model.paths import collection, one


def test_core_and_named_groups() -> None:
    assert collection("v1", "pods") == "/api/v1/pods"
    assert collection("apps/v1", "deployments", "a") == "/apis/apps/v1/namespaces/a/deployments"
    assert one("v1", "pods", "p", "a", subresource="log") == "/api/v1/namespaces/a/pods/p/log"
    assert one("v1", "nodes", "n") == "/api/v1/nodes/n"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda n: n not in {".", ".."}))
def test_a_name_stays_one_segment(name: str) -> None:
    path = one("v1", "pods", name, "ns", subresource="log")
    segments = URL("http://host" + path, encoded=True).raw_path.split("/")
    assert [unquote(segment) for segment in segments[5:]] == ["pods", name, "log"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_a_client_would_resolve_away_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        one("v1", "pods", name, "ns")
