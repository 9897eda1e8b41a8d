"""What docs/sanitizing.md shows works as it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.config import SanitizationFloor
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.sanitize import BUILTIN, Sanitizer
from supportbundle.sanitize.rules.custom import check

TEXT = (Path(__file__).parents[3] / "docs" / "sanitizing.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
SHAPES = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", TEXT.split("with keepShape |")[1].split("\n\n")[0], re.MULTILINE)
FEW = replace(BUILTIN, patterns=())


@pytest.mark.parametrize("block", BLOCKS)
def test_rules_are_valid_and_do_what_their_examples_say(block: dict[str, Any]) -> None:
    if "spec" in block:
        rules = SupportBundleSpec.model_validate(block["spec"]).sanitization.rules
    else:
        rules = SanitizationFloor.model_validate(block["sanitization"]).rules
    assert rules
    assert all(rule.examples for rule in rules)
    check(FEW, rules)


@pytest.fixture(scope="module")
def shaping() -> Sanitizer:
    return Sanitizer.build((), FEW, keep_shape=True)


@pytest.mark.parametrize(("value", "shape"), SHAPES)
def test_shapes_are_as_shown(shaping: Sanitizer, value: str, shape: str) -> None:
    stream = shaping.open("x.yaml")
    out = stream.feed(yaml.safe_dump({"password": value, "n": 1}, allow_unicode=True).encode()) + stream.finish()
    assert yaml.safe_load(out)["password"] == shape


def test_all_that_is_shown_is_looked_at() -> None:
    assert len(BLOCKS) == 2
    assert len(SHAPES) == 4
