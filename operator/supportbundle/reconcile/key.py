"""What the work queue holds: the identity of one bundle. Two bundles of one name, one after the other, are two keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from supportbundle.model import names


class Key(NamedTuple):
    """One bundle."""

    namespace: str
    name: str
    uid: str


def key_of(obj: Mapping[str, Any]) -> Key:
    """The key of a SupportBundle as a watch or a list delivers it."""
    meta = obj["metadata"]
    return Key(meta["namespace"], meta["name"], meta["uid"])


def owner_of(obj: Mapping[str, Any]) -> Key | None:
    """The bundle that controls an object, if one does."""
    meta = obj["metadata"]
    for ref in meta.get("ownerReferences", ()):
        if ref.get("kind") == names.KIND and ref.get("controller"):
            return Key(meta["namespace"], ref["name"], ref["uid"])
    return None
