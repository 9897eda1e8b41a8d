"""What a reader of a document needs besides the bytes: the rules, and a way into documents inside strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from supportbundle.errors import Unsanitizable

from .core import Core

MAX_DEPTH: Final = 8
"""Documents inside strings of documents; deeper nesting is refused."""

Sanitize = Callable[["Context", bytes], tuple[bytes, tuple[str, ...]]]
"""A text of any kind to its sanitized form and the rules that replaced something, once for each secret."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes at which content is cut; smaller ones cost speed and what can be understood, never a secret."""

    block: int = 256 << 10
    """A window of running text."""
    ahead: int = 64 << 10
    """How far beyond its window a secret is followed before it is dropped piece by piece."""
    feed: int = 64 << 10
    """How much of a JSON or YAML stream is looked at before a cut is considered."""
    stretch: int = 48 << 10
    """A run of elements of a JSON list."""
    unit: int = 16 << 10
    """A run of YAML documents or items."""
    whole: int = 1536 << 10
    """The beginning of a JSON or YAML document, seen whole: Kubernetes stores at most 1 MiB, a third more in base64."""
    cap: int = 4 << 20
    """A document that gives no place to cut for so long is read as running text."""


@dataclass(frozen=True, slots=True)
class Context:
    """The place of a text: `depth` documents around it."""

    core: Core
    sanitize: Sanitize
    limits: Limits = field(default_factory=Limits)
    depth: int = 0

    def inside(self, text: bytes) -> tuple[bytes, tuple[str, ...]]:
        """A text found in a string, sanitized as what it looks like, and the rules that replaced something.

        Raises:
            Unsanitizable: if documents are nested deeper than MAX_DEPTH.
        """
        if self.depth >= MAX_DEPTH:
            raise Unsanitizable(f"documents are nested in strings more than {MAX_DEPTH} deep.")
        return self.sanitize(replace(self, depth=self.depth + 1), text)
