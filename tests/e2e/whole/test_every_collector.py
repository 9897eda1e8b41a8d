"""One bundle with a collector of every type, and every option that has files of its own."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
import yaml

from support import sbundle

pytestmark = pytest.mark.e2e
WEB = {"selector": {"matchLabels": {"app": "web"}}}
SHELL = {"podNames": ["shell"]}
KINDS = [{"type": "CPU", "seconds": 2}] + [
    {"type": kind} for kind in ("Heap", "Goroutine", "Allocs", "Block", "Mutex", "ThreadCreate")
]
CONFIG = {"configMaps": {}, "workloads": True, "environment": True, "related": True, "secretShapes": True}
TOKEN = [{"name": "Authorization", "prefix": "Bearer ", "secret": "probe", "key": "token"}]
STEPS = [
    {"name": "health", "path": "/healthz", "output": "health.txt"},
    {
        "name": "about",
        "output": "about/pod.yaml",
        "format": "YAML",
        "fields": [{"key": "pod.name", "value": "pod.name"}, {"key": "pod.system", "value": "node.operatingSystem"}],
    },
]
COLLECTORS: tuple[dict[str, Any], ...] = (
    {"name": "logs", "type": "Logs"},
    {"name": "events", "type": "Events"},
    {"name": "config", "type": "Config", "config": CONFIG},
    {"name": "profiles", "type": "Profile", "profile": {"port": 6060, "kinds": KINDS}},
    {"name": "health", "type": "HTTP", "http": {"port": 8080, "path": "/healthz", "output": "health.txt"}},
    {"name": "service", "type": "HTTP", "http": {"port": 80, "service": "web", "headersFrom": TOKEN}},
    {"name": "who", "type": "Exec", "target": SHELL, "exec": {"command": ["sh", "-c", "id; echo oops >&2; exit 3"]}},
    {"name": "files", "type": "Files", "target": SHELL, "files": {"paths": ["/tmp/etc/*.conf"]}},  # noqa: S108 - inside the target
    {"name": "inside", "type": "Files", "files": {"paths": ["/etc/web/app.yaml"], "ephemeral": True, "pods": "One"}},
    {"name": "objects", "type": "Resources", "resources": {"clusterInfo": True}},
    {"name": "usage", "type": "Metrics", "metrics": {"port": 8080}},
    {"name": "releases", "type": "Helm", "helm": {"releases": ["greeter"]}},
    {"name": "steps", "type": "API", "api": {"port": 8080, "steps": STEPS}},
)
CAPABILITIES = ["Logs", "Events", "Config", "Profiles", "HTTP", "Exec", "Debug", "Helm", "Resources"]
PLANTED = (b"planted-in-a-file-77", b"planted-in-values-42", b"prb-7c1e90d2ab34")

Bundle = tuple[dict[str, Any], dict[str, bytes]]


@pytest.fixture(scope="module")
def bundle(town: str) -> Bundle:
    """(resource, members)."""
    sbundle.create(town, "everything", COLLECTORS, target=WEB, capabilities=CAPABILITIES)
    return sbundle.ready(town, "everything"), sbundle.unpack(sbundle.fetch(town, "everything"))


def only(members: dict[str, bytes], pattern: str) -> bytes:
    """The first member whose path matches."""
    found = [content for path, content in members.items() if re.fullmatch(pattern, path)]
    assert found, f"{pattern} not in {sorted(members)}"
    return found[0]


@pytest.mark.parametrize(
    "pattern",
    [
        r"pods/web-[^/]+/app/current\.log",
        r"pods/web-[^/]+/migrate/current\.log",
        r"events\.txt",
        r"(collectors/config/)?cluster-resources/configmaps/.*\.json",
        r"(collectors/config/)?cluster-resources/services/.*\.json",
        r"pods/web-[^/]+/app/environment\.env",
        r"secrets/shapes\.json",
        r"pods/web-[^/]+/profiles/(cpu|heap|goroutine|allocs|block|mutex|threadcreate)\.pb\.gz",
        r"pods/web-[^/]+/profiles/goroutine\.txt",
        r"pods/web-[^/]+/http/health\.txt",
        r"services/web/http/service",
        r"pods/web-[^/]+/api/health\.txt",
        r"pods/web-[^/]+/api/about/pod\.yaml",
        r"pods/shell/exec/who\.txt",
        r"pods/shell/exec/who\.stderr\.txt",
        r"pods/shell/files/app/tmp/etc/a\.conf",
        r"pods/shell/files/app/tmp/etc/b\.conf",
        r"pods/web-[^/]+/files/app/etc/web/app\.yaml",
        r"cluster-resources/resources\.json",
        r"cluster-resources/deployments/.*\.json",
        r"cluster-resources/nodes\.json",
        r"cluster-info/cluster_version\.json",
        r"pods/web-[^/]+/metrics\.txt",
        r"helm/[^/]+/greeter\.json",
        r"manifest\.json",
        r"warning\.txt",
    ],
)
def test_every_file_is_there(bundle: Bundle, pattern: str) -> None:
    assert only(bundle[1], pattern) is not None


def test_only_what_this_cluster_lacks_is_missing(bundle: Bundle) -> None:
    manifest = json.loads(bundle[1]["manifest.json"])
    reasons = {(gap["collector"], gap["reason"]) for gap in manifest["gaps"]}
    assert reasons == {("who", "NonZeroExit"), ("usage", "MetricsNotServed"), ("objects", "Forbidden")}, manifest[
        "gaps"
    ]


def test_no_secret_of_the_targets_or_of_the_collectors_leaves(bundle: Bundle, planted: list[bytes]) -> None:
    found = [(secret, path) for path, data in bundle[1].items() for secret in (*planted, *PLANTED) if secret in data]
    assert found == []
    for path, data in bundle[1].items():
        if path.endswith(".pb.gz"):
            assert not [secret for secret in planted if secret in gzip.decompress(data)]


def test_the_environment_names_secrets_and_shows_the_rest(bundle: Bundle) -> None:
    text = only(bundle[1], r"pods/web-[^/]+/app/environment\.env").decode()
    assert "PPROF_ADDRESS=:6061" in text
    assert "web-secrets" in text


def test_an_exit_code_is_a_fact_of_the_manifest(bundle: Bundle) -> None:
    manifest = json.loads(bundle[1]["manifest.json"])
    (member,) = [m for m in manifest["members"] if m["path"] == "pods/shell/exec/who.txt"]
    assert member["notes"]["exitCode"] == 3
    assert b"uid=1000" in bundle[1]["pods/shell/exec/who.txt"]


def test_a_document_is_put_together_of_what_is_known(bundle: Bundle) -> None:
    assert only(bundle[1], r"pods/web-[^/]+/api/health\.txt") == b"ok\n"
    about = yaml.safe_load(only(bundle[1], r"pods/web-[^/]+/api/about/pod\.yaml"))
    assert about["pod"]["name"].startswith("web-")
    assert about["pod"]["system"] == "linux"


def test_shapes_tell_lengths_and_never_values(bundle: Bundle) -> None:
    shapes = json.loads(bundle[1]["secrets/shapes.json"])
    assert "web-secrets" in json.dumps(shapes)
    assert "24" in json.dumps(shapes)  # the length of DB_PASSWORD


def test_the_release_tells_its_chart_and_hides_its_password(bundle: Bundle) -> None:
    release = json.loads(only(bundle[1], r"helm/[^/]+/greeter\.json"))
    text = json.dumps(release)
    assert "1.2.3" in text
    assert "adminPassword" in text


def test_profiles_begin_together(bundle: Bundle) -> None:
    manifest = json.loads(bundle[1]["manifest.json"])
    skews = [m["notes"]["startSkewMs"] for m in manifest["members"] if m["path"].endswith("/cpu.pb.gz")]
    assert len(skews) == 2
    assert all(0 <= skew < 500 for skew in skews), skews
