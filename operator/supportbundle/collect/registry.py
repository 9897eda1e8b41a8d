"""All collectors. A new one is a new file in this package that defines `COLLECTOR`; nothing else names it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from supportbundle import collect
from supportbundle.collect.base import Collector
from supportbundle.model.capability import VIEW_VERB, Capability, PolicyRule
from supportbundle.model.names import GROUP, PLURAL
from supportbundle.model.spec import CollectorType


def rules_for(capability: Capability) -> tuple[PolicyRule, ...]:
    """What the Job's account needs for this capability: the `needs` of its collectors, merged and sorted.

    Rules with the same group and resource become one; then resources with the same group and verbs do. ClusterRoles,
    policies and the reference are generated from this (`make generate`). Empty for Resources, whose role Kubernetes
    fills.
    """
    verbs: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for collector in REGISTRY.values():
        for rule in collector.needs.get(capability, ()):
            for group in rule.api_groups:
                for resource in rule.resources:
                    verbs[group, resource] |= set(rule.verbs)
    resources: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), found in sorted(verbs.items()):
        resources[group, tuple(sorted(found))].append(resource)
    return tuple(
        PolicyRule(api_groups=(group,), resources=tuple(names), verbs=found)
        for (group, found), names in sorted(resources.items())
    )


def demands_for(capability: Capability) -> tuple[PolicyRule, ...]:
    """What whoever creates a bundle must hold for this capability: what the Job's account gets, but for Resources.

    Its role aggregates whatever may be viewed, which no policy could check kind by kind.
    """
    if capability == Capability.RESOURCES:
        return (PolicyRule(api_groups=(GROUP,), resources=(PLURAL,), verbs=(VIEW_VERB,)),)
    return rules_for(capability)


def _discover() -> Iterator[Collector]:
    for module in sorted(info.name for info in iter_modules(collect.__path__)):
        if module != "registry":
            found: Collector | None = getattr(import_module(f"{collect.__name__}.{module}"), "COLLECTOR", None)
            if found is not None:
                yield found


REGISTRY: Mapping[CollectorType, Collector] = MappingProxyType({found.type: found for found in _discover()})
"""By the `type` of a collector in the resource."""
