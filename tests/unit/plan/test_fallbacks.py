"""Who stands in for whom, in which pod, and in which shard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import task
from support.chains import by_id, planned
from support.templates import filled, template
from supportbundle.errors import InvalidTemplate
from supportbundle.model.gap import Gap
from supportbundle.model.placing import FallbackWhen
from supportbundle.model.plan import Plan, StandsInFor, Task
from supportbundle.plan.covering import Written, sorted_out
from supportbundle.plan.fallbacks import Fallbacks, looking_at_files
from supportbundle.plan.shards import spread


def waits(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {name: each.stands_in_for.tasks for name, each in by_id(plan).items() if each.stands_in_for}


ONE, TWO, THREE = {"name": "one"}, {"name": "two", "fallbackFor": "one"}, {"name": "three", "fallbackFor": "two"}


class TestPlanning:
    """What each task waits for."""

    def test_pod_by_pod_where_both_know_pods(self) -> None:
        made = planned(TWO, ONE, THREE)
        assert waits(made) == {
            "two/p1": ("one/p1",),
            "two/p2": ("one/p2",),
            "three/p1": ("two/p1",),
            "three/p2": ("two/p2",),
        }
        assert made.fallbacks == {"two": "one", "three": "two"}

    def test_all_of_it_where_one_is_about_the_namespace(self) -> None:
        whole = {"name": "all", "fallbackFor": "one"}
        assert waits(planned(ONE, whole)) == {"all/list": ("one/p1", "one/p2")}
        assert waits(planned({"name": "all"}, {"name": "two", "fallbackFor": "all"}))["two/p2"] == ("all/list",)

    def test_a_pod_in_which_the_other_was_never_planned_waits_for_nobody(self) -> None:
        made = planned(ONE, TWO, gaps={"one": ["p2"]})
        assert waits(made) == {"two/p1": ("one/p1",)}

    def test_a_link_that_is_missing_is_passed_over(self) -> None:
        made = planned(ONE, TWO, THREE, gaps={"two": ["p1", "p2"]})
        assert waits(made) == {"three/p1": ("one/p1",), "three/p2": ("one/p2",)}

    def test_what_is_stood_in_for_writes_only_whole_successes(self) -> None:
        strict = {name for name, each in by_id(planned(ONE, TWO)).items() if each.strict}
        assert strict == {"one/p1", "one/p2"}

    @pytest.mark.parametrize(
        ("collectors", "words"),
        [
            (({"name": "two", "fallbackFor": "gone"},), {"two": "no collector here"}),
            (({"name": "one", "fallbackFor": "two"}, TWO), {"one": "back to itself", "two": "back to itself"}),
            ((ONE, {"name": "two", "fallbackFor": "one/config"}), {"two": "no such step"}),
        ],
    )
    def test_a_fallback_for_nothing_is_a_gap(
        self, collectors: tuple[dict[str, str], ...], words: dict[str, str]
    ) -> None:
        made = planned(*collectors)
        assert {gap.collector: gap.reason for gap in made.gaps} == dict.fromkeys(words, "Invalid")
        assert all(words[gap.collector] in gap.message for gap in made.gaps)

    def test_one_that_looks_at_files_knows_where_its_own_stand(self) -> None:
        wanted = {**TWO, "fallbackWhen": "FileMissing", "path": "{pod/}{file}"}
        made = planned(ONE, wanted, {**THREE, "fallbackWhen": "NothingWritten"})
        files = {name: each.stands_in_for.files for name, each in by_id(made).items() if each.stands_in_for}
        assert files == {
            "two/p1": ("p1/current.log",),
            "two/p2": ("p2/current.log",),
            "three/p1": (),
            "three/p2": (),
        }
        assert made.fallbacks_by_file == ("two",)

    def test_files_are_looked_for_where_they_really_stand(self) -> None:
        waits = StandsInFor(tasks=("one/p1",))
        two = task("two/p1", collector="two", claims=("shared.txt",), moved=("shared.txt",), stands_in_for=waits)
        [found] = looking_at_files([two], Fallbacks({"two": "one"}, {"two"}))
        assert found.stands_in_for == StandsInFor(tasks=("one/p1",), files=("collectors/two/shared.txt",))

    def test_a_sample_waits_for_nobody(self) -> None:
        assert waits(planned(ONE, TWO, dryRun=True)) == {}


class TestTemplates:
    """Fallbacks and names of templates."""

    def test_what_stands_in_for_a_collector_that_is_not_taken_stands_in_for_the_one_before(self) -> None:
        found = template(
            {**ONE, "type": "Logs"},
            {**TWO, "type": "Logs", "when": {"parameter": "mode", "values": ["Auto"]}},
            {**THREE, "type": "Logs"},
            parameters=[{"name": "mode", "default": "API"}],
        )
        made = {c.name: c.fallback_for for c in filled(found).spec.collectors}
        assert made == {"one": None, "three": "one"}
        taken = {c.name: c.fallback_for for c in filled(found, {"mode": "Auto"}).spec.collectors}
        assert taken == {"one": None, "two": "one", "three": "two"}

    def test_what_has_nothing_left_to_stand_in_for_looks_at_nothing(self) -> None:
        found = template(
            {**ONE, "type": "Logs", "when": {"parameter": "mode", "values": ["Auto"]}},
            {**TWO, "type": "Logs", "fallbackWhen": "FileMissing"},
            parameters=[{"name": "mode", "default": "API"}],
        )
        [two] = filled(found).spec.collectors
        assert (two.fallback_for, two.fallback_when) == (None, None)
        assert filled(found, {"mode": "Auto"}).spec.collectors[1].fallback_when == FallbackWhen.FILE_MISSING

    def test_a_path_may_hold_parameters(self) -> None:
        found = template(
            {"name": "logs", "type": "Logs", "path": "$(name)/{file}"}, parameters=[{"name": "name", "default": "x"}]
        )
        assert filled(found).spec.collectors[0].path == "x/{file}"

    @pytest.mark.parametrize("wanted", ["gone", "two"])
    def test_an_author_is_told_of_a_fallback_for_nothing(self, wanted: str) -> None:
        found = template({"name": "one", "type": "Logs", "fallbackFor": wanted}, {**TWO, "type": "Logs"})
        with pytest.raises(InvalidTemplate):
            filled(found)

    def test_the_archives_names_add_up(self) -> None:
        found = template(archive={"fileName": "x.zip", "warnings": "w.txt"})
        made = filled(found, archive={"warnings": "mine.txt"}).spec.archive
        assert made is not None
        assert (made.file_name, made.warnings) == ("x.zip", "mine.txt")


chains = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans(), st.integers(0, 1 << 31)), min_size=1, max_size=40
)


@given(chains)
def test_a_chain_is_in_one_shard_whatever_it_costs(drawn: list[tuple[int, int, bool, int]]) -> None:
    tasks: list[Task] = []
    for number, (node, before, synchronized, estimate) in enumerate(drawn):
        stands_in = StandsInFor(tasks=(f"t{before}",)) if before < number else None
        tasks.append(
            task(
                f"t{number}",
                node=f"n{node % 4}",
                estimate=estimate,
                synchronized=synchronized,
                stands_in_for=stands_in,
            )
        )
    shards = spread(tasks, 1 << 40)
    shard_of = {each.id: shard.index for shard in shards for each in shard.tasks}
    assert sorted(shard_of) == sorted(each.id for each in tasks)
    for each in tasks:
        for other in each.stands_in_for.tasks if each.stands_in_for else ():
            assert shard_of[other] == shard_of[each.id]
        assert not each.synchronized or shard_of[each.id] == 0


def gap(collector: str, target: str = "p1/app", message: str = "failed") -> Gap:
    return Gap.say("Failed", message, target=target, collector=collector)


class TestCovering:
    """Which gaps leave nothing open."""

    plan = planned(ONE, TWO, THREE, {"name": "other"})

    def sort(self, files: list[tuple[str, str]], *gaps: Gap) -> list[str]:
        """Which collector covers each gap, in their order."""
        _, covered = sorted_out(self.plan, [Written("x", *file) for file in files], gaps)
        by = {id(each.gap): each.by for each in covered}
        return [by.get(id(found), "") for found in gaps]

    def test_a_fallback_covers_what_it_stands_in_for_in_its_pod(self) -> None:
        assert self.sort([("two", "p1/app")], gap("one"), gap("one", "p2/app"), gap("other")) == ["two", "", ""]

    def test_the_end_of_a_chain_covers_all_of_it(self) -> None:
        assert self.sort([("three", "p1/app")], gap("one"), gap("two")) == ["three", "three"]

    def test_a_fallback_that_was_not_needed_misses_nothing(self) -> None:
        assert self.sort([("one", "p1/app")], gap("two"), gap("three"), gap("two", "p2/app")) == ["one", "one", ""]

    def test_what_wrote_something_keeps_its_gaps(self) -> None:
        assert self.sort([("one", "p1/app"), ("two", "p2/app")], gap("one"), gap("one", "p2/app")) == ["", "two"]

    def test_a_gap_of_the_whole_collector_is_covered_by_anything(self) -> None:
        assert self.sort([("two", "p1/app")], gap("one", "")) == ["two"]
        assert self.sort([("one", "p1/app"), ("two", "p2/app")], gap("one", "")) == [""]

    def test_what_is_about_the_namespace_covers_every_pod(self) -> None:
        assert self.sort([("two", "list")], gap("one"), gap("one", "p2")) == ["two", "two"]

    def test_a_step_is_known_by_the_beginning_of_the_message(self) -> None:
        plan = self.plan.model_copy(update={"fallbacks": {"two": "one/config"}})
        gaps = [gap("one", message=f"{step}: 404") for step in ("config", "stats", "configs", "config (a.json)")]
        files = [Written("x", "one", "p1", "stats"), Written("x", "two", "p1")]
        left, covered = sorted_out(plan, files, gaps)
        assert [each.gap.message for each in covered] == ["config: 404", "config (a.json): 404"]
        assert [found.message for found in left] == ["stats: 404", "configs: 404"]

    @pytest.mark.parametrize(
        ("path", "covered"), [("pods/p1/two/current.log", ["one", "one", ""]), ("elsewhere", ["", "", ""])]
    )
    def test_one_that_looks_at_files_was_needed_for_a_missing_one(self, path: str, covered: list[str]) -> None:
        plan = planned(ONE, {**TWO, "fallbackWhen": "FileMissing"}, THREE)
        gaps = [gap("two"), gap("three"), gap("two", "p2/app")]
        _, found = sorted_out(plan, [Written(path, "one", "p1/app")], gaps)
        by = {id(each.gap): each.by for each in found}
        assert [by.get(id(each), "") for each in gaps] == covered

    def test_one_that_was_never_planned_may_have_been_needed(self) -> None:
        plan = planned(ONE, {**TWO, "fallbackWhen": "FileMissing"}, gaps={"two": ["p1", "p2"]})
        left, _ = sorted_out(plan, [Written("pods/p1/two/current.log", "one", "p1/app")], [gap("two", "p1")])
        assert left == (gap("two", "p1"),)

    def test_without_fallbacks_everything_is_open(self) -> None:
        plan = self.plan.model_copy(update={"fallbacks": {}})
        assert sorted_out(plan, [Written("x", "two", "p1")], [gap("one")]) == ((gap("one"),), ())
