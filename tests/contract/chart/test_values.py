"""Values, schema and README say the same; what is wrong is refused when somebody installs it, in words that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from subprocess import CompletedProcess
from typing import Any

import pytest

from support import chartvalues

Helm = Callable[..., CompletedProcess[str]]
SCHEMA = chartvalues.schema()
DEFAULTS = chartvalues.defaults()
VALUES = {value.path: value for value in chartvalues.values(SCHEMA, DEFAULTS)}
DIGEST = "sha256:" + "0" * 64


def objects(part: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every part of the schema that speaks of properties."""
    if "properties" in part:
        yield path, part
    for name, child in part.get("properties", {}).items():
        yield from objects(child, f"{path}.{name}")
    for name, child in part.get("definitions", {}).items():
        yield from objects(child, f"definitions.{name}")
    if isinstance(part.get("items"), dict):
        yield from objects(part["items"], f"{path}[]")


def resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part itself, or the definition that it points to."""
    refs = [part, *part.get("allOf", ())]
    found = next((ref["$ref"] for ref in refs if "$ref" in ref), None)
    return SCHEMA["definitions"][found.rsplit("/", 1)[1]] if found else part


def bounds(part: Mapping[str, Any]) -> set[str]:
    """Which of the bounds that its type must have are missing."""
    part = resolved(part)
    if "enum" in part:
        return set()
    if "anyOf" in part:
        return {missing for choice in part["anyOf"] for missing in bounds(choice)}
    types = {part["type"]} if isinstance(part.get("type"), str) else set(part.get("type", ())) - {"null"}
    wanted = {
        "string": {"maxLength"} if "pattern" not in part else set(),
        "integer": {"minimum", "maximum"},
        "array": {"maxItems", "items"},
        "object": {"additionalProperties"},
        "boolean": set(),
    }
    return {need for kind in types for need in wanted[kind]} - part.keys() if types else {"type"}


def test_values_and_schema_know_the_same_keys() -> None:
    def both(part: Mapping[str, Any], found: Mapping[str, Any], path: str) -> None:
        known = part["properties"].keys() - (chartvalues.UNUSED if not path else set())
        assert known == found.keys(), path
        for name, child in part["properties"].items():
            if chartvalues.is_group(child):
                both(child, found[name], f"{path}.{name}")

    both(SCHEMA, DEFAULTS, "")


@pytest.mark.parametrize("path", VALUES)
def test_every_value_is_described_typed_and_bounded(path: str) -> None:
    part = VALUES[path].schema
    assert part.get("description", "").endswith("."), path
    assert not bounds(part), path


@pytest.mark.parametrize(("path", "part"), list(objects(SCHEMA)), ids=lambda x: x if isinstance(x, str) else "")
def test_nothing_unknown_is_accepted_anywhere(path: str, part: Mapping[str, Any]) -> None:
    assert part["additionalProperties"] is False, path
    if chartvalues.is_group(part) and path and "[]" not in path:
        assert part["description"].endswith("."), path


def test_the_readme_lists_every_value() -> None:
    assert chartvalues.README.read_text(encoding="utf-8") == chartvalues.readme(), "run `make generate`"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("imagePullSecrets={a}", "imagePullSecrets"),
        ("image.pullSecret=a", "pullSecret"),
        ("image.tag=a b", "tag"),
        ("image.digest=latest", "digest"),
        ("workers=0", "workers"),
        ("workers=many", "workers"),
        ("bundlesAtOnce=0", "bundlesAtOnce"),
        ("watchNamespaces=team", "watchNamespaces"),
        ("watchNamespaces={Team}", "watchNamespaces"),
        ("watchNamespaces={a,a}", "watchNamespaces"),
        ("resources.limit.memory=1Gi", "limit"),
        ("resources.limits.memory=1 GB", "memory"),
        ("tolerations[0].efect=NoSchedule", "efect"),
        ("topologySpreadConstraints[0].maxSkew=1", "topologyKey"),
        ("proxy.https=proxy:3128", "https"),
        ("proxy.https=http://me:secret@proxy:3128", "https"),
        ("podDisruptionBudget.maxUnavailable=half", "maxUnavailable"),
        ("networkPolicy.apiServerPorts={}", "apiServerPorts"),
        ("networkPolicy.apiServerCIDRs={10.0.0.1}", "apiServerCIDRs"),
        ("commonLabels.a\\.b/c=not a label", "commonLabels"),
        ("commonLabels.app\\.kubernetes\\.io/name=mine", "app.kubernetes.io/name"),
        ("securityContext.privileged=true", "privileged"),
        ("fullnameOverride=1st", "fullnameOverride"),
        ("store.bucket=Bucket", "bucket"),
        ("store.embedded.persistence.size=big", "size"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm: Helm, setting: str, words: str) -> None:
    done = helm("template", "sb", str(chartvalues.CHART), "--kube-version", "1.30.0", "--set", setting)
    assert done.returncode != 0, setting
    assert "values don't meet the specifications of the schema" in done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        "watchNamespaces={a,b-c}",
        f"image.digest={DIGEST}",
        "resources.limits.cpu=2",
        "resources.limits.cpu=1.5",
        "podDisruptionBudget.maxUnavailable=50%",
        "podSecurityContext.runAsUser=null",
        "commonLabels.example\\.org/team=storage",
        "global.anything=1",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.a=b",
    ],
)
def test_a_right_value_is_taken(helm: Helm, setting: str) -> None:
    done = helm("template", "sb", str(chartvalues.CHART), "--kube-version", "1.30.0", "--set", setting)
    assert done.returncode == 0, done.stderr
