"""YAML that says nothing twice: of two keys of one name every reader takes one without a word, and not the same one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the library's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def documents(text: str) -> Iterator[Any]:
    """All documents of a file or of what Helm renders.

    Raises:
        yaml.constructor.ConstructorError: a key stands twice in one mapping; the message names it and its line.
    """
    yield from yaml.load_all(text, _Loader)
