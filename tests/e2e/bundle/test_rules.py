"""Rules of a bundle's own, in a real bundle: one of each type, with keepShape, and one that cannot work."""

from __future__ import annotations

import json

import pytest

from support import sbundle
from support.kube import apply, condition, kubectl

pytestmark = pytest.mark.e2e
SETTINGS = {
    "SqlSettings": {"DataSource": "anything at all", "Replicas": 2},
    "tenantId": 4711,
    "password": "Hunter2!x",
    "note": "see TCK-123456 about Blue%20Falcon/7",
}
RULES = [
    {"name": "acme-datasource", "type": "Path", "pattern": "$.SqlSettings.DataSource", "reason": "Ours."},
    {"name": "acme-tenant", "type": "Key", "pattern": "tenant-id"},
    {
        "name": "acme-ticket",
        "type": "Regex",
        "pattern": r"TCK-(?P<secret>\d{4,8})",
        "examples": [{"text": "see TCK-1234", "removed": "1234"}, {"text": "see TCK-1"}],
    },
    {"name": "acme-codename", "type": "Literal", "pattern": "Blue Falcon"},
]
COLLECTORS = ({"name": "settings", "type": "Config", "config": {"configMaps": {"names": ["settings"]}}},)


def test_each_type_of_rule_takes_out_what_it_means(namespace: str) -> None:
    files = {"config.json": json.dumps(SETTINGS, indent=1)}
    apply(namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": files})
    sanitization = {"keepShape": True, "rules": RULES}
    sbundle.create(namespace, "ruled", COLLECTORS, capabilities=["Config"], sanitization=sanitization)
    sbundle.ready(namespace, "ruled")
    members = sbundle.unpack(sbundle.fetch(namespace, "ruled"))
    collected = [data for path, data in members.items() if path != "manifest.json"]  # whose digests hold any digits
    text = b"".join(collected).decode("utf-8", "replace")
    for secret in ("anything at all", "4711", "Hunter2", "123456", "Blue%20Falcon", "Blue Falcon"):
        assert secret not in text
    # One value is a path's, one a key's: both keep their shape. What is found by its form or its text does not.
    assert "xxxxxxxx xx xxxx" in text
    assert "Xxxxxx00!x" in text
    assert "see TCK-<redacted:acme-ticket> about <redacted:acme-codename>/7" in text
    report = json.loads(members["redactions.json"])
    assert report["reasons"] == {"acme-datasource": "Ours."}
    assert {rule["name"] for rule in RULES} <= report["totals"]["rules"].keys()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"type": "Regex", "pattern": "a{1,2000}"}, "RE2 refuses it (invalid repetition size"),
        ({"type": "Regex", "pattern": "[a-z]*"}, "it matches the empty string"),
        ({"type": "Path", "pattern": "$.*"}, "it names nothing"),
        ({"type": "Key", "pattern": "tenantId", "name": "password"}, "its name is taken"),
        (
            {"type": "Literal", "pattern": "falcon", "examples": [{"text": "x", "removed": "x"}]},
            "does not take 'x' out",
        ),
    ],
    ids=["syntax", "empty", "path", "name", "example"],
)
def test_a_rule_that_cannot_work_ends_the_bundle_at_once(
    namespace: str, rule: dict[str, object], said: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.rsplit("-", maxsplit=1)[-1]
    sbundle.create(
        namespace, name, COLLECTORS, capabilities=["Config"], sanitization={"rules": [{"name": "acme", **rule}]}
    )
    obj = sbundle.finished(namespace, name, seconds=60)
    stalled = condition(obj, "Stalled")
    assert (obj["status"]["phase"], stalled["status"], stalled["reason"]) == ("Failed", "True", "InvalidRule")
    assert f"Sanitizing rule {rule.get('name', 'acme')} ({rule['type']}) cannot be used: " in stalled["message"]
    assert said in stalled["message"]
    assert not kubectl("-n", namespace, "get", "jobs", "-o", "name").strip()
