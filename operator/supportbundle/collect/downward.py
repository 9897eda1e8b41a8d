"""The downward API: what `fieldRef` and `resourceFieldRef` stand for, as far as the pod object tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

Json = Mapping[str, Any]

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.{1,400})'\]")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "metadata.uid": ("metadata", "uid"),
    "spec.nodeName": ("spec", "nodeName"),
    "spec.serviceAccountName": ("spec", "serviceAccountName"),
    "status.hostIP": ("status", "hostIP"),
    "status.podIP": ("status", "podIP"),
}
_LISTS: Mapping[str, tuple[str, str]] = {"status.hostIPs": ("hostIPs", "ip"), "status.podIPs": ("podIPs", "ip")}

# apimachinery's resource.Quantity: a decimal number with an SI suffix, a binary suffix or an exponent.
_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?"
)
_BINARY = {f"{letter}i": Decimal(1 << (10 * power)) for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
_SUFFIXES = _BINARY | _DECIMAL | _SMALL
_MILLI = Decimal("1e-3")


def field(pod: Json, path: str) -> str:
    """The value of a `fieldRef`; `<field path>` for one that we do not know. Absent labels are empty, as in a pod."""
    if (match := _SUBSCRIPT.fullmatch(path)) is not None:
        return str((pod["metadata"].get(match.group(1)) or {}).get(match.group(2), ""))
    if path in _LISTS:
        part, key = _LISTS[path]
        return ",".join(str(entry.get(key, "")) for entry in pod.get("status", {}).get(part) or ())
    if path not in _FIELDS:
        return f"<field {path}>"
    part, key = _FIELDS[path]
    return str(pod.get(part, {}).get(key, ""))


def resource(container: Json, path: str, divisor: str) -> str:
    """The value of a `resourceFieldRef`, rounded up to whole divisors as the kubelet does.

    A limit that is not set is what the node has to give, which the pod object does not tell: `<resource limits.cpu>`.
    """
    part, _, name = path.partition(".")
    set_to = ((container.get("resources") or {}).get(part) or {}).get(name)
    amount = quantity("0" if set_to is None and part == "requests" else str(set_to))
    unit = quantity(divisor) or Decimal(1)
    if amount is None or unit < 0:
        return f"<resource {path}>"
    step = _MILLI if name == "cpu" else Decimal(1)
    return str(int((_up(amount, step) / _up(unit, step)).to_integral_value(ROUND_CEILING)))


def quantity(text: str) -> Decimal | None:
    """The number that a Kubernetes quantity means; None if it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = Decimal(match.group(1)), match.group(2) or ""
    return number * _SUFFIXES[suffix] if suffix in _SUFFIXES else number.scaleb(int(suffix[1:]))


def _up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING)
