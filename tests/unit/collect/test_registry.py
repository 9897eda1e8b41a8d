"""The registry: every built collector, and the rights that follow from them."""

from __future__ import annotations

import pytest

from supportbundle.collect.registry import REGISTRY, rules_for
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorType


def test_the_built_collectors_are_found() -> None:
    assert set(REGISTRY) == {CollectorType.LOGS, CollectorType.EVENTS, CollectorType.CONFIG, CollectorType.PROFILE}
    assert all(found.type == kind for kind, found in REGISTRY.items())


def test_rules_are_merged_and_sorted() -> None:
    rules = [(r.api_groups, r.resources, r.verbs) for r in rules_for(Capability.CONFIG)]
    assert rules == sorted(rules)
    assert (("",), ("configmaps", "pods"), ("get",)) in rules


@pytest.mark.parametrize("capability", Capability)
def test_no_collector_may_read_secrets_or_change_anything(capability: Capability) -> None:
    for rule in rules_for(capability):
        assert "secrets" not in rule.resources
        assert set(rule.verbs) <= {"get", "list"} or rule.resources == ("pods/portforward",)


def test_a_capability_without_collectors_needs_nothing() -> None:
    assert rules_for(Capability.EXEC) == ()
