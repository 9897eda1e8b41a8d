"""All checks. A new one is a new file in `checks` that defines `CHECK`; nothing else names it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from supportbundle.findings import checks
from supportbundle.findings.check import Check

CHECKS: tuple[Check, ...] = tuple(
    import_module(f"{checks.__name__}.{name}").CHECK
    for name in sorted(info.name for info in iter_modules(checks.__path__))
)
"""By the names of their files."""
