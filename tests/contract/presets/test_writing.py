"""The template of the walk-through, run against a small server of its product; and the other examples of templates."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from support.build import bundle
from support.contractservers import Running
from support.presets import TEMPLATES, Found, StandIn, collected, shipped
from supportbundle.collect.registry import REGISTRY
from supportbundle.model.template import parse_template
from supportbundle.plan import resolve

pytestmark = pytest.mark.timeout(300)  # the first test builds the servers

DOCS = Path(__file__).parents[3] / "docs"
TEMPLATE: dict[str, Any] = yaml.safe_load((DOCS / "examples/inventory-template.yaml").read_text(encoding="utf-8"))
TOKEN, LICENCE, SAID = "planted-administrators-token-55", "INV-planted-0815", "hunter2-planted-hunter2"
ANSWERS: dict[str, Any] = {
    "/api/about": {"version": "3.1", "lastJob": "j-7", "licenceNumber": LICENCE},
    "/api/settings": {"plugins": [{"id": "scan", "enabled": True}, {"id": "mail", "enabled": False}]},
    "/api/jobs/j-7/log": [{"at": "10:00", "level": "info", "message": "done"}, {"at": "10:01", "level": "warn"}],
    "/api/jobs/j-6/log": [{"at": "09:00", "level": "error", "message": f"login with password={SAID}"}],
    "/api/log": [{"all": "jobs"}],
}


@pytest.fixture(params=[3])
def inventory(request: pytest.FixtureRequest) -> Iterator[int]:
    """The product in this version: its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = ANSWERS.get(self.path) if request.param > 2 or "/jobs/" not in self.path else None
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
            self.send_response(401 if not allowed else 404 if there is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(there if allowed else "no").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def collect(inventory: int, tmp_path: Path) -> Callable[..., Found]:
    """A bundle of the template for one pod, with these further ports."""
    log = tmp_path / "inventory.log"
    log.write_text(f"ready\npassword={SAID}\n", encoding="utf-8")

    def run(token: str = TOKEN, ports: dict[int, int] | None = None, **given: str) -> Found:
        ports = {8080: inventory, **(ports or {})}
        pod = StandIn("inventory-0", {"app": "inventory"}, ports=ports, log=log, container={"name": "inventory"})
        return collected(TEMPLATE, [pod], tmp_path, parameters=given, secrets={"token": {"token": token}})

    return run


FILES = {"inventory.log", "about.json", "settings.json", "job.log", "summary.yaml"}
OURS = {"manifest.json", "redactions.json", "collector.log"}


def test_the_walk_through_ends_with_all_files(collect: Callable[..., Found], agent: Callable[..., Running]) -> None:
    found = collect(ports={6060: agent().ports["pprof"]}, debugPort="6060")
    assert set(found.files) - OURS == FILES | {"cpu.prof", "heap.prof", "goroutines.txt"}
    assert found.files["summary.yaml"].decode() == "version: '3.1'\njob: j-7\nplugins:\n- scan\n"
    assert found.files["job.log"] == b"10:00 info done\n10:01 warn \n"
    assert json.loads(found.files["about.json"])["licenceNumber"] == "<redacted:inventory-licence>"
    assert gzip.decompress(found.files["heap.prof"])
    assert found.files["goroutines.txt"].startswith(b"goroutine ")
    assert found.warnings == []
    assert found.file_name.startswith("inventory-")
    assert not [name for name, data in found.files.items() for s in (TOKEN, LICENCE, SAID) if s.encode() in data]


def test_a_parameter_names_another_job(collect: Callable[..., Found]) -> None:
    found = collect(job="j-6")
    assert found.files["job.log"] == b"09:00 error login with password=<redacted:password>\n"


@pytest.mark.parametrize("inventory", [2], indirect=True)
def test_an_older_version_has_one_log(collect: Callable[..., Found]) -> None:
    found = collect()
    assert (found.files["job.log"], found.warnings) == (b'[{"all": "jobs"}]', [])


def test_a_token_without_rights_costs_no_file_that_a_tool_counts_on(collect: Callable[..., Found]) -> None:
    found = collect(token="another")
    assert set(found.files) - OURS == FILES - {"summary.yaml"} | {"errors.txt"}
    assert (found.files["about.json"], found.files["job.log"]) == (b"null\n", b"")
    assert b"HTTP401: about (about.json)" in found.files["errors.txt"]


def test_what_the_page_shows_is_what_the_template_holds() -> None:
    text = (DOCS / "presets/writing.md").read_text(encoding="utf-8")
    tried, used = (yaml.safe_load(block.split("```")[0]) for block in text.split("```yaml\n")[1:])
    (server,) = tried["spec"]["collectors"]
    whole = next(each for each in TEMPLATE["spec"]["collectors"] if each["name"] == "server")
    assert server["api"]["steps"] == whole["api"]["steps"][:1]
    template = parse_template({**TEMPLATE, "metadata": {"name": "inventory", "uid": "u"}})
    request = resolve(bundle(**{"target": None, "collectors": [], **used["spec"]}).spec, template)
    assert [collector.name for collector in request.spec.collectors] == ["log", "server", "profiles"]
    assert request.gaps == ()


EXAMPLES = {
    path.stem: document
    for path in sorted((DOCS / "examples").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    if document["kind"] == "SupportBundle" and "templateRef" in document["spec"]
}


@pytest.mark.parametrize("name", [path.stem for path in sorted(TEMPLATES.glob("*.yaml")) if path.stem in EXAMPLES])
def test_the_example_of_a_shipped_template_asks_for_what_it_may(name: str) -> None:
    found = EXAMPLES[name]
    assert found["spec"]["templateRef"]["name"] == name
    template = parse_template({**shipped(name), "metadata": {"name": name, "uid": "u"}})
    spec = bundle(**{"target": None, "collectors": [], **found["spec"]}).spec
    request = resolve(spec, template)
    needed = set().union(*(REGISTRY[each.type].requires(each) for each in request.spec.collectors))
    assert needed == set(spec.capabilities)
    assert (request.gaps, bool(request.spec.target)) == ((), True)


def test_every_shipped_template_has_an_example_and_a_page() -> None:
    names = {path.stem for path in TEMPLATES.glob("*.yaml")}
    assert names <= EXAMPLES.keys()
    assert names - {"coder-agent"} <= {path.stem for path in (DOCS / "presets").glob("*.md")}
