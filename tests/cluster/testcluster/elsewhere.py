"""Images for a cluster of the user's own: built by whichever tool is there, loaded by its user."""

from __future__ import annotations

import shutil
from pathlib import Path

from .errors import ClusterError
from .images import PRODUCTS
from .progress import say, step
from .settings import REPOSITORY, Settings
from .shell import run

TOOLS = ["docker", "podman", "buildah"]
IMAGES: dict[str, list[str | Path]] = {
    "localhost/supportbundle-operator:test": [REPOSITORY],
    "localhost/sb-workload:test": [REPOSITORY / "tests" / "workload"],
    **{f"localhost/sb-{name}:test": ["--target", name, REPOSITORY / "tests" / "products"] for name in PRODUCTS},
}
"""What follows `build --tag NAME`."""


def build(_settings: Settings) -> None:
    """Build the operator and the sample workload, and say how to load them."""
    tool = next((name for name in TOOLS if shutil.which(name)), None)
    if tool is None:
        raise ClusterError(
            f"none of {', '.join(TOOLS)} is installed to build images with",
            "install one, or set IMAGE and IMAGE_TAG to an image that your cluster can pull",
        )
    for name, what in IMAGES.items():
        with step(f"{tool} build {name}"):
            run([tool, "build", "--tag", name, *what])
    names = " ".join(IMAGES)
    say(f"  now load them:  kind load docker-image {names}")
    say(f"             or:  k3d image import {names}")
