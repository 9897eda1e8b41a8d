"""A narrowed installation: only its own namespaces are listed, and only what is staged for them is swept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.build import NOW, UID
from support.memory import MemoryApi
from support.universe import CLUSTER, Universe
from supportbundle.errors import Forbidden
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.scope import Scope
from supportbundle.reconcile.sweep import sweep

OTHER = "22222222-2222-4222-8222-222222222222"
LISTS = Scope(("team",)).collections(names.API_VERSION, names.PLURAL)


@dataclass
class Narrow(MemoryApi):
    """An API server that lets bundles be listed in some namespaces only."""

    readable: frozenset[str] = field(default_factory=frozenset)

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        if path not in self.readable:
            raise Forbidden(f"cannot list {path}")
        async for obj in super().items(path, params):
            yield obj


def narrowed(universe: Universe, *watched: str, readable: frozenset[str]) -> Universe:
    """The same world, of which the operator may see less; something is staged for nobody in two namespaces."""
    api = Narrow(universe.api.fuse, universe.api.objects, universe.api.version, readable=readable)
    for namespace in ("team", "others"):
        universe.store.data[f"{names.staging_prefix(CLUSTER, namespace, OTHER)}plan.json.gz"] = b""
    config = universe.config.model_copy(update={"watch_namespaces": watched})
    return Universe(api, universe.store, universe.scratch, universe.pool, config)


def staged(universe: Universe) -> set[str]:
    root = names.staging_root(CLUSTER)
    return {key.removeprefix(root).split("/")[0] for key in universe.store.data if key.startswith(root)}


def swept(universe: Universe) -> set[Key]:
    found: set[Key] = set()
    asyncio.run(sweep(universe.process(), found.add))
    return found


def test_only_watched_namespaces_are_listed_and_swept(universe: Universe) -> None:
    world = narrowed(universe, "team", readable=frozenset(LISTS.values()))
    metadata = {"namespace": "others", "name": "b", "uid": OTHER, "creationTimestamp": NOW.isoformat()}
    world.api.put(paths.bundle("others", "b"), {"metadata": metadata, "spec": {}})
    assert swept(world) == {Key("team", "incident", UID)}
    assert staged(world) == {"others"}


def test_a_watched_namespace_that_is_gone_stops_nothing_and_loses_nothing(universe: Universe) -> None:
    world = narrowed(universe, "others", "team", readable=frozenset(LISTS.values()))
    assert swept(world) == {Key("team", "incident", UID)}
    assert staged(world) == {"others"}, "nobody knows whether its bundles run"


def test_an_installation_for_all_namespaces_does_not_take_a_refusal_for_emptiness(universe: Universe) -> None:
    world = narrowed(universe, readable=frozenset())
    with pytest.raises(Forbidden):
        swept(world)
    assert staged(world) == {"team", "others"}


def test_without_names_the_scope_is_everything() -> None:
    everything, some = Scope(()), Scope(("a", "b"))
    assert "x" in everything
    assert "x" not in some
    assert everything.collections("v1", "pods") == {"": "/api/v1/pods"}
    assert some.collections("v1", "pods") == {"a": "/api/v1/namespaces/a/pods", "b": "/api/v1/namespaces/b/pods"}
    assert everything.below("bundles/c/") == ("bundles/c/",)
    assert some.below("bundles/c/") == ("bundles/c/a/", "bundles/c/b/")
