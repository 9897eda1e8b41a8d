"""No two collectors write one path: the later one gets a folder of its own, and a tree stays whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.build import task
from supportbundle.model.plan import Task
from supportbundle.plan.claims import separate


def claiming(collector: str, *claims: str) -> Task:
    return task(f"{collector}/{claims[0]}", target="x").model_copy(update={"collector": collector, "claims": claims})


def moved(*tasks: Task) -> list[tuple[str, ...]]:
    return [t.moved for t in separate(tasks)]


def test_the_second_collector_of_a_path_moves() -> None:
    assert moved(claiming("a", "x.log"), claiming("b", "x.log")) == [(), ("x.log",)]


def test_one_collector_may_share_its_own_folders() -> None:
    assert moved(claiming("a", "pods/p/files/"), claiming("a", "pods/p/files/x")) == [(), ()]


def test_a_tree_stays_whole_whoever_comes_first() -> None:
    config = claiming("config", "cluster-resources/pods/ns.json")
    everything = claiming("all", "cluster-resources/")
    assert moved(config, everything) == [config.claims, ()]


def test_a_folder_that_holds_anothers_file_is_no_free_folder() -> None:
    assert moved(claiming("a", "pods/p/http/x"), claiming("b", "pods/p/http/")) == [("pods/p/http/x",), ()]


def test_only_what_meets_another_is_moved() -> None:
    first, second = separate([claiming("a", "list.json"), claiming("b", "list.json", "table.txt")])
    assert first.place("list.json") == "list.json"
    assert second.place("list.json") == "collectors/b/list.json"
    assert second.place("table.txt") == "table.txt"


paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
claims = st.builds(lambda path, folder: path + "/" * folder, paths, st.booleans())


@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), claims), max_size=12, unique=True))
def test_what_stays_at_its_place_never_meets_another_collector(wanted: list[tuple[str, str]]) -> None:
    placed = [t for t in separate([claiming(name, claim) for name, claim in wanted]) if not t.moved]
    for t in placed:
        for other in placed:
            if t.collector != other.collector:
                mine, theirs = t.claims[0], other.claims[0]
                assert mine != theirs
                assert not (mine.endswith("/") and theirs.startswith(mine))
