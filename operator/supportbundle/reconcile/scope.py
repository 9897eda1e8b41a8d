"""Which namespaces are the operator's: all of them, or those that the admin has named.

Whatever lists over namespaces asks here, because in a narrowed installation the operator may list nothing across them,
and because what lies in other namespaces, or is staged for them, is another installation's.
"""

from __future__ import annotations

from dataclasses import dataclass

from supportbundle.model.paths import collection


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces that are watched; none means all."""

    namespaces: tuple[str, ...]

    def __contains__(self, namespace: str) -> bool:
        return not self.namespaces or namespace in self.namespaces

    def collections(self, api_version: str, plural: str) -> dict[str, str]:
        """The paths to list for all objects of a kind, by namespace; the empty name stands for all namespaces."""
        return {name: collection(api_version, plural, name or None) for name in self.namespaces or ("",)}

    def below(self, root: str) -> tuple[str, ...]:
        """The prefixes of the objects of these namespaces, where keys have the namespace after `root`."""
        return tuple(f"{root}{name}/" for name in self.namespaces) or (root,)
