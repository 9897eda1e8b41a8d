"""Paths of the Kubernetes API, built in one place, so that a name is never pasted into a URL unquoted."""

from __future__ import annotations

from urllib.parse import quote

from supportbundle.errors import Invalid


def collection(api_version: str, plural: str, namespace: str | None = None) -> str:
    """The path of all objects of a kind: `/api/v1/namespaces/a/pods`, `/apis/apps/v1/deployments`."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    scope = f"/namespaces/{_segment(namespace)}" if namespace is not None else ""
    return f"{root}{scope}/{plural}"


def one(api_version: str, plural: str, name: str, namespace: str | None = None, *, subresource: str = "") -> str:
    """The path of one object, or of one of its subresources such as `status` or `log`.

    Raises:
        Invalid: the name would change the path.
    """
    tail = f"/{subresource}" if subresource else ""
    return f"{collection(api_version, plural, namespace)}/{_segment(name)}{tail}"


def _segment(name: str) -> str:
    """`.` and `..` would be resolved away by an HTTP client and name something else."""
    if name in {"", ".", ".."}:
        raise Invalid(f"{name!r} is not the name of an object.")
    return quote(name, safe="")
