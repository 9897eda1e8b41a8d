"""Every example of the documentation is what the operator reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from supportbundle.model.coherence import incoherent
from supportbundle.model.destination import DestinationType, parse_destination
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.plan.fallbacks import problems

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("destination-*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_of_a_destination_parses_and_its_secret_is_there(path: Path) -> None:
    found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    destination = parse_destination(next(obj for obj in found if obj["kind"] == "SupportBundleDestination"))
    secrets = {obj["metadata"]["name"] for obj in found if obj["kind"] == "Secret"}
    assert ({destination.spec.credentials} - {None}) == secrets


def test_what_the_documentation_shows_of_a_products_layout_can_be_asked_for() -> None:
    text = (DOCS / "collecting.md").read_text(encoding="utf-8")
    shown = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "archive:" in block)
    spec = SupportBundleSpec.model_validate(yaml.safe_load(shown)["spec"])
    assert spec.archive is not None
    assert [said for collector in spec.collectors for said in incoherent(collector)] == []
    assert list(problems({collector.name: collector.fallback_for for collector in spec.collectors})) == []


def test_every_type_has_an_example() -> None:
    kinds = {obj["spec"]["type"] for path in EXAMPLES for obj in yaml.safe_load_all(path.read_text()) if "spec" in obj}
    assert kinds == set(DestinationType)
