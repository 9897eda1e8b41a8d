"""Which kinds the API server offers. One group that does not answer costs only itself.

Group and kind names may come from aggregated servers and CRDs; they become paths and file names here, so only those of
the form that Kubernetes demands are taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import StringConstraints, ValidationError

from supportbundle.collect.base import ClusterReader
from supportbundle.collect.lists import Kind
from supportbundle.errors import SupportBundleError
from supportbundle.model.base import Observed

AT_ONCE = 4
MAX_GROUPS = 500
MAX_KINDS = 3000
"""Bounds of what an unusual cluster can make us ask for."""

CORE = "v1"
Json = dict[str, Any]

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Group = Annotated[str, StringConstraints(pattern=rf"^{_LABEL}(\.{_LABEL}){{0,20}}$", max_length=253)]
GroupVersion = Annotated[str, StringConstraints(pattern=rf"^{_LABEL}(\.{_LABEL}){{0,20}}/{_LABEL}$", max_length=320)]
Word = Annotated[str, StringConstraints(pattern=rf"^{_LABEL}$")]
CamelWord = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]
_M = TypeVar("_M", bound=Observed)


class ApiResource(Observed):
    """metav1.APIResource. `name` is the plural."""

    name: Word
    singular_name: str = ""
    namespaced: bool
    kind: CamelWord
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class PreferredVersion(Observed):
    """metav1.GroupVersionForDiscovery."""

    group_version: GroupVersion
    version: Word


class ApiGroup(Observed):
    """metav1.APIGroup, as far as we follow it: one version of each group."""

    name: Group
    preferred_version: PreferredVersion


@dataclass(frozen=True, slots=True)
class ApiKind:
    """A kind with its group, which is empty for the core one."""

    group: str
    api_version: str
    resource: ApiResource

    @property
    def full_name(self) -> str:
        """`deployments.apps`, `pods`."""
        return f"{self.resource.name}.{self.group}" if self.group else self.resource.name

    @property
    def listable(self) -> bool:
        """Whether a namespace has a list of them."""
        return self.resource.namespaced and "list" in self.resource.verbs

    @property
    def as_kind(self) -> Kind:
        """For paths and Lists."""
        return Kind(self.api_version, self.resource.kind, self.resource.name)


@dataclass(frozen=True, slots=True)
class Discovery:
    """All kinds, core first; `failed` are the groups that did not answer, with the reason."""

    kinds: tuple[ApiKind, ...]
    failed: Mapping[str, SupportBundleError]

    def groups_json(self) -> list[Json]:
        """metav1.APIGroups without the core one: each with the one version that `resources_json` describes."""
        found = {kind.api_version: kind.group for kind in self.kinds if kind.group}
        return [_group(name, api_version) for api_version, name in found.items()]

    def resources_json(self) -> list[Json]:
        """metav1.APIResourceLists. That of the core group has no `apiVersion`: by that `sbctl` knows it."""
        lists: dict[str, list[Json]] = {}
        for kind in self.kinds:
            lists.setdefault(kind.api_version, []).append(kind.resource.model_dump(mode="json", by_alias=True))
        return [
            {"kind": "APIResourceList"}
            | ({} if api_version == CORE else {"apiVersion": "v1"})
            | {"groupVersion": api_version, "resources": resources}
            for api_version, resources in lists.items()
        ]


async def discover(cluster: ClusterReader) -> Discovery:
    """The core group, then the preferred version of each other one, a few at a time.

    Raises:
        SupportBundleError: the core group or the list of groups cannot be read.
    """
    core = _kinds("", CORE, await cluster.get("/api/v1"))
    groups = list(_parsed(ApiGroup, (await cluster.get("/apis")).get("groups")))[:MAX_GROUPS]
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(group: ApiGroup) -> tuple[ApiKind, ...] | SupportBundleError:
        api_version = group.preferred_version.group_version
        async with slots:
            try:
                return _kinds(group.name, api_version, await cluster.get(f"/apis/{api_version}"))
            except SupportBundleError as error:
                return error

    answers = await asyncio.gather(*map(ask, groups))
    kinds = [*core, *(kind for answer in answers if isinstance(answer, tuple) for kind in answer)]
    return Discovery(
        kinds=tuple(kinds[:MAX_KINDS]),
        failed={g.name: a for g, a in zip(groups, answers, strict=True) if isinstance(a, SupportBundleError)},
    )


def _kinds(group: str, api_version: str, answer: Json) -> tuple[ApiKind, ...]:
    """Kinds without subresources, whose names hold a slash."""
    return tuple(ApiKind(group, api_version, resource) for resource in _parsed(ApiResource, answer.get("resources")))


def _parsed(model: type[_M], entries: object) -> Iterator[_M]:
    """The entries that are what they should be."""
    for entry in entries if isinstance(entries, Iterable) else ():
        try:
            yield model.model_validate(entry)
        except ValidationError:
            continue


def _group(name: str, api_version: str) -> Json:
    version = {"groupVersion": api_version, "version": api_version.rpartition("/")[2]}
    return {"name": name, "versions": [version], "preferredVersion": version}
