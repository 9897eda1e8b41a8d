"""Facts of a pod that decide what may be done with it."""

from __future__ import annotations

from typing import Any

import pytest

from supportbundle.model.pod import parse_pod


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
