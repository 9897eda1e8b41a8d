"""Collectors with a `path`: where their files stand, which is fixed here but for the files' own names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from supportbundle.model.archive import PlannedArchive
from supportbundle.model.gap import Gap
from supportbundle.model.placing import FILE, MissingFile
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.fallbacks import pod_of

Item = Task | Gap


class _NoSuchName(Exception):
    """A placeholder for which there is nothing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose file it is; empty where nobody's."""

    pod: str
    container: str


def placed(
    spec: CollectorSpec, items: Sequence[Item], pods: Collection[str], archive: PlannedArchive
) -> tuple[list[Item], tuple[MissingFile, ...]]:
    """The collector's tasks and gaps with each task's place, and the files that must be there in any case."""
    if spec.path is None:
        return list(items), ()
    where = [_place(item, pods) for item in items]
    several = (
        len({place.pod for place in where if place.pod}) > 1,
        len({place.container for place in where if place.container}) > 1,
    )
    found: list[Item] = []
    for item, place in zip(items, where, strict=True):
        found.append(_at(spec, item, place, several, archive) if isinstance(item, Task) else item)
    return _each_gap_once(found), tuple(_constants(spec, where, several, archive))


def _each_gap_once(items: Sequence[Item]) -> list[Item]:
    gaps = dict.fromkeys(item for item in items if isinstance(item, Gap))
    return [*(item for item in items if isinstance(item, Task)), *gaps]


def _place(item: Item, pods: Collection[str]) -> _Place:
    pod = pod_of(item.target, pods)
    return _Place(pod, item.target.partition("/")[2] if pod else "")


def _at(
    spec: CollectorSpec, task: Task, place: _Place, several: tuple[bool, bool], archive: PlannedArchive
) -> Task | Gap:
    try:
        path = _resolved(spec, place, several)
    except _NoSuchName as error:
        message = f"path holds {error}, and {task.target} has none. Leave it out, or write {{file}}."
        return Gap.say("Invalid", message, collector=spec.name)
    if archive.owns(path):
        return _taken(task, f"{path} is a file that the operator writes. Choose another path.")
    return task.model_copy(update={"path": path})


def claimed(task: Task) -> tuple[str, ...]:
    """Where the claims of the task stand in the zip. A folder that is spread over the place of others is no claim."""
    if not task.path:
        return task.claims
    return tuple(dict.fromkeys(filter(None, (_claimed(task, claim) for claim in task.claims))))


def _claimed(task: Task, claim: str) -> str:
    if not claim.endswith("/"):
        return task.place(claim)
    if FILE not in task.path:
        return task.path
    before = task.path.removesuffix(FILE)
    inside = claim.removeprefix(task.folder) if claim.startswith(task.folder) else ""
    return f"{before}{inside}" if not before or before.endswith("/") else ""


def _resolved(spec: CollectorSpec, place: _Place, several: tuple[bool, bool]) -> str:
    path = spec.path or ""
    for name, value, is_one_of_many in (("pod", place.pod, several[0]), ("container", place.container, several[1])):
        if f"{{{name}}}" in path and not value:
            raise _NoSuchName(f"{{{name}}}")
        folder = f"{value}/" if value and is_one_of_many else ""
        path = path.replace(f"{{{name}/}}", folder).replace(f"{{{name}}}", value)
    return path.replace("{collector}", spec.name)


def _constants(
    spec: CollectorSpec, where: Sequence[_Place], several: tuple[bool, bool], archive: PlannedArchive
) -> list[MissingFile]:
    if spec.missing is None:
        return []
    paths: dict[str, None] = {}
    for place in _most_telling(where) or [_Place("", "")]:
        try:
            paths[_resolved(spec, place, several)] = None
        except _NoSuchName:
            continue
    return [
        MissingFile(path=path, content=spec.missing, collector=spec.name) for path in paths if not archive.owns(path)
    ]


def _most_telling(where: Sequence[_Place]) -> list[_Place]:
    """Those that name most: a gap about all pods says nothing of where the file of one would stand."""
    with_pod = [place for place in where if place.pod]
    return [place for place in with_pod if place.container] or with_pod


def without_second_files(tasks: Sequence[Task]) -> list[Item]:
    """The tasks, but a gap for each whose only place is an earlier task's that does not stand in for it."""
    line = _Line(tasks)
    owners: dict[str, list[Task]] = {}
    kept: list[Item] = []
    for task in tasks:
        claims = claimed(task)
        files = [claim for claim in claims if task.path and not claim.endswith("/")]
        taken = {path: owner for path in files for owner in owners.get(path, ()) if not line.alternatives(task, owner)}
        if taken and len(taken) == len(claims):
            path, owner = next(iter(taken.items()))
            message = f"{path} is where a file of {owner.target} stands. Write {{pod/}}, {{container/}} or {{file}}."
            kept.append(_taken(task, message))
            continue
        for path in files:
            owners.setdefault(path, []).append(task)
        kept.append(task)
    return kept


class _Line:
    """Which tasks run only where others wrote nothing."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._before = {task.id: task.stands_in_for.tasks for task in tasks if task.stands_in_for}

    def alternatives(self, one: Task, other: Task) -> bool:
        return one.id != other.id and (other.id in self._ancestors(one.id) or one.id in self._ancestors(other.id))

    def _ancestors(self, task: str) -> set[str]:
        found: set[str] = set()
        left = [task]
        while left:
            before = [name for name in self._before.get(left.pop(), ()) if name not in found]
            found.update(before)
            left += before
        return found


def _taken(task: Task, message: str) -> Gap:
    return Gap.say("PathTaken", message, target=task.target, collector=task.collector)
