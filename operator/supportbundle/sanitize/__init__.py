"""Takes secrets out of collected content: streaming, fail-closed, counted by rule."""

from .archives import ArchiveLimits, Archives, Room
from .context import Limits
from .engine import Sanitizer, Stream
from .find.known import KnownSecret
from .leaks.leak import LeakCheck
from .report import Report
from .rules.builtin import BUILTIN
from .rules.records import RuleSet

__all__ = [
    "BUILTIN",
    "ArchiveLimits",
    "Archives",
    "KnownSecret",
    "LeakCheck",
    "Limits",
    "Report",
    "Room",
    "RuleSet",
    "Sanitizer",
    "Stream",
]
