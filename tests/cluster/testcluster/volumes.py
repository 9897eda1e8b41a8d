"""Storage without a provisioner: a pool of volumes that is refilled whenever `up` is called."""

from __future__ import annotations

import re
import shutil
from typing import Any

from .api import Api
from .settings import Settings

POOL = 12
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
USABLE = {"Available", "Pending"}


def create_class(api: Api) -> None:
    """Make the default StorageClass."""
    api.create(
        CLASSES,
        {
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "Immediate",
            "reclaimPolicy": "Retain",
        },
    )


def refill(settings: Settings, api: Api) -> None:
    """Remove released volumes with their data, and bring the free ones back to their full number."""
    found = api.get(VOLUMES)["items"]
    ours = [volume for volume in found if volume["spec"].get("storageClassName") == "standard"]
    free = 0
    for volume in ours:
        phase = volume.get("status", {}).get("phase", "Pending")
        if phase in USABLE:
            free += 1
        elif phase in {"Released", "Failed"}:
            name = volume["metadata"]["name"]
            api.delete(f"{VOLUMES}/{name}")
            shutil.rmtree(settings.state / "volumes" / name, ignore_errors=True)
    next_number = 1 + max((_number(volume) for volume in ours), default=0)
    for number in range(next_number, next_number + POOL - free):
        _create(settings, api, f"pool-{number}")


def _number(volume: dict[str, Any]) -> int:
    found = re.fullmatch(r"pool-(\d+)", volume["metadata"]["name"])
    return int(found[1]) if found else 0


def _create(settings: Settings, api: Api, name: str) -> None:
    folder = settings.state / "volumes" / name
    folder.mkdir(parents=True, exist_ok=True)
    # fsGroup does not reach hostPath volumes, and the pods that use them run as anybody.
    folder.chmod(0o777)
    spec = {
        "storageClassName": "standard",
        "capacity": {"storage": "50Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder), "type": "Directory"},
    }
    api.create(VOLUMES, {"metadata": {"name": name}, "spec": spec})
