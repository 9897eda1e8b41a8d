"""Takes secrets out of collected content: streaming, fail-closed, counted by rule."""

from .context import Limits
from .engine import Sanitizer, Stream
from .known import KnownSecret
from .leak import LeakCheck
from .report import Report
from .rules import RuleSet

__all__ = ["KnownSecret", "LeakCheck", "Limits", "Report", "RuleSet", "Sanitizer", "Stream"]
