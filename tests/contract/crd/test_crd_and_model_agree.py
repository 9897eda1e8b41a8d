"""`crds/` states the schemas once; the models that read them must say the same, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from supportbundle.model.approval import ApprovalSpec, ApprovalStatus
from supportbundle.model.coherence import ATOMIC, KEYS, RULES
from supportbundle.model.destination import DestinationSpec
from supportbundle.model.quantity import DURATION_PATTERN, QUANTITY_PATTERN, parse_duration, parse_quantity
from supportbundle.model.schedule import ScheduleSpec, ScheduleStatus
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.status import Status
from supportbundle.model.template import TemplateSpec, TemplateStatus

Schema = Mapping[str, Any]
CRDS = Path(__file__).parents[3] / "crds"
PARTS: Mapping[str, tuple[str, str, type[BaseModel]]] = {
    "spec": ("supportbundles", "spec", SupportBundleSpec),
    "status": ("supportbundles", "status", Status),
    "destination": ("supportbundledestinations", "spec", DestinationSpec),
    "template": ("supportbundletemplates", "spec", TemplateSpec),
    "template-status": ("supportbundletemplates", "status", TemplateStatus),
    "schedule": ("supportbundleschedules", "spec", ScheduleSpec),
    "schedule-status": ("supportbundleschedules", "status", ScheduleStatus),
    "approval": ("supportbundleapprovals", "spec", ApprovalSpec),
    "approval-status": ("supportbundleapprovals", "status", ApprovalStatus),
}
SPECS = [name for name, (_, part, _) in PARTS.items() if part == "spec"]
STATUSES = [name for name, (_, part, _) in PARTS.items() if part == "status"]
PLURALS = sorted({plural for plural, _, _ in PARTS.values()})


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison: every field by its path; `[]` is an item of a list, `{}` a value of a map."""

    fields: Mapping[str, Schema]
    required: frozenset[str]


def crd_root(plural: str) -> Schema:
    crd = yaml.safe_load((CRDS / f"supportbundle.dev_{plural}.yaml").read_text(encoding="utf-8"))
    root: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def walk(schema: Schema, defs: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Every field below `schema` with its path and whether it is required."""
    for name, sub in schema.get("properties", {}).items():
        yield from visit(sub, defs, f"{path}.{name}", required=name in schema.get("required", ()))
    if isinstance(items := schema.get("items"), Mapping):
        yield from visit(items, defs, f"{path}[]", required=False)
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        yield from visit(values, defs, f"{path}{{}}", required=False)


def visit(schema: Schema, defs: Schema, path: str, *, required: bool) -> Iterator[tuple[str, Schema, bool]]:
    resolved = resolve(schema, defs)
    yield path, resolved, required
    yield from walk(resolved, defs, path)


def resolve(schema: Schema, defs: Schema) -> Schema:
    """Without references, and without the null that only says 'optional'."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    merged = {**schema, **options[0]} if options else dict(schema)
    if "$ref" in merged:
        merged |= resolve(defs[merged["$ref"].rsplit("/", 1)[-1]], defs)
    if "default" in schema:
        merged["default"] = schema["default"]
    if "const" in merged:
        merged["enum"] = [merged["const"]]
    return merged


def side(schema: Schema, defs: Schema) -> Side:
    seen = list(walk(schema, defs))
    return Side({path: field for path, field, _ in seen}, frozenset(path for path, _, required in seen if required))


@pytest.fixture(scope="module", params=PARTS)
def sides(request: pytest.FixtureRequest) -> tuple[Side, Side]:
    """The CRD's side and the model's side."""
    plural, part, model = PARTS[request.param]
    stated = side(crd_root(plural)["properties"][part], {})
    json_schema = model.model_json_schema(by_alias=True, mode="serialization")
    return stated, side(json_schema, json_schema.get("$defs", {}))


def facts(one: Side, key: str) -> dict[str, Any]:
    return {path: field[key] for path, field in one.fields.items() if key in field}


def test_both_have_the_same_fields(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    assert set(stated.fields) == set(modelled.fields)


def test_both_have_the_same_types(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    assert facts(stated, "type") == facts(modelled, "type")


def test_both_have_the_same_words_in_enumerations(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    assert facts(stated, "enum") == facts(modelled, "enum")


def test_both_require_the_same_fields(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    assert stated.required == modelled.required


@pytest.mark.parametrize("sides", SPECS, indirect=True)
def test_admission_lets_nothing_pass_that_a_model_bounds_more_tightly(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    for key in ("pattern", "minimum", "maximum", "minLength", "maxLength", "minItems"):
        for path, bound in facts(modelled, key).items():
            assert stated.fields[path].get(key) == bound, f"{path}: {key}"


@pytest.mark.parametrize("sides", STATUSES, indirect=True)
def test_what_the_operator_writes_fits_into_the_crd(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    for path, limit in facts(modelled, "maxLength").items():
        assert limit <= stated.fields[path]["maxLength"], path


def canonical(value: object, field: Schema) -> object:
    """Quantities in bytes and durations in time, so that 1Gi equals 1073741824 and 60m equals 1h; null is nothing."""
    if isinstance(value, list):
        return [
            {name: one for name, one in item.items() if one is not None} if isinstance(item, dict) else item
            for item in value
        ]
    if isinstance(value, str) and field.get("pattern") == QUANTITY_PATTERN:
        return parse_quantity(value)
    if isinstance(value, str) and field.get("pattern") == DURATION_PATTERN:
        return parse_duration(value)
    return value


@pytest.mark.parametrize("sides", STATUSES, indirect=True)
def test_status_has_no_defaults(sides: tuple[Side, Side]) -> None:
    assert not facts(sides[0], "default")


@pytest.mark.parametrize("sides", SPECS, indirect=True)
def test_both_have_the_same_defaults(sides: tuple[Side, Side]) -> None:
    stated, modelled = sides
    for path, field in stated.fields.items():
        ours, theirs = field.get("default"), modelled.fields[path].get("default")
        if field["type"] == "object":
            # The defaults of its fields fill it; they are compared one by one.
            assert ours in (None, {}), path
            assert (ours is None) == (not theirs), path
        else:
            assert canonical(ours, field) == canonical(theirs, field) or (ours is None and not theirs), path


@pytest.mark.parametrize("plural", PLURALS)
def test_every_field_is_described_and_bounded(plural: str) -> None:
    for path, field, _ in walk(crd_root(plural), {}):
        if path == ".metadata":
            continue
        assert field.get("description", "").endswith("."), f"{path} needs a description"
        if path in {".apiVersion", ".kind"}:
            continue
        if field["type"] == "string":
            assert field.keys() & {"enum", "maxLength", "format"}, f"{path} is unbounded"
        if field["type"] == "array":
            assert field.keys() >= {"maxItems", "x-kubernetes-list-type"}, f"{path} is unbounded"
        if "additionalProperties" in field:
            assert "maxProperties" in field, f"{path} is unbounded"


def validations(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("x-kubernetes-validations", ())
    for _, field, _ in walk(schema, {}):
        yield from field.get("x-kubernetes-validations", ())


def test_admission_and_operator_say_the_same_of_collectors_that_mean_nothing() -> None:
    collector = crd_root("supportbundles")["properties"]["spec"]["properties"]["collectors"]["items"]
    stated = {rule["message"] for rule in validations(collector)}
    # Bounds of single fields are in the models, which this module compares by their patterns and limits.
    bounds = {f"{field} must lie between" for field in ("maxBytesPerContainer", "timeout", "maxBytes")}
    assert {m for m in stated if not m.startswith(tuple(bounds))} == {rule.message for rule in RULES}


def test_a_template_collects_and_sanitizes_by_the_words_of_a_bundle() -> None:
    bundle, template = (
        crd_root(f"supportbundle{kind}s")["properties"]["spec"]["properties"] for kind in ("", "template")
    )
    ours, theirs = bundle["collectors"]["items"]["properties"], template["collectors"]["items"]["properties"]
    assert ours.keys() == theirs.keys() - {"when"}
    for one, other in (
        (ours["type"], theirs["type"]),
        (bundle["capabilities"]["items"], template["capabilities"]["items"]),
    ):
        assert one["enum"] == other["enum"]
    rules = [[r["rule"] for r in validations(part["sanitization"])] for part in (bundle, template)]
    assert [rule for rule in rules[0] if rule != "self == oldSelf"] == rules[1]


def test_the_operator_knows_in_which_lists_of_collectors_the_same_may_stand_twice() -> None:
    collector = crd_root("supportbundles")["properties"]["spec"]["properties"]["collectors"]["items"]
    lists = {path: field for path, field, _ in walk(collector, {}) if field["type"] == "array"}
    atomic = {path for path, field in lists.items() if field["x-kubernetes-list-type"] == "atomic"}
    named = {to_camel(name) for name in ATOMIC}
    assert atomic == {path for path in lists if path.rsplit(".", 1)[-1] in named}
    keys = {tuple(field.get("x-kubernetes-list-map-keys", ())) for field in lists.values()}
    assert keys == {(), *((key,) for key in KEYS)}
