"""SupportBundles as a test writes and reads them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from support import leading
from support.kube import SYSTEM, apply, condition, get, run, until

Collectors = Sequence[dict[str, Any]]
LOGS: Collectors = ({"name": "logs", "type": "Logs"},)


def manifest(name: str, collectors: Collectors = LOGS, app: str = "web", **spec: Any) -> dict[str, Any]:
    """A bundle about the pods of one app."""
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundle",
        "metadata": {"name": name},
        "spec": {"target": {"selector": {"matchLabels": {"app": app}}}, "collectors": list(collectors), **spec},
    }


def create(namespace: str, name: str, collectors: Collectors = LOGS, app: str = "web", **spec: Any) -> None:
    """Apply one."""
    apply(namespace, manifest(name, collectors, app, **spec))


def finished(namespace: str, name: str, *, seconds: float = 180) -> dict[str, Any]:
    """The bundle once it is Ready or Stalled."""

    def over() -> dict[str, Any] | None:
        obj = get(namespace, "sbundle", name)
        done = any(condition(obj, kind).get("status") == "True" for kind in ("Ready", "Stalled"))
        return obj if done else None

    return until(f"the end of bundle {namespace}/{name}", over, seconds=seconds)


def ready(namespace: str, name: str, *, seconds: float = 180) -> dict[str, Any]:
    """The bundle, which must have ended well."""
    obj = finished(namespace, name, seconds=seconds)
    assert condition(obj, "Ready")["status"] == "True", json.dumps(obj["status"], indent=1)
    return obj


def fetch(namespace: str, name: str) -> bytes:
    """The zip, as an admin gets it; of a pod that stays, which may not be the first of the Deployment."""
    return run("kubectl", "-n", SYSTEM, "exec", leading.pod(), "--", "supportbundle", "fetch", namespace, name)


def unpack(data: bytes) -> dict[str, bytes]:
    """Members by path; every CRC is checked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
