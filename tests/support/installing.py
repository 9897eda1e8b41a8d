"""The operator's release of the end-to-end tests, installed and upgraded as the README says."""

from __future__ import annotations

import os
import time
from pathlib import Path

from support import leading
from support.kube import RELEASE, ROOT, SYSTEM, run

CHART = ROOT / "helm" / "supportbundle-operator"
IMAGE = os.environ.get("IMAGE", "localhost/supportbundle-operator")
TAG = os.environ.get("IMAGE_TAG", "test")


def install(*values: str, chart: Path = CHART) -> None:
    """Helm upgrade --install, waiting until the operator is ready."""
    # The chart of an earlier version does not know this one, and refuses what it does not know.
    sets = [f"--set={value}" for value in (*(("profiles.probe=true",) if chart == CHART else ()), *values)]
    run(
        "helm", "upgrade", "--install", RELEASE, str(chart),
        "--namespace", SYSTEM, "--create-namespace", "--wait", "--timeout", "3m",
        "--set=fullnameOverride=supportbundle-operator",
        "--set=capabilities.debug=true,capabilities.helm=true,capabilities.clusterInfo=true",
        f"--set=image.repository={IMAGE}", f"--set=image.tag={TAG}",
        # The tag stays the same when the image is built anew.
        f"--set-string=podAnnotations.tests/started={time.time():.0f}", *sets,
        timeout=240,
    )  # fmt: skip
    if "replicas=0" not in values:
        leading.pod()
