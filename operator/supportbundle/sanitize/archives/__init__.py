"""Archives inside: opened layer by layer, each member sanitized as what it is, and put together again."""

from .kinds import closed, kind
from .limits import ArchiveLimits, Archives, Room
from .names import Names
from .reader import Archive, rebuilt
from .search import Search
from .workers import processes

__all__ = ["Archive", "ArchiveLimits", "Archives", "Names", "Room", "Search", "closed", "kind", "processes", "rebuilt"]
