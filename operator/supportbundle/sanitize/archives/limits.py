"""How much one archive may cost: fixed bounds against bombs, and the account that all its layers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from supportbundle.errors import Unsanitizable


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds for everything inside one outermost archive; sizes in bytes.

    A log of one repeated line shrinks to a three hundredth or less, so the ratio counts only beyond `grace`.
    """

    total: int = 4 << 30
    """Inflated bytes of all members and layers together."""
    member: int = 2 << 30
    """One member's content."""
    ratio: int = 300
    """Inflated bytes for each byte of the archive, beyond `grace`."""
    grace: int = 128 << 20
    members: int = 100_000
    """Members and compressed frames, of all layers together."""
    depth: int = 6
    """Layers inside each other; a `.tar.gz` is two."""
    name: int = 4096
    """A member's name, or the target of a link."""
    header: int = 1 << 20
    """Extended headers of one tar member."""
    memory: int = 1 << 20
    """How much is held in memory before it goes to a temporary file."""


class Bomb(Unsanitizable):
    """A bound of the whole archive was reached: no member of it may cost more, so the archive is refused."""


class Room:
    """Bytes of temporary files that all open archives of a process share. Safe in threads."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._lock = Lock()

    def take(self, size: int) -> None:
        """Reserve bytes.

        Raises:
            Bomb: if there are not so many left.
        """
        with self._lock:
            if size > self._left:
                raise Bomb(
                    f"archives that need more than {_mib(self._size)} MiB of temporary space.",
                    "Collect smaller archives, or fewer at once.",
                )
            self._left -= size

    def give_back(self, size: int) -> None:
        """Free what was taken."""
        with self._lock:
            self._left += size


@dataclass(frozen=True, slots=True)
class Archives:
    """How archives are opened: within which limits, and where what must be held is kept; None is the system's place."""

    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    scratch: Path | None = None
    room: Room = field(default_factory=lambda: Room(1 << 50))
    jobs: int = 1
    """Processes for the members of one archive."""


class Account:
    """What one outermost archive has used so far. One thread at a time."""

    def __init__(self, limits: ArchiveLimits, packed: int) -> None:
        self.limits = limits
        self._allowed = min(limits.total, limits.grace + limits.ratio * packed)
        self._inflated = 0
        self._members = 0

    def used(self) -> tuple[int, int]:
        """Inflated bytes and members so far."""
        return self._inflated, self._members

    def inflate(self, size: int) -> None:
        """Book `size` bytes that came out of a layer.

        Raises:
            Bomb: beyond the total or the ratio.
        """
        self._inflated += size
        if self._inflated > self._allowed:
            raise Bomb(
                f"an archive that unfolds to more than {_mib(self._allowed)} MiB.",
                "Collect the files that matter without the others.",
            )

    def member(self, count: int = 1) -> None:
        """Book members or frames.

        Raises:
            Bomb: beyond their number.
        """
        self._members += count
        if self._members > self.limits.members:
            raise Bomb(f"an archive of more than {self.limits.members} members.", "Collect fewer files at once.")

    def enter(self, depth: int) -> None:
        """Check that a layer may be opened at `depth`, the outermost being 1.

        Raises:
            Unsanitizable: if it lies too deep.
        """
        if depth > self.limits.depth:
            raise Unsanitizable(f"archives are nested more than {self.limits.depth} deep.")


def _mib(size: int) -> int:
    return max(1, size >> 20)
