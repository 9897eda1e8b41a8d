"""Takes secrets out of collected content: streaming, fail-closed, counted by rule."""

from .archives import ArchiveLimits, Archives, Room
from .builtin import BUILTIN
from .context import Limits
from .engine import Sanitizer, Stream
from .known import KnownSecret
from .leak import LeakCheck
from .report import Report
from .rules import RuleSet

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
