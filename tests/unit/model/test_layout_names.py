"""Paths that people choose, and names of the archive: what can be written at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from supportbundle.archive.paths import path_problem
from supportbundle.model.archive import ArchiveOptions
from supportbundle.model.placing import OutputPath

PATH = TypeAdapter(OutputPath)
AT = datetime(2026, 11, 21, 12, 5, 6, tzinfo=UTC)
NAMES = {"{pod/}": "web-0/", "{container/}": "", "{pod}": "web-0", "{container}": "app", "{collector}": "c"}


def archive(**names: Any) -> ArchiveOptions:
    return ArchiveOptions.model_validate(names)


@pytest.mark.parametrize(
    "path",
    [
        "server.log",
        "{pod/}server.log",
        "{file}",
        "a/{pod}-{container}/b.txt",
        "{pod/}{container/}{file}",
        "logs.{file}",
    ],
)
def test_plain_names_and_placeholders_are_a_path(path: str) -> None:
    assert PATH.validate_python(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        ".hidden",
        "a/.b",
        "{pod/}",
        "{pod/}.x",
        "{file}.txt",
        "{node}",
        "a b",
        "a\n",
    ],
)
def test_what_could_lead_elsewhere_is_no_path(path: str) -> None:
    with pytest.raises(ValidationError):
        PATH.validate_python(path)


@given(
    st.lists(st.sampled_from([*NAMES, "{file}", "a", ".", "..", "/", "-", "A.b"]), min_size=1, max_size=8).map("".join)
)
def test_whatever_is_accepted_names_a_member_once_it_is_filled_in(path: str) -> None:
    try:
        PATH.validate_python(path)
    except ValidationError:
        return
    for placeholder, value in NAMES.items():
        path = path.replace(placeholder, value)
    assert path_problem(path.replace("{file}", "x/y.log")) is None


def test_a_download_is_called_by_time_and_bundle() -> None:
    names = archive(fileName="{namespace}-{name}-{timestamp}-{time}.zip", requestLog="logs.txt")
    planned = names.planned(name="incident", namespace="team", at=AT)
    assert planned.file_name == f"team-incident-{int(AT.timestamp())}-2026-11-21T12-05.zip"
    assert (planned.warnings, planned.collector_log, planned.request_log) == (
        "warning.txt",
        "collector.log",
        "logs.txt",
    )
    assert len(names.planned(name="n" * 200, namespace="x" * 63, at=AT).file_name) == 200


@pytest.mark.parametrize("name", ["a.tar", ".zip", "a/b.zip", 'a"b.zip', "{pod}.zip", "a\r\nb.zip"])
def test_a_download_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValidationError):
        archive(fileName=name)


@pytest.mark.parametrize(
    "names",
    [
        {"warnings": "MANIFEST.json"},
        {"requestLog": "redactions.json"},
        {"requestLog": "Warning.txt"},
        {"warnings": "collector.log"},
        {"collectorLog": "x", "requestLog": "X"},
        {"warnings": "../x"},
    ],
)
def test_our_own_files_have_names_of_their_own(names: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        archive(**names)


def test_a_bundles_names_come_before_its_templates() -> None:
    both = archive(warnings="w.txt").over(archive(warnings="x.txt", requestLog="r.txt"))
    assert both == archive(warnings="w.txt", requestLog="r.txt")
    with pytest.raises(ValidationError):
        archive(warnings="r.txt").over(archive(requestLog="r.txt"))


@given(st.sampled_from(["manifest.json", "Warning.TXT", "collector.log", "notes.txt", "logs.txt", "LOGS.txt"]))
def test_nobody_else_may_write_what_is_ours(path: str) -> None:
    planned = archive(warnings="notes.txt", requestLog="logs.txt").planned(name="n", namespace="s", at=AT)
    assert planned.owns(path)
    assert not planned.owns(f"web-0/{path}")
