"""Who may have one of a few places, and in which order: nobody's many or large bundles keep another's waiting. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from supportbundle.decide.world import World
from supportbundle.model.collectors import ProfileType
from supportbundle.model.plan import Plan
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.status import Collection as Collected
from supportbundle.model.status import Phase

MANY_COLLECTORS = 10
MANY_TASKS = 50
LONG_SECONDS = 30
TIMED = frozenset({ProfileType.CPU, ProfileType.TRACE})
LARGE_BYTES = 64 << 20
"""Of a zip. The store copies some 100 MB/s."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One who wants a place. Who came earlier goes first among equals."""

    uid: str
    namespace: str
    since: datetime
    large: bool = False


def most(places: int) -> int:
    """How many of the places one namespace may have, and how many all large ones together: three quarters."""
    return max(1, places * 3 // 4)


def admitted(holders: Collection[Ticket], waiting: Collection[Ticket], places: int) -> Iterator[Ticket]:
    """Those whose turn it is, in order.

    The next is of the namespace that has the fewest places, and of its tickets the oldest that may have one. Neither
    one namespace nor large ones together take more than `most`, so that a small one, and one of another namespace,
    never waits for places that are held for hours. A namespace without any place may take one whatever its size.
    """
    free, bound = places - len(holders), most(places)
    if free <= 0 or not waiting:
        return
    held = Counter(ticket.namespace for ticket in holders)
    large = sum(ticket.large for ticket in holders)
    lines: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in sorted(waiting, key=lambda t: (t.since, t.uid), reverse=True):
        lines[ticket.namespace].append(ticket)
    for _ in range(free):
        able = {
            namespace: found
            for namespace, line in lines.items()
            if (found := _first(line, held[namespace], bound, no_large=large >= bound)) is not None
        }
        if not able:
            return
        chosen = min(able.values(), key=lambda t: (held[t.namespace], t.since, t.uid))
        lines[chosen.namespace].remove(chosen)
        held[chosen.namespace] += 1
        large += chosen.large
        yield chosen


def _first(line: list[Ticket], held: int, bound: int, *, no_large: bool) -> Ticket | None:
    """The oldest of a namespace's tickets, which stand in reverse, that may have a place."""
    if not line or held >= bound:
        return None
    if held == 0 or not no_large:
        return line[-1]
    return next((ticket for ticket in reversed(line) if not ticket.large), None)


def wants_place(world: World) -> bool:
    """Whether the bundle collects, or would if it were its turn."""
    bundle = world.bundle
    if bundle.status.finished or bundle.metadata.deletion_timestamp is not None:
        return False
    if bundle.status.phase == Phase.PENDING:
        return not world.refusals and not bundle.spec.cancel
    return bundle.status.phase in {Phase.COLLECTING, Phase.ASSEMBLING}


def collecting_ticket(world: World) -> Ticket:
    """Large is what will probably take long: judged by the plan, and before there is one by what is asked for."""
    meta = world.bundle.metadata
    asked = world.request.spec if world.request else world.bundle.spec
    large = _is_large(world.plan) if world.plan else _asks_for_much(asked)
    return Ticket(meta.uid, meta.namespace, meta.creation_timestamp, large)


def packing_ticket(world: World) -> Ticket:
    """Large is what takes the store long to copy."""
    meta, collection = world.bundle.metadata, world.bundle.status.collection or Collected(ended_at=world.now)
    large = sum(fragment.size for fragment in collection.fragments) > LARGE_BYTES
    return Ticket(meta.uid, meta.namespace, meta.creation_timestamp, large)


def _is_large(plan: Plan) -> bool:
    tasks = [task for shard in plan.shards for task in shard.tasks]
    return len(tasks) > MANY_TASKS or any(task.lasts_seconds > LONG_SECONDS for task in tasks)


def _asks_for_much(spec: SupportBundleSpec) -> bool:
    profiles = (collector.profile for collector in spec.collectors if collector.profile)
    longest = max((sum(k.seconds for k in profile.kinds if k.type in TIMED) for profile in profiles), default=0)
    return len(spec.collectors) > MANY_COLLECTORS or longest > LONG_SECONDS
