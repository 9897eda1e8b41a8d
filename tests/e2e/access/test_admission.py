"""What the API server says to requests that mean nothing, are not built yet, or would change what was checked."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.access import MERGE, Object, Site, accepted, bundle, refused
from supportbundle.collect.registry import REGISTRY
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec, CollectorType

pytestmark = pytest.mark.e2e


def config(**options: object) -> Object:
    return {"capabilities": ["Config"], "collectors": [{"name": "c", "type": "Config", "config": options}]}


def http(**options: object) -> Object:
    return {"capabilities": ["HTTP"], **collector("HTTP", http={"port": 80, **options})}


STEP: Object = {"name": "a", "path": "/", "output": "a"}


def steps(*found: Object) -> Object:
    return {"capabilities": ["HTTP"], **collector("API", api={"port": 80, "steps": list(found)})}


def command(**options: object) -> Object:
    return {"capabilities": ["Exec"], **collector("Exec", exec=options)}


def collector(kind: str, **options: object) -> Object:
    return {"collectors": [{"name": "c", "type": kind, **options}]}


RULE: Object = {"name": "r", "type": "Key", "pattern": "tenantId"}


def rule(kind: str, pattern: str, **fields: object) -> Object:
    return {"sanitization": {"rules": [{**RULE, "type": kind, "pattern": pattern, **fields}]}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (collector("Logs", events={}), "events may be set only where type is Events"),
        (collector("Events", logs={}), "logs may be set only where type is Logs"),
        (collector("Logs", config={}), "config may be set only where type is Config"),
        (collector("Logs", profile={"port": 1}), "profile may be set only where type is Profile"),
        (collector("Logs", http={"port": 1}), "http may be set only where type is HTTP"),
        (collector("Logs", exec={"command": ["id"]}), "exec may be set only where type is Exec"),
        (collector("Logs", files={"paths": ["/x"]}), "files may be set only where type is Files"),
        (collector("Logs", helm={}), "helm may be set only where type is Helm"),
        (collector("Logs", resources={}), "resources may be set only where type is Resources"),
        (collector("Logs", metrics={}), "metrics may be set only where type is Metrics"),
        (collector("Logs", api={"port": 1, "steps": [STEP]}), "api may be set only where type is API"),
        (collector("Config"), "type Config needs config"),
        (collector("Profile"), "type Profile needs profile with the port"),
        (collector("HTTP"), "type HTTP needs http with a port"),
        (collector("Exec"), "type Exec needs exec with a command or a tool"),
        (collector("Files"), "type Files needs files with paths"),
        (collector("API"), "type API needs api with a port and steps"),
        (steps(), "spec.collectors[0].api.steps"),
        (steps({"name": "a-b", "path": "/"}), "spec.collectors[0].api.steps[0].name"),
        (steps({**STEP, "path": "/#x"}), "spec.collectors[0].api.steps[0].path"),
        (steps({**STEP, "output": "../x"}), "spec.collectors[0].api.steps[0].output"),
        (steps({**STEP, "value": "x" * 1025}), "spec.collectors[0].api.steps[0].value"),
        (steps({**STEP, "fields": [{"key": "a..b", "value": "x"}]}), "spec.collectors[0].api.steps[0].fields[0].key"),
        (steps({**STEP, "accept": [200]}), "spec.collectors[0].api.steps[0].accept[0]"),
        (steps(STEP, STEP), "Duplicate value"),
        (steps({"name": "a", "output": "a"}), "a step needs a path, a value or fields"),
        (steps({**STEP, "value": "x", "fields": [{"key": "k", "value": "x"}]}), "value and fields of a step exclude"),
        (steps({"name": "a", "value": "x", "output": "a", "accept": [404]}), "accept is for a step with path"),
        (steps({"name": "a", "path": "/", "missing": "Null"}), "are for a step with output"),
        (steps({**STEP, "keepNull": True}), "keepNull and reportMissing are for fields"),
        (steps({**STEP, "format": "Text", "indent": 2}), "format Text is for texts"),
        (config(), "config asks for nothing"),
        (http(service="web", via="PodIP"), "service excludes via PodIP"),
        (http(service="Web"), "spec.collectors[0].http.service"),
        (http(body="x"), "only a POST has a body"),
        (http(path="no-slash"), "spec.collectors[0].http.path"),
        (http(path="/a b"), "spec.collectors[0].http.path"),
        (http(headers=[{"name": "A: b", "value": "c"}]), "spec.collectors[0].http.headers[0].name"),
        (http(headers=[{"name": "A", "value": "b\r\nC: d"}]), "spec.collectors[0].http.headers[0].value"),
        (
            http(headers=[{"name": "A", "value": "b"}], headersFrom=[{"name": "A", "secret": "s", "key": "k"}]),
            "keep one",
        ),
        (http(tls={"insecureSkipVerify": True, "caBundle": "PEM"}), "exclude each other; keep one"),
        (http(timeout="2h"), "timeout must lie between 1s and 1h"),
        (http(maxBytes="5Gi"), "maxBytes must lie between 1Ki and 4Gi"),
        (command(), "set either command or tool"),
        (command(command=["id"], tool="NodeReport"), "set either command or tool"),
        (command(command=[""]), "names the program"),
        (command(command=["id"], seconds=20), "process and seconds are for tool only"),
        (command(tool="PythonStacks", output="../x"), "spec.collectors[0].exec.output"),
        (collector("Files", files={"paths": []}), "spec.collectors[0].files.paths"),
        (collector("Files", files={"paths": ["etc"]}), "spec.collectors[0].files.paths[0]"),
        (steps({**STEP, "unwrap": True, "indent": 2}), "unwrap needs path, and excludes value"),
        (
            steps({"name": "a", "value": "bundle", "output": "x", "unwrap": True}),
            "unwrap needs path, and excludes value",
        ),
        (collector("Metrics", metrics={"path": "/m"}), "path and via are for port only"),
        (collector("Logs", logs={"since": "1h", "sinceTime": "2026-01-01T00:00:00Z"}), "exclude each other"),
        (collector("Logs", logs={"since": "0s"}), "since must lie between 1s and 8760h"),
        (collector("Logs", logs={"maxBytesPerContainer": "1"}), "between 1Ki and 100Gi"),
        (collector("Logs", logs={"tail": 1}), 'unknown field "spec.collectors[0].logs.tail"'),
        (collector("Logs", path="Manifest.json"), "path is the name of a file that the operator writes"),
        (collector("Logs", path="../x"), "spec.collectors[0].path"),
        (collector("Logs", path="{file}", missing="Null"), "missing needs a path without {file}"),
        (collector("Logs", fallbackFor="c/step"), "a collector cannot be its own fallback"),
        (collector("Logs", fallbackWhen="FileMissing"), "set fallbackFor too"),
        (collector("Logs", fallbackFor="gone"), "fallbackFor names a collector that spec.collectors does not have"),
        (command(tool="NodeReport", unwrap=True), "a tool writes no zip"),
        ({"archive": {"warnings": "Collector.log"}}, "warnings, collectorLog and requestLog need names of their own"),
        ({"archive": {"fileName": "a/b.zip"}}, "spec.archive.fileName"),
        ({"collectors": []}, "nothing to collect"),
        ({"target": None}, "has no target"),
        ({"target": {}}, "an empty target names no pod"),
        (collector("Logs", target={"podNames": []}), "an empty target names no pod"),
        ({"target": {"selector": {"matchExpressions": [{"key": "k", "operator": "In"}]}}}, "In and NotIn need values"),
        (
            {"target": {"anyOf": [{}, {"matchExpressions": [{"key": "k", "operator": "In"}]}]}},
            "In and NotIn need values",
        ),
        ({"target": {"anyOf": []}}, "spec.target.anyOf"),
        ({"target": {"anyOf": [{}] * 9}}, "spec.target.anyOf"),
        ({"target": {"selector": {}, "anyOf": [{}]}}, "selector and anyOf exclude each other"),
        (collector("Logs", target={"selector": {}, "anyOf": [{}]}), "selector and anyOf exclude each other"),
        ({"limits": {"maxBytes": "1Ki"}}, "spec.limits.maxBytes must lie between 1Mi and 100Gi"),
        ({"limits": {"maxDuration": "5s"}}, "spec.limits.maxDuration must lie between 10s and 6h"),
        ({"limits": {"maxDuration": "7h"}}, "spec.limits.maxDuration must lie between 10s and 6h"),
        ({"limits": {"parallelism": 51}}, "less than or equal to 50"),
        ({"ttl": "9000h"}, "spec.ttl must lie between 1s and 8760h"),
        (rule("Key", "pass:word"), "names a key in ASCII letters"),
        (rule("Key", "ключ"), "names a key in ASCII letters"),
        (rule("Path", ".a"), "begins with $, ** or a name"),
        (rule("Path", "[0].a"), "begins with $, ** or a name"),
        (rule("Regex", "(?=a)b"), "no lookahead and no lookbehind"),
        (rule("Regex", "(?<!a)b"), "no lookahead and no lookbehind"),
        (rule("Regex", r"(a)\1"), "no backreferences"),
        (rule("Regex", "schlüssel"), "is about bytes"),
        (rule("Literal", "abc"), "at least 4 characters"),
        (rule("Literal", ""), "spec.sanitization.rules[0].pattern"),
        (rule("Literal", "a" * 513), "spec.sanitization.rules[0].pattern"),
        (rule("Literal", "a-secret", name="Not_a_name"), "spec.sanitization.rules[0].name"),
        (rule("Glob", "*"), "spec.sanitization.rules[0].type"),
        (rule("Key", "tenantId", examples=[{"text": "x"}] * 6), "spec.sanitization.rules[0].examples"),
        (rule("Key", "tenantId", examples=[{"removed": "x"}]), "spec.sanitization.rules[0].examples[0].text"),
        ({"sanitization": {"rules": [RULE, RULE]}}, "Duplicate value"),
        (
            {"sanitization": {"rules": [{**RULE, "name": f"r{n}"} for n in range(51)]}},
            "spec.sanitization.rules",
        ),
    ],
)
def test_what_means_nothing_is_refused_with_its_reason(site: Site, spec: Object, message: str) -> None:
    refused(lambda: site.admin.create(bundle(**spec)), message)


@pytest.mark.parametrize(
    "spec",
    [
        rule("Key", "x-tenant.id"),
        rule("Path", "$.items[*].data['a.b']"),
        rule("Path", "**.Secret"),
        rule("Path", "SqlSettings.DataSource"),
        rule("Regex", r"(?i)ticket[ \t]+(?P<secret>\d{4,8})\\1"),
        rule("Literal", "Blue Falcon ü"),
        {"sanitization": {"keepShape": True}},
    ],
)
def test_rules_that_mean_something_are_accepted(site: Site, spec: Object) -> None:
    accepted(lambda: site.admin.create(bundle(**spec)))


@pytest.mark.parametrize(
    "spec",
    [{"ttl": "2d"}, {"limits": {"maxDuration": "1d"}}, collector("Logs", logs={"since": "1d"}), http(maxBytes="1.5Gi")],
    ids=["ttl", "maxDuration", "since", "maxBytes"],
)
def test_an_unreadable_amount_is_refused_once_and_without_noise(site: Site, spec: Object) -> None:
    heard = refused(lambda: site.admin.create(bundle(**spec)), "should match")
    assert "error" not in heard
    assert "must lie between" not in heard


NEEDS: tuple[tuple[Object, str], ...] = (
    (collector("Logs"), "Logs"),
    (collector("Events"), "Events"),
    (collector("Config", config={"workloads": True}), "Config"),
    (collector("Profile", profile={"port": 1}), "Profiles"),
    (collector("HTTP", http={"port": 1}), "HTTP"),
    (collector("Exec", exec={"command": ["id"]}), "Exec"),
    (collector("Exec", exec={"command": ["id"], "ephemeral": True}), "Debug"),
    (collector("Files", files={"paths": ["/x"]}), "Exec"),
    (collector("Files", files={"paths": ["/x"], "ephemeral": True}), "Debug"),
    (collector("Helm"), "Helm"),
    (collector("Resources"), "Resources"),
    (collector("Metrics"), "Resources"),
    (collector("Metrics", metrics={"port": 1}), "HTTP"),
    (collector("API", api={"port": 1, "steps": [STEP]}), "HTTP"),
)


def test_every_type_of_collector_is_among_them() -> None:
    assert {spec["collectors"][0]["type"] for spec, _ in NEEDS} == set(CollectorType) - {CollectorType.FINDINGS}


@pytest.mark.parametrize("lacking", ["Config", "Events"])
def test_findings_need_both_of_their_capabilities(site: Site, lacking: str) -> None:
    request = bundle(**collector("Findings"), capabilities=[word for word in Capability if word != lacking])
    refused(lambda: site.admin.create(request), "needs the capabilities Config and Events; add both to")
    usage = collector("Findings", findings={"usage": True})
    refused(lambda: site.admin.create(bundle(**usage, capabilities=["Config", "Events"])), "add Resources to")


@pytest.mark.parametrize(("spec", "capability"), NEEDS)
def test_a_collector_needs_its_capability_but_not_in_a_dry_run(site: Site, spec: Object, capability: str) -> None:
    others = [word for word in Capability if word != capability]
    lacking = bundle(**spec, capabilities=others)
    refused(lambda: site.admin.create(lacking), f"needs the capability {capability}; add {capability} to")
    lacking["spec"]["dryRun"] = True
    assert site.admin.create(lacking).ok


@pytest.mark.parametrize(("spec", "capability"), NEEDS)
def test_admission_and_collectors_ask_for_the_same_capabilities(spec: Object, capability: str) -> None:
    found = CollectorSpec.model_validate(spec["collectors"][0])
    assert capability in REGISTRY[found.type].requires(found)


@pytest.mark.parametrize(
    ("spec", "needed"),
    [
        (collector("Logs"), True),
        (collector("Profile", profile={"port": 1}), True),
        (collector("HTTP", http={"port": 1}), True),
        (collector("HTTP", http={"port": 1, "service": "web"}), True),
        (collector("Exec", exec={"tool": "JVMThreads"}), True),
        (collector("Files", files={"paths": ["/etc/app/*.yaml"]}), True),
        (collector("API", api={"port": 1, "steps": [STEP]}), True),
        (collector("Helm"), True),
        (collector("Helm", helm={"releases": ["web"]}), False),
        (collector("Metrics"), True),
        (collector("Resources"), False),
        (collector("Events"), False),
        (collector("Events", events={"scope": "Targets"}), True),
        (collector("Config", config={"configMaps": {}}), True),
        (collector("Config", config={"configMaps": {"names": ["app"]}}), False),
        (collector("Config", config={"environment": True}), True),
        (collector("Config", config={"related": True}), True),
        (collector("Config", config={"secretShapes": True}), True),
    ],
)
def test_what_reads_pods_needs_a_target_and_nothing_else_does(site: Site, spec: Object, *, needed: bool) -> None:
    wanted = bundle(**spec, capabilities=list(Capability))
    del wanted["spec"]["target"]
    if needed:
        refused(lambda: site.admin.create(wanted), "has no target")
    else:
        assert site.admin.create(wanted).ok


def test_a_standing_estimate_fits_into_the_status(site: Site) -> None:
    obj = bundle(dryRun=True)
    obj["metadata"]["name"] = "estimated"
    site.make(obj)
    estimate = {"pods": 3, "tasks": 9, "bytes": 1 << 40, "seconds": 7, "sampledTasks": 4}
    estimate |= {"missingCapabilities": list(Capability), "role": "r" * 16384}
    path = f"/apis/supportbundle.dev/v1alpha1/namespaces/{site.namespace}/supportbundles/estimated/status"
    try:
        answer = site.admin.ask("PATCH", path, {"status": {"estimate": estimate}}, MERGE)
        assert answer.ok, answer.text
        assert json.loads(answer.text)["status"]["estimate"] == estimate
    finally:
        site.admin.delete(obj, dry=False)


def test_a_name_too_long_for_an_object_key_is_refused(site: Site) -> None:
    long = bundle()
    long["metadata"]["name"] = "x" * 201
    refused(lambda: site.admin.create(long), "at most 200 characters")


@pytest.fixture(scope="module")
def standing(site: Site) -> Iterator[Object]:
    """A bundle that exists and is cancelled."""
    obj = bundle(cancel=True)
    obj["metadata"]["name"] = "standing"
    site.make(obj)
    yield obj
    site.admin.delete(obj, dry=False)


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"podNames": ["other"]}},
        {"target": None},
        {"capabilities": ["Logs", "Events"]},
        {"collectors": [{"name": "logs", "type": "Logs", "logs": {}}]},
        {"destination": {"name": "other"}},
        {"limits": {"maxBytes": "2Gi"}},
        {"ttl": "1h"},
        {"onCancel": "Pack"},
        {"deletionPolicy": "Delete"},
        {"serviceAccountName": "default"},
        {"templateRef": {"name": "preset"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_request_is_immutable(site: Site, standing: Object, change: Object) -> None:
    refused(lambda: site.admin.patch(standing, {"spec": change}), "spec is immutable but for cancel")


def test_cancelling_cannot_be_taken_back(site: Site, standing: Object) -> None:
    refused(lambda: site.admin.patch(standing, {"spec": {"cancel": False}}), "cannot be taken back")
