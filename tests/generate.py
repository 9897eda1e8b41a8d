"""What follows from the collectors' declarations, as text: the chart's capabilities and the reference in docs.

Written by `make generate`; a contract test compares it with what is committed, so that a collector cannot gain a right
that the chart, the policies and the reference do not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from supportbundle.collect.base import Collector
from supportbundle.collect.registry import REGISTRY, demands_for, rules_for
from supportbundle.model.capability import OPT_IN, VIEW_VERB, Capability, PolicyRule
from supportbundle.model.names import GROUP, PLURAL
from supportbundle.model.spec import CollectorSpec, CollectorType

ROOT = Path(__file__).resolve().parents[1]
MINIMAL: Mapping[CollectorType, Mapping[str, object]] = MappingProxyType(
    {
        CollectorType.PROFILE: {"profile": {"port": 1}},
        CollectorType.HTTP: {"http": {"port": 1}},
        CollectorType.EXEC: {"exec": {"command": ["true"]}},
        CollectorType.FILES: {"files": {"paths": ["/x"]}},
        CollectorType.CONFIG: {"config": {"workloads": True}},
    }
)
"""The least options of the types that need some."""

CHART_HEAD = """\
# Made by `make generate` from what the collectors declare; do not edit. `rules` are what a collection gets, `demands`
# what its requester must hold.
"""
DOCS_HEAD = f"""\
<!-- Made by `make generate` from what the collectors declare; do not edit. -->
# Collectors

What each `type` of `spec.collectors` writes, and the rights that it takes. The options are described by
`kubectl explain supportbundle.spec.collectors`. Every file passes the sanitizer; whatever was wanted and could not be
had is a gap in `manifest.json`.

## Capabilities

`spec.capabilities` bounds what a bundle may do. Whoever creates it must hold these rights in its namespace, and the
collection runs with the same. Two capabilities are refused until an admin switches them on in the chart.

`Resources` cannot be checked kind by kind. Its collection reads what the ClusterRole `view` shows, also custom
resources whose roles carry the label `rbac.authorization.k8s.io/aggregate-to-view`. The requester needs the verb
`{VIEW_VERB}` on `{PLURAL}.{GROUP}`, which `view` holds too. With the Helm value `capabilities.extraResources` it also
reads what roles with the label `{GROUP}/aggregate-to-collect` add, and the requester needs the verb `collectextra`;
`clusterInfo` needs the Helm value `capabilities.clusterInfo` and the verb `collectcluster`. `view` holds neither.

Where headers or certificates come from Secrets, `secretShapes` is asked for, or a template is given Secrets, the
requester also needs `get secrets`; for a target or a template, `list pods`.

| capability | rights | switched on by |
|---|---|---|
"""


def chart_text() -> str:
    """`files/capabilities.yaml` of the chart."""
    entries = [
        {
            "name": capability.value,
            "optIn": capability in OPT_IN,
            "aggregated": capability == Capability.RESOURCES,
            "rules": _plain(rules_for(capability)),
            "demands": _plain(demands_for(capability)),
        }
        for capability in Capability
    ]
    return CHART_HEAD + yaml.safe_dump({"capabilities": entries}, sort_keys=False, default_flow_style=None, width=120)


def docs_text() -> str:
    """`docs/collectors.md`."""
    rows = "".join(_capability_row(capability) for capability in Capability)
    return DOCS_HEAD + rows + "".join(_section(REGISTRY[kind]) for kind in CollectorType)


def _plain(rules: Iterable[PolicyRule]) -> list[dict[str, list[str]]]:
    return [rule.model_dump(mode="json", by_alias=True) for rule in rules]


def _capability_row(capability: Capability) -> str:
    by = f"`capabilities.{capability.lower()}: true`" if capability in OPT_IN else "always on"
    return f"| {capability} | {_rights(demands_for(capability))} | {by} |\n"


def _rights(rules: Iterable[PolicyRule]) -> str:
    return "; ".join(
        f"{', '.join(rule.verbs)} " + ", ".join(f"`{name}`" for name in _qualified(rule)) for rule in rules
    )


def _qualified(rule: PolicyRule) -> Iterator[str]:
    for group in rule.api_groups:
        yield from (f"{resource}.{group}" if group else resource for resource in rule.resources)


def _section(collector: Collector) -> str:
    kind = collector.type
    spec = CollectorSpec.model_validate({"name": "x", "type": kind, **MINIMAL.get(kind, {})})
    always = collector.requires(spec)
    more = [capability for capability in collector.needs if capability not in always]
    takes = ", ".join(f"`{c}`" for c in Capability if c in always)
    takes += f"; with some options also {', '.join(f'`{c}`' for c in more)}" if more else ""
    rows = "".join(f"| `{out.path}` | {_cell(out.what)} | {_cell(out.limit)} |\n" for out in collector.outputs)
    return f"\n## {kind}\n\nCapability: {takes}.\n\n| file | what | limit |\n|---|---|---|\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def files() -> Mapping[Path, str]:
    """Every generated file and its text."""
    return {
        ROOT / "helm" / "supportbundle-operator" / "files" / "capabilities.yaml": chart_text(),
        ROOT / "docs" / "collectors.md": docs_text(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
