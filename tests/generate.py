"""What follows from the collectors' declarations, as text: the chart's capabilities and the reference in docs.

And the table of the chart's values, from their schema.

Written by `make generate`; a contract test compares it with what is committed, so that a collector cannot gain a right
that the chart, the policies and the reference do not show. The schema of a schedule's bundles follows from that of
SupportBundle in the same way.
"""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from support import chartvalues
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
        CollectorType.API: {"api": {"port": 1, "steps": [{"name": "x", "path": "/", "output": "x"}]}},
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

Where headers, certificates or standard input come from Secrets, `secretShapes` is asked for, or a template is given
Secrets, the requester also needs `get secrets`; for a target or a template, `list pods`.

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


CRDS = ROOT / "crds"
TEMPLATE_MARK = (
    "# From here on generated from crds/supportbundle.dev_supportbundles.yaml by `make generate`; do not edit."
)
ACCOUNT_RULE = {
    "rule": "has(self.serviceAccountName)",
    "message": (
        "a schedule acts when nobody is there to be checked, so spec.bundleTemplate.spec.serviceAccountName must name "
        "the ServiceAccount whose rights its bundles use"
    ),
}
CANCEL_RULE = {"rule": "!self", "message": "a bundle cannot be cancelled before it is made; remove cancel"}


def schedules_text() -> str:
    """The CRD of schedules, with the spec of SupportBundle as the end of it."""
    path = CRDS / "supportbundle.dev_supportbundleschedules.yaml"
    head, mark, _ = path.read_text(encoding="utf-8").partition(TEMPLATE_MARK)
    bundles = yaml.safe_load((CRDS / "supportbundle.dev_supportbundles.yaml").read_text(encoding="utf-8"))
    spec = bundles["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    text = yaml.safe_dump({"spec": _template(spec)}, sort_keys=False, width=100, allow_unicode=True)
    return f"{head}{mark}\n{textwrap.indent(text, ' ' * 18)}"


def _template(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a bundle that may still change, and names an account."""
    found: dict[str, Any] = _mutable(copy.deepcopy(dict(spec)))
    found["description"] = "The spec of the bundles, as of SupportBundle; serviceAccountName is mandatory."
    found["x-kubernetes-validations"].append(ACCOUNT_RULE)
    found["properties"]["cancel"]["x-kubernetes-validations"] = [CANCEL_RULE]
    return found


def _mutable(schema: Any) -> Any:
    """Without the rules that compare with what was there before."""
    if isinstance(schema, list):
        return [_mutable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _mutable(value) for name, value in schema.items()}
    rules = kept.get("x-kubernetes-validations")
    if isinstance(rules, list):
        kept["x-kubernetes-validations"] = [rule for rule in rules if "oldSelf" not in rule["rule"]]
        if not kept["x-kubernetes-validations"]:
            del kept["x-kubernetes-validations"]
    return kept


def files() -> Mapping[Path, str]:
    """Every generated file and its text."""
    return {
        CRDS / "supportbundle.dev_supportbundleschedules.yaml": schedules_text(),
        ROOT / "helm" / "supportbundle-operator" / "files" / "capabilities.yaml": chart_text(),
        ROOT / "docs" / "collectors.md": docs_text(),
        chartvalues.README: chartvalues.readme(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
