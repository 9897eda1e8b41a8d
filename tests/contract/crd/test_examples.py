"""Every example of the documentation is what the operator reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from supportbundle.model.destination import DestinationType, parse_destination

EXAMPLES = sorted((Path(__file__).parents[3] / "docs/examples").glob("destination-*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_of_a_destination_parses_and_its_secret_is_there(path: Path) -> None:
    found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    destination = parse_destination(next(obj for obj in found if obj["kind"] == "SupportBundleDestination"))
    secrets = {obj["metadata"]["name"] for obj in found if obj["kind"] == "Secret"}
    assert ({destination.spec.credentials} - {None}) == secrets


def test_every_type_has_an_example() -> None:
    kinds = {obj["spec"]["type"] for path in EXAMPLES for obj in yaml.safe_load_all(path.read_text()) if "spec" in obj}
    assert kinds == set(DestinationType)
