"""Facts of a pod that decide what may be done with it."""

from __future__ import annotations

from typing import Any

import pytest

from supportbundle.model.pod import ContainerFacts, parse_pod


def parsed(spec: dict[str, Any], container: dict[str, Any], status: dict[str, Any]) -> ContainerFacts:
    pod = {
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"containers": [{"name": "app", **container}], **spec},
        "status": {"containerStatuses": [{"name": "app", **status}]},
    }
    return parse_pod(pod).containers[0]


@pytest.mark.parametrize(
    ("spec", "shared"),
    [
        ({}, False),
        ({"shareProcessNamespace": False}, False),
        ({"shareProcessNamespace": True}, True),
        ({"hostPID": True}, True),
    ],
)
def test_whether_process_1_is_the_containers_own(spec: dict[str, Any], *, shared: bool) -> None:
    facts = parse_pod({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [], **spec}, "status": {}})
    assert facts.share_process_namespace is shared


POD = {"securityContext": {"runAsUser": 1, "runAsGroup": 2}}
OWN = {"securityContext": {"runAsUser": 3, "runAsGroup": 4}}


@pytest.mark.parametrize(
    ("spec", "container", "status", "who"),
    [
        ({}, {}, {}, (None, None)),
        (POD, {}, {}, (1, 2)),
        (POD, OWN, {}, (3, 4)),
        (POD, {"securityContext": {"runAsUser": 3}}, {}, (3, 2)),
        (POD, OWN, {"user": {"linux": {"uid": 0, "gid": 0}}}, (0, 0)),
    ],
)
def test_the_kubelet_knows_best_who_a_container_runs_as(
    spec: dict[str, Any], container: dict[str, Any], status: dict[str, Any], who: tuple[int | None, int | None]
) -> None:
    facts = parsed(spec, container, status)
    assert (facts.user, facts.group) == who


def test_what_a_container_added_gave_up_and_may_not_write() -> None:
    capabilities = {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}
    security = {"capabilities": capabilities, "readOnlyRootFilesystem": True}
    facts = parsed({}, {"securityContext": security}, {})
    assert (facts.added, facts.dropped, facts.read_only_root) == (("NET_BIND_SERVICE",), ("ALL",), True)
    plain = parsed({}, {}, {})
    assert (plain.added, plain.dropped, plain.read_only_root) == ((), (), False)
