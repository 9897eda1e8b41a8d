"""The wheel that is released runs the commands for people without a cluster."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a freshly built wheel, in an environment that borrows the locked packages."""
    place = tmp_path_factory.mktemp("wheel")
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", place, ROOT], check=True)
    venv.create(place / "env", with_pip=False)
    python = place / "env/bin/python"
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, *place.glob("*.whl")], check=True)
    packages = place / "env/lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return place / "env/bin/supportbundle"


def test_the_script_sanitizes_and_finds_leaks(script: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    token = "ghp_" + "a1B2" * 9
    (tmp_path / "in/a.log").write_text(f"login password=hunter2 user=bob\nseen {token}\n", encoding="utf-8")
    assert subprocess.run([script, "leaks", tmp_path / "in"], check=False, capture_output=True).returncode == 1
    subprocess.run([script, "sanitize", tmp_path / "in", tmp_path / "out"], check=True)
    text = (tmp_path / "out/a.log").read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert token not in text
    subprocess.run([script, "leaks", tmp_path / "out"], check=True)
