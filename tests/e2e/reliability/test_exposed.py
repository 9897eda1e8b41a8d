"""What a scraper really gets, after real work."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request

import pytest

from support import exposed, leading, sbundle
from support.kube import SYSTEM, get, until

pytestmark = pytest.mark.e2e


def scrape(pod: str) -> bytes:
    """/metrics of a pod."""
    address = get(SYSTEM, "pod", pod)["status"]["podIP"]
    with urllib.request.urlopen(f"http://{address}:9090/metrics", timeout=10) as answer:
        body: bytes = answer.read()
    return body


def test_the_leader_exposes_clean_metrics_without_names_of_tenants(workload: str) -> None:
    name = "measured-bundle"
    sbundle.create(workload, name)
    obj = sbundle.ready(workload, name)
    text = until("the count of the bundle", lambda: counted(scrape(leading.pod())))
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing; tests/tools builds it"
    ours = b"".join(line + b"\n" for line in text.splitlines() if b"supportbundle_" in line)
    checked = subprocess.run([promtool, "check", "metrics"], input=ours, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert b"supportbundle_leader 1.0" in ours
    assert b'supportbundle_stores{outcome="OK"}' in ours
    assert b"supportbundle_deliveries_delayed 0.0" in ours
    for said in (workload, name, obj["metadata"]["uid"], obj["status"]["artifact"]["bucket"]):
        assert said.encode() not in ours
    told = set(exposed.NAME.findall(ours.decode()))
    assert {"supportbundle_kube_requests_total", "supportbundle_store_requests_total"} <= told
    assert told <= exposed.series() | {f"{name}" for name, *_ in exposed.families()}


def counted(text: bytes) -> bytes:
    """The scrape, once it tells of a bundle that is Ready."""
    return text if b'supportbundle_bundles_finished_total{phase="Ready"' in text else b""
