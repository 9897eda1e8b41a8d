"""The operator's settings: read once, wrong ones refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from supportbundle.config import load_config
from supportbundle.errors import Invalid

MINIMAL = "image: registry/operator:1\ncollectRolePrefix: collect-\n"


def test_defaults_and_the_proxy_of_the_operator(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(MINIMAL)
    config = load_config(file, {"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "", "PATH": "/bin"})
    assert config.proxy == {"HTTPS_PROXY": "http://proxy:3128"}
    assert config.policy_names == ()


@pytest.mark.parametrize(
    "text", ["", "image: [", MINIMAL + "surprise: 1", MINIMAL + "workers: 0", "collectRolePrefix: x"]
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(Invalid, match=r"config\.yaml"):
        load_config(file, {})
