"""A rule at the root of a CRD is evaluated whenever the status is written, so that it may only speak of metadata.

Kubernetes passes over rules of parts that have not changed (`e2e/chart/test_ratcheting.py`); the root always has.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CRDS = sorted((Path(__file__).resolve().parents[3] / "crds").glob("*.yaml"))


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_no_rule_about_the_spec_can_silence_the_status(path: Path) -> None:
    for version in yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["versions"]:
        rules = version["schema"]["openAPIV3Schema"].get("x-kubernetes-validations", ())
        for rule in rules:
            assert "self.spec" not in rule["rule"], rule
            assert "self.status" not in rule["rule"], rule
