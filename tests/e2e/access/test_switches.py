"""What an admin switches on: capabilities, refused by name until then; and a level for the operator's own requests."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from support.access import Answer, Site, accepted, bundle, refused
from support.kube import ROOT, kubectl, run
from supportbundle.model.capability import OPT_IN, Capability

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def switched_off(site: Site) -> Iterator[Site]:
    """The policies on the requester as the chart has them by default, for the tenant's namespace alone."""
    chart = str(ROOT / "helm" / "supportbundle-operator")
    name = f"{site.release}-off"
    text = run(
        *("helm", "template", name, chart, "--set", f"fullnameOverride={name}"),
        *("-s", "templates/policy-requester.yaml", "--kube-version", "1.30.0"),
    )
    endings = tuple(f"-requester-{capability.lower()}" for capability in OPT_IN)
    objects = [obj for obj in yaml.safe_load_all(text) if obj["metadata"]["name"].endswith(endings)]
    assert len(objects) == 2 * len(OPT_IN)
    here = {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}
    for obj in objects:
        if obj["kind"].endswith("Binding"):
            obj["spec"]["matchResources"] = {"namespaceSelector": here}
    manifest = yaml.safe_dump_all(objects).encode()
    kubectl("apply", "-f", "-", stdin=manifest)
    yield site
    kubectl("delete", "-f", "-", stdin=manifest)


@pytest.mark.parametrize("capability", sorted(OPT_IN))
def test_what_is_switched_off_is_refused_to_admins_too_and_the_value_is_named(
    switched_off: Site, capability: Capability
) -> None:
    refused(
        lambda: switched_off.admin.create(bundle(capabilities=["Logs", capability])),
        f"the capability {capability} is switched off in this installation",
        f"the Helm value capabilities.{capability.lower()}=true",
    )


def test_what_needs_no_switch_stays_open(switched_off: Site) -> None:
    others = [capability for capability in Capability if capability not in OPT_IN]
    accepted(lambda: switched_off.admin.create(bundle(capabilities=others)))


def test_the_operators_requests_are_served_at_a_level_of_their_own(site: Site) -> None:
    schema = json.loads(kubectl("get", "flowschema", site.release, "-o", "json"))
    level = json.loads(kubectl("get", "prioritylevelconfiguration", site.release, "-o", "json"))
    dangling = [c["status"] for c in schema["status"]["conditions"] if c["type"] == "Dangling"]
    assert dangling == ["False"]

    def served() -> Answer:
        url = f"{site.admin.server}/api/v1/namespaces/{site.namespace}/pods?limit=1"
        request = urllib.request.Request(url, headers={"Impersonate-User": site.operator.user or ""})  # noqa: S310 - our own proxy
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own proxy
            at = {key: response.headers[f"X-Kubernetes-PF-{key}-UID"] for key in ("FlowSchema", "PriorityLevel")}
        mine = {"FlowSchema": schema["metadata"]["uid"], "PriorityLevel": level["metadata"]["uid"]}
        return Answer(ok=at == mine, text=f"served at {at}, wanted {mine}")

    accepted(served)
