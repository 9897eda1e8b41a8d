"""Images for a cluster of the user's own: built by whichever tool is there, loaded by its user."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import ClusterError
from .images import PRODUCTS
from .progress import say, step
from .settings import REPOSITORY, Settings
from .shell import run

TOOLS = ["docker", "podman", "buildah"]
IMAGES: dict[str, tuple[str, list[str | Path]]] = {
    "operator": ("localhost/supportbundle-operator:test", [REPOSITORY]),
    "workload": ("localhost/sb-workload:test", [REPOSITORY / "tests" / "workload"]),
    **{name: (f"localhost/sb-{name}:test", ["--target", name, REPOSITORY / "tests" / "products"]) for name in PRODUCTS},
}
"""The image of each name, and what follows `build --tag IMAGE`. The others of the test cluster are to be pulled."""


def build(_settings: Settings, names: Sequence[str]) -> None:
    """Build the images of these names, or all, and say how to load them."""
    tool = next((name for name in TOOLS if shutil.which(name)), None)
    if tool is None:
        raise ClusterError(
            f"none of {', '.join(TOOLS)} is installed to build images with",
            "install one, or set IMAGE and IMAGE_TAG to an image that your cluster can pull",
        )
    wanted = [IMAGES[name] for name in names or IMAGES if name in IMAGES]
    for image, what in wanted:
        with step(f"{tool} build {image}"):
            run([tool, "build", "--tag", image, *what])
    built = " ".join(image for image, _ in wanted)
    say(f"  now load them:  kind load docker-image {built}")
    say(f"             or:  k3d image import {built}")
