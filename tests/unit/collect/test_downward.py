"""The downward API: fields, and resources in whole divisors."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.collect.downward import field, quantity, resource

POD = {
    "metadata": {"name": "web-0", "namespace": "apps", "uid": "u-1", "labels": {"app": "web"}},
    "spec": {"nodeName": "n1", "serviceAccountName": "robot"},
    "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "hostIP": "192.0.2.1"},
}
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": Fraction(1, 1000)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "apps"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "robot"),
        ("status.podIP", "10.0.0.1"),
        ("status.podIPs", "10.0.0.1,fd00::1"),
        ("status.hostIP", "192.0.2.1"),
        ("status.hostIPs", ""),
        ("status.phase", "<field status.phase>"),
    ],
)
def test_fields(path: str, value: str) -> None:
    assert field(POD, path) == value


@given(st.text(max_size=40))
def test_any_path_is_answered(path: str) -> None:
    assert isinstance(field({"metadata": {}}, path), str)
    assert isinstance(resource({}, path, path), str)


def container(**resources: Any) -> dict[str, Any]:
    return {"name": "app", "resources": resources}


@pytest.mark.parametrize(
    ("path", "divisor", "value"),
    [
        ("limits.cpu", "0", "1"),
        ("limits.cpu", "1", "1"),
        ("limits.cpu", "1m", "250"),
        ("limits.memory", "1", "67108864"),
        ("limits.memory", "1Mi", "64"),
        ("limits.memory", "1M", "68"),
        ("requests.memory", "1", "0"),
        ("limits.ephemeral-storage", "1", "<resource limits.ephemeral-storage>"),
        ("limits.odd", "1", "<resource limits.odd>"),
    ],
)
def test_resources(path: str, divisor: str, value: str) -> None:
    found = container(limits={"cpu": "250m", "memory": "64Mi", "odd": "many"})
    assert resource(found, path, divisor) == value


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)), st.sampled_from(["1", "1k", "1Mi", "3"]))
def test_memory_is_rounded_up_to_whole_divisors(number: int, unit: str, divisor: str) -> None:
    by = {"1": 1, "1k": 1000, "1Mi": 1 << 20, "3": 3}[divisor]
    found = resource(container(limits={"memory": f"{number}{unit}"}), "limits.memory", divisor)
    assert int(found) == ceil(Fraction(ceil(number * UNITS[unit]), by))


@given(st.decimals(0, 10**6, places=3), st.sampled_from(sorted(UNITS)))
def test_quantities_keep_their_value(number: object, unit: str) -> None:
    found = quantity(f"{number}{unit}")
    assert found is not None
    assert Fraction(found) == Fraction(str(number)) * UNITS[unit]


@pytest.mark.parametrize("text", ["", "x", "1 Ki", "1KiB", "1e999", "--1", "1" * 31, "None", "1i"])
def test_what_is_no_quantity(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("2E", 2 * 10**18), ("1E2", 100), (".5", Fraction(1, 2))])
def test_exponents_and_exa(text: str, value: Fraction) -> None:
    found = quantity(text)
    assert found is not None
    assert Fraction(found) == value
