"""The product's own image, from the Dockerfile that users build too, on a base that needs no registry."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from . import base
from .hashing import content_hash, keep_newest
from .images import Built
from .progress import step
from .settings import REPOSITORY, Settings
from .shell import run

NAME = "localhost/supportbundle-operator:test"
SOURCES = ["Dockerfile", ".dockerignore", "pyproject.toml", "requirements.lock", "operator", "crds", "LICENSE"]
PIP_KEYS = {"cert", "index-url", "extra-index-url", "find-links", "timeout", "trusted-host", "proxy"}
MOST_LAYERS = 100
KEPT = 3
"""Archives of this image that stay in the cache: each is the size of the image."""


def build(settings: Settings) -> Built:
    """Build the image unless these very sources were built before."""
    sources = [REPOSITORY / name for name in SOURCES]
    key = content_hash(sources, root=REPOSITORY, extra=[base.tarball(settings).name])
    archive = settings.cache / "images" / f"supportbundle-operator-{key}.tar"
    if not archive.exists():
        with step(f"build {NAME} from the Dockerfile"):
            _bud(settings, archive)
        keep_newest(archive.parent, "supportbundle-operator-*.tar", KEPT)
    return Built(NAME, key, archive)


def pip_configuration(listing: Iterable[str]) -> dict[str, str]:
    """Return what of the host's pip configuration a build needs, from the output of `pip config list`.

    The environment wins over files, as with pip itself.
    """
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    for line in listing:
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if key in PIP_KEYS:
            target = environment if section == ":env:" else files
            target[key] = " ".join(shlex.split(value))
    return files | environment


def _bud(settings: Settings, archive: Path) -> None:
    base_name = _base(settings)
    buildah = _buildah(settings)
    run([*buildah, "bud", "--layers", "--isolation=chroot", "--network=host", "--format=docker",
         "--build-arg", f"BASE={base_name}", *_mounts(settings), "--tag", NAME, REPOSITORY],
        next_step="is it the Dockerfile, or can pip not reach its index from here?")  # fmt: skip
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    run([*buildah, "push", "--quiet", NAME, f"docker-archive:{fresh}:{NAME}"])
    fresh.rename(archive)
    _prune(buildah)


def _prune(buildah: list[str]) -> None:
    """Start afresh now and then: the cached layers of past sources are never dropped by buildah."""
    if len(run([*buildah, "images", "--all", "--quiet"]).split()) > MOST_LAYERS:
        run([*buildah, "rmi", "--prune"])


def _buildah(settings: Settings) -> list[str]:
    """Keep the images of this build apart from whatever else buildah or podman has on the machine."""
    root = settings.cache / "buildah"
    return ["buildah", "--storage-driver=overlay", f"--root={root}", f"--runroot={root}/run"]


def _base(settings: Settings) -> str:
    tar = base.tarball(settings)
    name = f"localhost/sb-base:{tar.stem}"
    buildah = _buildah(settings)
    if not run([*buildah, "images", "--quiet", "--filter", f"reference={name}"]).strip():
        container = run([*buildah, "from", "scratch"]).strip()
        run([*buildah, "add", "--quiet", container, tar, "/"])
        run([*buildah, "commit", "--quiet", "--format=docker", "--rm", container, name])
    return name


def _mounts(settings: Settings) -> list[str]:
    """Mount the host's CA bundle and pip configuration: seen by the build, never part of the image."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    found = pip_configuration(listing.stdout.splitlines())
    file = settings.cache / "pip.conf"
    file.write_text("".join(["[global]\n", *(f"{key} = {value}\n" for key, value in found.items())]))
    file.chmod(0o600)
    mounts = [f"{file}:/etc/pip.conf:ro"]
    paths = [Path(found.get(key, "")) for key in ("cert", "find-links")]
    mounts += [f"{path}:{path}:ro" for path in paths if path.is_absolute() and path.exists()]
    return [word for mount in mounts for word in ("--volume", mount)]
