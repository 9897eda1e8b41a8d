"""The chart's values as its schema states them: what each is for, and the table of them in the chart's README."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).resolve().parents[2] / "helm" / "supportbundle-operator"
README = CHART / "README.md"
BEGIN, END = "<!-- values: made by `make generate` -->\n", "<!-- end of values -->\n"
HEAD = "| value | default | meaning |\n|---|---|---|\n"
UNUSED = frozenset({"global"})
"""Helm passes it to every chart; it has no default."""


class Value(NamedTuple):
    """One value that an admin may set: its path, its default and its part of the schema."""

    path: str
    default: object
    schema: Mapping[str, Any]


def schema() -> dict[str, Any]:
    """`values.schema.json`."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def defaults() -> dict[str, Any]:
    """`values.yaml`."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def is_group(part: Mapping[str, Any]) -> bool:
    """Whether this object only holds other values together, which describe themselves."""
    return any("description" in child for child in part.get("properties", {}).values())


def values(part: Mapping[str, Any], default: Mapping[str, Any], path: str = "") -> Iterator[Value]:
    """Every value, in the order of the defaults. Those that the schema does not know have an empty one."""
    for name, found in default.items():
        inner = part.get("properties", {}).get(name, {})
        where = f"{path}{name}"
        if is_group(inner) and isinstance(found, dict):
            yield from values(inner, found, f"{where}.")
        else:
            yield Value(where, found, inner)


def table() -> str:
    """One row a value."""
    return HEAD + "".join(
        f"| `{value.path}` | {_code(value.default)} | {value.schema.get('description', '')} |\n"
        for value in values(schema(), defaults())
    )


def readme() -> str:
    """The chart's README with this table in its place."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _code(default: object) -> str:
    return f"`{json.dumps(default, ensure_ascii=False)}`".replace("|", "\\|")
