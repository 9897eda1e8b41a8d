"""How running text is to be read: what a line may look like decides how far a value reaches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """`assignments`: each line is `KEY=value` to its end (.env, INI, properties), quoted values may span lines."""

    name: str
    assignments: bool


LOG = Dialect("log", assignments=False)
ENV = Dialect("env", assignments=True)
