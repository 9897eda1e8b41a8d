"""What the documents tell people to remove is all that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CRDS = [yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]["name"] for path in (ROOT / "crds").glob("*.yaml")]


@pytest.mark.parametrize("page", ["docs/install.md", "helm/supportbundle-operator/README.md"])
def test_the_way_to_remove_everything_names_every_kind(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8").partition("kubectl delete crd ")[2]
    command = text.partition(";")[0].partition("`")[0].partition("\n    kubectl")[0]
    assert set(command.replace("\\", " ").split()) == set(CRDS)
