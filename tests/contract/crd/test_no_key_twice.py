"""What people write by hand names each field once; a merge of two branches easily leaves two."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.strict import documents

ROOT = Path(__file__).parents[3]
CHART = Path("helm/supportbundle-operator")
FOLDERS = (Path("crds"), Path("docs/examples"), CHART / "files")
FILES = [
    CHART / "Chart.yaml",
    CHART / "values.yaml",
    *sorted(path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.yaml")),
]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_field_is_written_twice(path: Path) -> None:
    assert list(documents((ROOT / path).read_text(encoding="utf-8")))


def test_a_field_that_is_written_twice_is_found() -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match=r"the key b stands twice(.|\n)*line 3"):
        list(documents("a:\n  b: 1\n  b: 2\n"))
