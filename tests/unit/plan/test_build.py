"""Plans: which pods are meant, what becomes a task, what is a gap from the start."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, bundle, pod, task
from supportbundle.model.capability import Capability
from supportbundle.model.cause import Cause, CauseType, annotations_of
from supportbundle.model.gap import Gap
from supportbundle.model.names import LABEL_MANAGED_BY, MANAGED_BY
from supportbundle.model.plan import MAX_SHARDS, Plan, Task
from supportbundle.model.pod import SecretUse
from supportbundle.model.spec import CollectorSpec, CollectorType, LabelSelector, SanitizationRule, Target
from supportbundle.plan import PlanContext, Surroundings, build_plan
from supportbundle.plan.build import _secrets
from supportbundle.plan.select import matches, select_pods
from supportbundle.plan.shards import spread


class OneTaskAPod:
    """A planner that makes one task a pod."""

    def __init__(self, capability: Capability = Capability.LOGS) -> None:
        self._capability = capability

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        del spec
        return frozenset({self._capability})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        for target in context.pods:
            yield task(f"{spec.name}/{target.name}", target=target.name)


PLANNERS = {CollectorType.LOGS: OneTaskAPod()}


def test_a_plan_is_a_function_of_its_inputs_and_survives_storage() -> None:
    pods = [pod("web-2"), pod("web-1", secrets=(SecretUse(name="db", optional=False),))]
    made = build_plan(bundle(), Surroundings(pods), PLANNERS, NOW)
    assert made == build_plan(bundle(), Surroundings(pods), PLANNERS, NOW)
    assert Plan.model_validate_json(made.model_dump_json(by_alias=True)) == made
    assert [t.target for shard in made.shards for t in shard.tasks] == ["web-1", "web-2"]
    assert [(s.name, s.required) for s in made.secrets] == [("db", True)]


def test_a_plan_keeps_why_a_schedule_made_the_bundle_whatever_becomes_of_its_annotations() -> None:
    cause, asked = Cause(type=CauseType.CRON, schedule="night", at=NOW), bundle()
    metadata = asked.metadata.model_copy(update={"annotations": annotations_of(cause)})
    made = build_plan(asked.model_copy(update={"metadata": metadata}), Surroundings([pod("web-1")]), PLANNERS, NOW)
    assert Plan.model_validate_json(made.model_dump_json(by_alias=True)).cause == cause
    assert build_plan(asked, Surroundings([pod("web-1")]), PLANNERS, NOW).cause is None


def test_a_target_without_pods_is_a_gap_that_says_how_to_look() -> None:
    made = build_plan(bundle(), Surroundings([pod(labels={"app": "other"})]), PLANNERS, NOW)
    assert made.tasks == 0
    assert [g.reason for g in made.gaps] == ["TargetNotFound"]
    assert "kubectl get pods -n team -l 'app=web'" in made.gaps[0].message


def test_a_target_of_several_sets_of_labels_without_pods_names_all_of_them() -> None:
    target = {"anyOf": [{"matchLabels": {"app": "a"}}, {"matchLabels": {"app": "b", "tier": "x"}}]}
    (gap,) = build_plan(bundle(target=target), Surroundings([pod()]), PLANNERS, NOW).gaps
    assert (gap.reason, gap.target) == ("TargetNotFound", "app=a or app=b,tier=x")
    assert gap.message.endswith("kubectl get pods -n team --show-labels")


def test_a_collector_outside_the_capabilities_is_not_run() -> None:
    made = build_plan(bundle(capabilities=["Events"]), Surroundings([pod()]), PLANNERS, NOW)
    assert [g.reason for g in made.gaps] == ["NotAllowed"]
    assert made.tasks == 0


def test_a_capability_that_the_admin_has_not_enabled_is_not_used() -> None:
    planners = {CollectorType.LOGS: OneTaskAPod(Capability.DEBUG)}
    found = Surroundings([pod()], allowed=frozenset({Capability.LOGS}))
    made = build_plan(bundle(capabilities=["Logs", "Debug"]), found, planners, NOW)
    assert [g.reason for g in made.gaps] == ["NotAllowed"]
    assert "capabilities.debug" in made.gaps[0].message
    assert made.tasks == 0


def test_what_a_task_uses_is_mounted_and_its_absence_is_the_tasks_own_trouble() -> None:
    found = [task("a", credentials=("token", "db")), task("b")]
    pods = [pod(secrets=(SecretUse(name="db", optional=False),))]
    assert {(s.name, s.required) for s in _secrets(pods, found)} == {("db", True), ("token", False)}


def test_the_floor_comes_first_and_examples_stay_behind() -> None:
    def rule(name: str) -> dict[str, object]:
        return {"name": name, "type": "Key", "pattern": "tenantId", "examples": [{"text": "x"}]}

    floor = [SanitizationRule.model_validate(rule("floor"))]
    wanted = bundle(sanitization={"keepShape": True, "rules": [rule("own")]})
    made = build_plan(wanted, Surroundings([pod()], rules=floor), PLANNERS, NOW).sanitization
    assert [(one.name, one.pattern, one.examples) for one in made.rules] == [
        ("floor", "tenantId", ()),
        ("own", "tenantId", ()),
    ]
    assert made.keep_shape
    assert not build_plan(bundle(), Surroundings([pod()]), PLANNERS, NOW).sanitization.rules


def test_a_dry_run_is_sanitized_alike() -> None:
    wanted = bundle(dryRun=True, sanitization={"keepShape": True})
    floor = [SanitizationRule.model_validate({"name": "floor", "type": "Key", "pattern": "tenantId"})]
    made = build_plan(wanted, Surroundings([pod()], rules=floor), PLANNERS, NOW).sanitization
    assert (len(made.rules), made.keep_shape) == (1, True)


def test_an_admin_who_wants_no_known_secrets_gets_only_those_that_tasks_use() -> None:
    pods = [pod("web-1", secrets=(SecretUse(name="db", optional=False),))]
    assert [s.name for s in build_plan(bundle(), Surroundings(pods), PLANNERS, NOW).secrets] == ["db"]
    assert not build_plan(bundle(), Surroundings(pods, known_secrets=False), PLANNERS, NOW).secrets


def test_our_own_collector_pods_are_never_targets() -> None:
    ours = pod("sb-x", labels={"app": "web", LABEL_MANAGED_BY: MANAGED_BY})
    chosen = select_pods(Target(selector=LabelSelector(match_labels={"app": "web"})), [ours, pod()])
    assert [p.name for p in chosen] == ["web-1"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors_mean_what_the_api_means(selector: dict[str, object], *, expected: bool) -> None:
    assert matches(LabelSelector.model_validate(selector), {"app": "web"}) is expected


words = st.sampled_from(["a", "b", "c"])
label_sets = st.dictionaries(words, words, max_size=3)
requirements = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": values},
        words,
        st.sampled_from(["In", "NotIn"]),
        st.lists(words, min_size=1, max_size=2),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator}, words, st.sampled_from(["Exists", "DoesNotExist"])
    ),
)
selectors = st.builds(
    lambda labels, needed: LabelSelector.model_validate({"matchLabels": labels, "matchExpressions": needed}),
    label_sets,
    st.lists(requirements, max_size=2),
)


@given(
    st.lists(selectors, min_size=1, max_size=8),
    st.lists(label_sets, max_size=8),
    st.lists(st.integers(0, 9), max_size=3),
    st.randoms(),
)
def test_any_of_several_selectors_chooses_what_each_would_once_and_in_the_order_of_names(
    wanted: list[LabelSelector], labels: list[dict[str, str]], numbers: list[int], random: Random
) -> None:
    pods = [pod(f"p{number}", labels=own) for number, own in enumerate(labels)]
    names = tuple(dict.fromkeys(f"p{number}" for number in numbers))
    alone = [Target(selector=one) for one in wanted] + [Target(pod_names=names)]
    expected = {found.name for one in alone for found in select_pods(one, pods)}
    random.shuffle(pods)
    chosen = select_pods(Target(any_of=tuple(wanted), pod_names=names), pods)
    assert [found.name for found in chosen] == sorted(expected)


tasks = st.lists(
    st.builds(
        lambda number, node, estimate, synchronized: task(
            f"t{number}", target=f"p{number}", node=f"n{node}", estimate=estimate, synchronized=synchronized
        ),
        st.integers(0, 10**9),
        st.integers(0, 5),
        st.integers(0, 1 << 32),
        st.booleans(),
    ),
    max_size=300,
)


@given(tasks)
def test_every_task_is_in_exactly_one_shard_and_synchronized_ones_share_the_first(many: list[Task]) -> None:
    shards = spread(many, 1 << 30)
    placed = [t for shard in shards for t in shard.tasks]
    assert sorted(t.id for t in placed) == sorted(t.id for t in many)
    assert len(shards) <= MAX_SHARDS
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert all(shard.index == 0 for shard in shards for t in shard.tasks if t.synchronized)


def test_the_tasks_of_a_node_stay_together() -> None:
    many = [task(f"t{i}", target=f"p{i}", node=f"n{i % 4}", estimate=1 << 30) for i in range(8)]
    shards = spread(many, 1 << 40)
    assert len(shards) == 8
    few = spread([t.model_copy(update={"estimate": 1 << 29}) for t in many], 1 << 40)
    assert [{t.node for t in shard.tasks} for shard in few] == [{f"n{i}"} for i in range(4)]


@given(tasks, st.integers(1 << 20, 1 << 40), st.integers(1 << 20, 1 << 33))
def test_all_budgets_together_are_no_more_than_the_bundles(many: list[Task], size: int, room: int) -> None:
    budgets = [shard.budget for shard in spread(many, size, room)]
    assert sum(budgets) <= size
    assert all(0 < budget <= room for budget in budgets)
