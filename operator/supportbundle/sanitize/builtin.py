"""The built-in rule set: the floor that no specification can lower."""

from __future__ import annotations

from typing import Final

from .builtin_keys import ALLOWED, KEYS
from .builtin_patterns import BLOCKS, PATTERNS
from .rules import RuleSet

BUILTIN: Final = RuleSet(patterns=PATTERNS, blocks=BLOCKS, keys=KEYS, allowed=ALLOWED)
