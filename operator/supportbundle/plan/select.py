"""Which pods a target means, as the API server would select them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from supportbundle.model.names import LABEL_MANAGED_BY, MANAGED_BY
from supportbundle.model.pod import PodFacts
from supportbundle.model.spec import LabelSelector, SelectorOperator, SelectorRequirement, Target


def select_pods(target: Target | None, pods: Iterable[PodFacts]) -> tuple[PodFacts, ...]:
    """The targets, by name; never our own collectors. No target, or an empty one, selects nothing."""
    if target is None:
        return ()
    chosen = (
        pod
        for pod in pods
        if pod.labels.get(LABEL_MANAGED_BY) != MANAGED_BY
        and (pod.name in target.pod_names or any(matches(selector, pod.labels) for selector in target.selectors))
    )
    return tuple(sorted(chosen, key=lambda pod: pod.name))


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """metav1.LabelSelector semantics: an empty selector matches every pod."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case SelectorOperator.IN:
            return value in requirement.values
        case SelectorOperator.NOT_IN:
            return value not in requirement.values
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None


def describe(target: Target | None) -> str:
    """The target for messages; labels as `kubectl get pods -l` takes them. Empty without a target."""
    if target is None:
        return ""
    return " or ".join([*target.pod_names, *(labels_text(selector) or "any pod" for selector in target.selectors)])


def labels_text(selector: LabelSelector) -> str:
    """What `kubectl get pods -l` takes; empty where every pod matches."""
    labels = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    return ",".join(labels + [_requirement_text(requirement) for requirement in selector.match_expressions])


def _requirement_text(requirement: SelectorRequirement) -> str:
    match requirement.operator:
        case SelectorOperator.EXISTS:
            return requirement.key
        case SelectorOperator.DOES_NOT_EXIST:
            return f"!{requirement.key}"
        case SelectorOperator.IN | SelectorOperator.NOT_IN:
            return f"{requirement.key} {requirement.operator.lower()} ({','.join(requirement.values)})"
