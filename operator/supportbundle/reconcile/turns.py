"""Places that bundles take and give back. What this process forgets when it ends, the next one sees in the bundles."""

from __future__ import annotations

from collections.abc import Callable

from supportbundle.decide.turns import Ticket, admitted
from supportbundle.reconcile.key import Key


class Turns:
    """A number of places, and a line of those who wait for one; `wake` is told whose turn has come.

    Who waits asks for nothing meanwhile: no timer runs, and no request is made.
    """

    def __init__(self, places: int, wake: Callable[[Key], None]) -> None:
        self.places = places
        self._wake = wake
        self._held: dict[str, Ticket] = {}
        self._waiting: dict[str, tuple[Ticket, Key]] = {}

    @property
    def held(self) -> int:
        """Places that are taken; more than there are if bundles had begun before this process did."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._waiting)

    def ask(self, key: Key, ticket: Ticket) -> bool:
        """Whether this one has a place; else it stands in line from now on."""
        if ticket.uid in self._held:
            self._held[ticket.uid] = ticket
            return True
        self._waiting[ticket.uid] = (ticket, key)
        self._admit(asking=ticket.uid)
        return ticket.uid in self._held

    def keep(self, ticket: Ticket) -> None:
        """It has begun already, whether there was a place or not."""
        self._waiting.pop(ticket.uid, None)
        self._held[ticket.uid] = ticket

    def leave(self, uid: str) -> None:
        """It is over, or does not wait any more."""
        self._waiting.pop(uid, None)
        if self._held.pop(uid, None) is not None:
            self._admit()

    def _admit(self, asking: str = "") -> None:
        """`asking` is told by the answer, and need not be woken."""
        waiting = [ticket for ticket, _ in self._waiting.values()]
        for ticket in list(admitted(self._held.values(), waiting, self.places)):
            _, key = self._waiting.pop(ticket.uid)
            self._held[ticket.uid] = ticket
            if ticket.uid != asking:
                self._wake(key)
