"""Things to deliver, and what a delivery remembers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Package

ANYWHERE = Guard(allowed=lambda _: True, environ={})
"""Tests serve on loopback, where nothing is ever sent in earnest."""


class Lost(Exception):
    """The process dies here."""


def package(data: bytes, key: str = "bundles/team/incident.zip", *, dies_at: int | None = None) -> Package:
    """What reads from `data`, up to the byte at which the process dies."""

    def read(start: int, end: int) -> bytes:
        if dies_at is not None and end > dies_at:
            raise Lost
        return data[start:end]

    return Package(key, len(data), read, hashlib.sha256(data).hexdigest(), {"manifest-sha256": "abc"})


@dataclass
class Memo:
    """`storage.base.Notes` in memory."""

    text: str = ""
    written: list[str] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)
    """Shared by those who compete."""

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text = text
        self.written.append(text)

    def claim(self, digest: str) -> bool:
        return self.claims.setdefault(digest, id(self)) == id(self)

    def release(self, digest: str) -> None:
        del self.claims[digest]
