"""Images of one program each, written as archives without any image tool.

A container image of a static binary is a tar in a tar with two small JSON files. Writing it here takes
a second, needs no privileges and gives the same bytes each time.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Image:
    """What goes into an image."""

    name: str
    """Repository and tag."""
    files: Mapping[str, Path]
    """Path inside to file outside."""
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    """Path inside to mode."""
    user: str = ""
    env: Sequence[str] = ("PATH=/bin:/usr/bin:/sbin:/usr/sbin",)


def write(image: Image, target: Path) -> None:
    """Write the image in the format of `docker save`."""
    layer = _layer(image)
    config = {
        "created": EPOCH,
        "os": "linux",
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "Env": list(image.env),
            "User": image.user,
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": EPOCH, "created_by": "tests/cluster/images"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [image.name], "Layers": ["layer.tar"]}]
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with tarfile.open(fresh, "w") as tar:
        _add(tar, "layer.tar", layer)
        _add(tar, "config.json", json.dumps(config, sort_keys=True).encode())
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    fresh.rename(target)


def _layer(image: Image) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder, mode in sorted(image.folders.items()):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name, source in sorted(image.files.items()):
            _add(tar, name, source.read_bytes(), 0o755)
        for name, points_to in sorted(image.links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, points_to
            tar.addfile(entry)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))
