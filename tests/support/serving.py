"""A FakeCluster whose paths can fail, and that knows nothing of collections that nobody prepared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.collecting import FakeCluster
from supportbundle.errors import NotFound, SupportBundleError


@dataclass
class ServingCluster(FakeCluster):
    """`failures` by path; in a collection the failure comes after what `lists` holds."""

    failures: dict[str, SupportBundleError] = field(default_factory=dict)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        if path in self.failures:
            raise self.failures[path]
        return await super().get(path, params)

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        if path in self.lists:
            async for item in super().items(path, params):
                yield item
        if path in self.failures:
            raise self.failures[path]
        if path not in self.lists:
            raise NotFound(f"{path} not found")


def obj(name: str, **fields: Any) -> dict[str, Any]:
    """An object as a List holds it; `labels` and `owner` (api version, kind, name) go into its metadata."""
    metadata: dict[str, Any] = {"name": name, "uid": f"uid-{name}", "labels": fields.pop("labels", {})}
    if owner := fields.pop("owner", None):
        api_version, kind, owner_name = owner
        ref = {"apiVersion": api_version, "kind": kind, "name": owner_name, "uid": f"uid-{owner_name}"}
        metadata["ownerReferences"] = [{**ref, "controller": True}]
    return {"metadata": metadata, **fields}
