"""An API server in memory that knows RBAC: it refuses what the chart's rendered roles do not grant the operator."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from support.memory import MemoryApi
from supportbundle.errors import Forbidden

PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[^/]+)(?:/(?P<name>[^/]+))?"
    r"(?:/(?P<sub>[^/]+))?"
)


class Grant(NamedTuple):
    """One right; an empty namespace is all of them, an empty name every name."""

    namespace: str
    group: str
    resource: str
    name: str
    verb: str


def grants(objects: Iterable[Mapping[str, Any]], account: str, home: str) -> set[Grant]:
    """What the ClusterRoles and Roles among these objects grant the account; `home` is the release's namespace."""
    objects = list(objects)
    rules = {(o["kind"], o["metadata"].get("namespace", home), o["metadata"]["name"]): o for o in objects}
    found: set[Grant] = set()
    for obj in objects:
        if not obj["kind"].endswith("RoleBinding") or account not in {s["name"] for s in obj["subjects"]}:
            continue
        where = "" if obj["kind"] == "ClusterRoleBinding" else obj["metadata"].get("namespace", home)
        role = rules[obj["roleRef"]["kind"], where or home, obj["roleRef"]["name"]]
        found |= {
            Grant(where, group, resource, name, verb)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for name in rule.get("resourceNames", [""])
            for verb in rule["verbs"]
        }
    return found


@dataclass
class Authorizing:
    """The same API server for one account. RBAC is asked before anything else, so also about what is not there."""

    api: MemoryApi
    granted: set[Grant]
    refused: set[str] = field(default_factory=set)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One object."""
        self._check("get", path)
        return await self.api.get(path, params)

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        """A collection."""
        self._check("list", path)
        async for obj in self.api.items(path, params):
            yield obj

    async def create(self, path: str, obj: Mapping[str, Any], *rest: Any) -> dict[str, Any]:
        """POST."""
        self._check("create", path)
        return await self.api.create(path, obj, *rest)

    async def patch(self, path: str, patch: Mapping[str, Any], *rest: Any) -> dict[str, Any]:
        """PATCH."""
        self._check("patch", path)
        return await self.api.patch(path, patch, *rest)

    async def delete(self, path: str, **options: Any) -> None:
        """DELETE."""
        self._check("delete", path)
        await self.api.delete(path, **options)

    def _check(self, verb: str, path: str) -> None:
        parts = PATH.fullmatch(path)
        assert parts, path
        namespace, name = parts["namespace"] or "", parts["name"] or ""
        resource = f"{parts['kind']}/{parts['sub']}" if parts["sub"] else parts["kind"]
        wanted = (
            Grant(where, parts["group"] or "", resource, one, verb) for where in {"", namespace} for one in {"", name}
        )
        if self.granted.isdisjoint(wanted):
            self.refused.add(f"{verb} {resource} in {namespace or 'all namespaces'}")
            raise Forbidden(f"cannot {verb} {path}")
