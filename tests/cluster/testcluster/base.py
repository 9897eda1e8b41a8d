"""A base image without a registry: a minimal Debian with the Python that the public base image also has."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from .progress import step
from .settings import Settings
from .shell import run

SUITE = "bookworm"
PACKAGES = ["python3", "python3-pip", "ca-certificates"]
MIRROR = "http://deb.debian.org/debian"
TRIMMED = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt",
           "var/lib/apt/lists", "var/log"]  # fmt: skip
"""What slim images leave out as well: half of the size, which every import would pay for."""
SOURCES = Path("/etc/apt")


def tarball(settings: Settings) -> Path:
    """Return the root file system as a tar, made if it is not in the cache."""
    said = repr((SUITE, PACKAGES, TRIMMED))
    key = hashlib.sha256(said.encode()).hexdigest()[:16]
    target = settings.cache / f"base-{key}.tar"
    if not target.exists():
        what = f"make the base image (Debian {SUITE} with {', '.join(PACKAGES)})"
        with step(what, slow="1 to 2 minutes, then cached"):
            _make(target)
    return target


def mirror(lines: Iterable[str]) -> str:
    """Return the Debian mirror that the machine's own package manager uses, from its sources."""
    for line in lines:
        found = re.search(r"https?://\S+/debian/?(?=\s|$)", line)
        if found and not line.lstrip().startswith("#"):
            return found[0].rstrip("/")
    return MIRROR


def _source_lines() -> list[str]:
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*"))]
    return [line for file in files if file.is_file() for line in file.read_text().splitlines()]


def _make(target: Path) -> None:
    root = target.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    include = f"--include={','.join(PACKAGES)}"
    run(["debootstrap", "--variant=minbase", include, SUITE, root, mirror(_source_lines())],
        next_step="debootstrap needs a Debian mirror; its log is debootstrap.log in that folder",
        env={"LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"})  # fmt: skip
    for folder in TRIMMED:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    fresh = target.with_suffix(".new")
    run(["tar", "--numeric-owner", "--exclude=./dev/*", "-C", root, "-cf", fresh, "."])
    fresh.rename(target)
    shutil.rmtree(root)
