"""The registry: every built collector, and the rights that follow from them."""

from __future__ import annotations

import pytest

from supportbundle.collect.registry import REGISTRY, demands_for, rules_for
from supportbundle.model.capability import VIEW_VERB, Capability
from supportbundle.model.spec import CollectorType

CONNECTING = {"pods/portforward", "pods/exec"}
"""Kubernetes asks for get or create, depending on its version and on the protocol."""


def test_every_type_has_its_collector() -> None:
    assert set(REGISTRY) == set(CollectorType)
    assert all(found.type == kind for kind, found in REGISTRY.items())


def test_rules_are_merged_and_sorted() -> None:
    rules = [(r.api_groups, r.resources, r.verbs) for r in rules_for(Capability.CONFIG)]
    assert rules == sorted(rules, key=lambda rule: (rule[0], rule[2]))
    assert (("batch",), ("cronjobs", "jobs"), ("get",)) in rules
    pairs = [(group, resource) for groups, resources, _ in rules for group in groups for resource in resources]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("capability", Capability)
def test_collectors_read_and_only_helm_reads_secrets_and_only_debug_changes_anything(capability: Capability) -> None:
    for rule in rules_for(capability):
        assert "secrets" not in rule.resources or capability == Capability.HELM
        if set(rule.resources) <= CONNECTING:
            assert set(rule.verbs) == {"create", "get"}
        elif capability == Capability.DEBUG and rule.resources == ("pods/ephemeralcontainers",):
            assert set(rule.verbs) == {"patch"}
        else:
            assert set(rule.verbs) <= {"get", "list"}


@pytest.mark.parametrize("kind", REGISTRY)
def test_a_collector_says_what_it_writes(kind: CollectorType) -> None:
    outputs = REGISTRY[kind].outputs
    assert outputs
    assert all(output.path and output.what.endswith(".") and output.limit for output in outputs)


def test_objects_of_any_kind_are_read_by_a_role_that_kubernetes_fills() -> None:
    assert rules_for(Capability.RESOURCES) == ()


@pytest.mark.parametrize("capability", Capability)
def test_a_requester_must_hold_what_a_collection_gets_but_for_objects_of_any_kind(capability: Capability) -> None:
    demands = demands_for(capability)
    if capability == Capability.RESOURCES:
        assert [rule.verbs for rule in demands] == [(VIEW_VERB,)]
    else:
        assert demands == rules_for(capability) != ()
