"""Files of collectors with a path: each stands where somebody said, and nowhere that is taken."""

from __future__ import annotations

import pytest

from support.build import task
from support.chains import by_id, planned
from supportbundle.model.placing import Missing, MissingFile
from supportbundle.model.plan import Plan, Task


def where(plan: Plan, raw: str = "pods/x/y/current.log") -> dict[str, str]:
    return {name: each.place(raw) for name, each in by_id(plan).items()}


@pytest.mark.parametrize(
    ("path", "one", "two"),
    [
        ("{pod/}server.log", "server.log", "p1/server.log"),
        ("{pod}.log", "p1.log", "p1.log"),
        ("{collector}/{pod/}{container/}{file}", "logs/current.log", "logs/p1/current.log"),
        ("{pod/}{container}-{file}", "app-current.log", "p1/app-current.log"),
    ],
)
def test_a_pods_folder_is_there_only_where_there_are_several(path: str, one: str, two: str) -> None:
    collector = {"name": "logs", "path": path}
    assert where(planned(collector, pods=["p1"]))["logs/p1"] == one
    assert where(planned(collector))["logs/p1"] == two


def test_a_pod_that_could_not_be_asked_counts_so_that_the_layout_does_not_depend_on_it() -> None:
    made = planned({"name": "logs", "path": "{pod/}x.log"}, gaps={"logs": ["p2"]})
    assert where(made) == {"logs/p1": "p1/x.log"}


def test_below_a_folder_of_the_task_a_file_keeps_its_own_folders() -> None:
    placed = task(path="{file}", folder="pods/p1/files/app/")
    assert placed.place("pods/p1/files/app/etc/app.yaml") == "etc/app.yaml"
    assert placed.place("pods/p1/other/x.log") == "x.log"


def test_without_a_path_everything_stays_as_it_was() -> None:
    assert where(planned({"name": "logs"}))["logs/p1"] == "pods/x/y/current.log"


def test_what_names_a_pod_needs_one() -> None:
    made = planned({"name": "all", "path": "{pod}/x.json"})
    assert [(gap.collector, gap.reason) for gap in made.gaps] == [("all", "Invalid")]
    assert made.tasks == 0


def test_a_place_of_our_own_is_refused_with_a_gap() -> None:
    made = planned({"name": "all", "path": "Logs.txt"}, archive={"requestLog": "logs.txt"})
    assert [(gap.collector, gap.reason) for gap in made.gaps] == [("all", "PathTaken")]


def test_the_second_pod_of_one_place_is_a_gap_that_says_what_to_write() -> None:
    made = planned({"name": "logs", "path": "x.log"})
    assert list(by_id(made)) == ["logs/p1"]
    assert [(gap.target, gap.reason) for gap in made.gaps] == [("p2/app", "PathTaken")]
    assert "{pod/}" in made.gaps[0].message


def test_a_collector_without_a_path_gives_way_to_one_with_it() -> None:
    made = planned({"name": "one"}, {"name": "two", "path": "pods/p1/one/{file}"}, pods=["p1"])
    found = by_id(made)
    assert found["two/p1"].place("pods/p1/two/current.log") == "pods/p1/one/current.log"
    assert found["one/p1"].place("pods/p1/one/current.log") == "collectors/one/pods/p1/one/current.log"


def test_a_fallback_may_have_the_place_of_what_it_stands_in_for() -> None:
    made = planned({"name": "one", "path": "{pod/}x.log"}, {"name": "two", "path": "{pod/}x.log", "fallbackFor": "one"})
    assert where(made)["two/p1"] == where(made)["one/p1"] == "p1/x.log"
    assert not made.gaps


def test_two_fallbacks_of_one_place_are_one_too_many() -> None:
    first = {"name": "one"}
    both = [{"name": name, "path": "x.log", "fallbackFor": "one"} for name in ("two", "three")]
    made = planned(first, *both, pods=["p1"])
    assert [(gap.collector, gap.reason) for gap in made.gaps] == [("three", "PathTaken")]


class TestConstants:
    """Files that must be there."""

    def test_one_for_each_place_that_is_known(self) -> None:
        made = planned({"name": "logs", "path": "{pod/}x.json", "missing": "Null"})
        assert made.missing == tuple(
            MissingFile(path=f"{pod}/x.json", content=Missing.NULL, collector="logs") for pod in ("p1", "p2")
        )

    def test_one_even_where_there_is_no_pod(self) -> None:
        made = planned({"name": "logs", "path": "{pod/}x.txt", "missing": "Empty"}, pods=[])
        assert [(each.path, each.data) for each in made.missing] == [("x.txt", b"")]
        assert made.missing[0].data == b""

    def test_none_whose_name_nobody_knows(self) -> None:
        assert planned({"name": "logs", "path": "{pod}.txt", "missing": "Empty"}, pods=[]).missing == ()

    def test_one_where_the_capability_is_missing(self) -> None:
        made = planned({"name": "logs", "path": "x.json", "missing": "Null"}, capabilities=["Events"], pods=["p1"])
        assert [each.path for each in made.missing] == ["x.json"]

    def test_a_promise_of_the_collector_itself_stands_where_its_file_would(self) -> None:
        made = planned({"name": "one", "path": "{pod/}{file}"}, {"name": "two"}, pods=["p1"], promise=True)
        assert [(each.path, each.collector, each.data) for each in made.missing] == [
            ("current.log", "one", b"null\n"),
            ("pods/p1/two/current.log", "two", b"null\n"),
        ]

    def test_whoever_has_one_writes_only_whole_successes(self) -> None:
        made = planned({"name": "logs", "path": "{pod/}x.json", "missing": "Null"}, {"name": "plain"}, pods=["p1"])
        assert {name: each.strict for name, each in by_id(made).items()} == {"logs/p1": True, "plain/p1": False}


def test_a_plan_with_all_of_it_survives_storage() -> None:
    made = planned(
        {"name": "one", "path": "{pod/}x.json", "missing": "Null"},
        {"name": "two", "path": "{pod/}x.json", "fallbackFor": "one"},
        archive={"fileName": "a-{timestamp}.zip", "requestLog": "r.txt"},
    )
    assert Plan.model_validate_json(made.model_dump_json(by_alias=True)) == made
    assert Task.model_validate_json(by_id(made)["two/p2"].model_dump_json()) == by_id(made)["two/p2"]
