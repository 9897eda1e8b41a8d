"""The built-in rule set: the floor that no specification can lower."""

from __future__ import annotations

from typing import Final

from .builtin_keys import ALLOWED, KEYS
from .patterns_armour import ARMOUR, BLOCKS
from .patterns_cloud import CLOUD
from .patterns_code import CODE
from .patterns_commands import COMMANDS
from .patterns_databases import DATABASES
from .patterns_http import HTTP
from .patterns_notations import NOTATIONS
from .patterns_services import MESSAGES, MODELS, MONITORING, PAYMENT
from .patterns_values import VALUES
from .records import RuleSet

PATTERNS: Final = (
    *ARMOUR, *HTTP, *DATABASES, *CLOUD, *CODE, *MESSAGES, *PAYMENT, *MONITORING, *MODELS, *COMMANDS, *VALUES,
    *NOTATIONS,
)  # fmt: skip
"""Earlier ones win where two match at one place."""

BUILTIN: Final = RuleSet(patterns=PATTERNS, blocks=BLOCKS, keys=KEYS, allowed=ALLOWED)
