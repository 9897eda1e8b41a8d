"""A plan: everything that a bundle will try, fixed before anything runs, and stored write-once.

The collector Job, the assembly and any later operator process read the same plan, so a restart changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, JsonValue

from supportbundle.model.archive import USUAL_NAMES, PlannedArchive
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability
from supportbundle.model.cause import Cause
from supportbundle.model.gap import Gap
from supportbundle.model.hint import Hint
from supportbundle.model.placing import FILE, Missing, MissingFile
from supportbundle.model.spec import CollectorType, PseudonymKind, SanitizationRule
from supportbundle.model.template import UsedTemplate

PLAN_VERSION = 1
MAX_SHARDS = 240
"""With one fragment URL and one progress URL each, gzip'd, the Job's Secret stays far below 1 MiB."""


START_ALLOWANCE = timedelta(minutes=5)
"""How long pods may take to start (pull, quota, scheduling) before maxDuration is held against them."""


class BundleRef(Value):
    """Which resource asked."""

    namespace: str
    name: str
    uid: str


class StandsInFor(Value):
    """Tasks of the same shard that must have written nothing, so that this one runs; with `step` nothing of it.

    With `files` it runs too if one of these paths of the bundle is still free when they are over.
    """

    tasks: tuple[str, ...]
    step: str = ""
    files: tuple[str, ...] = ()


class Task(Value):
    """One unit of collection. `params` is the collector's own typed options, validated again where it runs.

    `estimate` is in bytes and only steers how tasks are spread; `lasts_seconds` is what it takes by its nature, such as
    a profile. `secrets` names the Secrets whose values must be known before a byte of this task may be written;
    `credentials` those that the task itself uses. `claims` are the paths, or folders ending in `/`, that it may write;
    `moved` are those that another collector claims too: what they cover goes below `collectors/<collector>/`. Tasks of
    a higher `priority` are served first while bytes are short. `node` is where its pod runs.

    `path` is where its files stand if somebody says so, with only `{file}` left to be filled in: what follows `folder`
    in a file's usual path, else its last segment. `stands_in_for` makes it a fallback. `strict`: another collector or a
    constant stands in for it, so what is no whole success (the body of a refusal, the output of a program that failed)
    is not written. `constants` are those of its claims at which something must stand, whoever writes it.
    """

    id: str
    collector: str
    type: CollectorType
    target: str
    params: dict[str, JsonValue]
    secrets: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    node: str = ""
    priority: int = 0
    timeout_seconds: Annotated[int, Field(ge=1)] = 60
    estimate: int = 1 << 20
    lasts_seconds: int = 0
    synchronized: bool = False
    path: str = ""
    folder: str = ""
    stands_in_for: StandsInFor | None = None
    strict: bool = False
    constants: dict[str, Missing] = Field(default_factory=dict)

    def place(self, path: str) -> str:
        """Where a file that the task calls `path` stands in the bundle."""
        if self.path:
            within = self.folder and path.startswith(self.folder)
            return self.path.replace(FILE, path.removeprefix(self.folder) if within else path.rpartition("/")[2])
        gone = any(path == claim or (claim.endswith("/") and path.startswith(claim)) for claim in self.moved)
        return f"{self.apart}{path}" if gone else path

    @property
    def apart(self) -> str:
        """A folder in which nothing of others stands."""
        return f"collectors/{self.collector}/"


class Shard(Value):
    """The work of one pod of the Job. `budget` is its share of `limits.maxBytes`, in bytes read from targets."""

    index: int
    budget: int
    tasks: tuple[Task, ...]


class PlannedSecret(Value):
    """A Secret that the Job mounts, to know what to redact or to use it; its values are redacted in either case.

    A required one that is not there fails the tasks that must know it.
    """

    name: str
    required: bool


class DebugImages(Value):
    """Images of debugging containers; empty where the admin allows none.

    `files` is our own, which reads files without a shell; `tools` may be the admin's, and needs `sleep`.
    """

    files: str = ""
    tools: str = ""


NO_DEBUG = DebugImages()


class Forecast(Value):
    """What one collector would do: `estimate` in bytes, `seconds` that its longest task takes whatever its bytes."""

    collector: str
    tasks: int
    sampled: int
    estimate: int
    seconds: int


class DryRun(Value):
    """A plan that only estimates: its shard holds samples, all that would run is summed up here."""

    forecasts: tuple[Forecast, ...]
    shards: int
    required: tuple[Capability, ...]


class PlannedPseudonyms(Value):
    """Which kinds of values become pseudonyms, and the names to know; `seen` are nodes. The key is never here."""

    kinds: tuple[PseudonymKind, ...]
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


class PlannedSanitization(Value):
    """How content is sanitized beyond what always holds.

    `rules` are the admin's floor and then the bundle's own, checked and without their examples.
    """

    rules: tuple[SanitizationRule, ...] = ()
    keep_shape: bool = False
    pseudonyms: PlannedPseudonyms | None = None


class Plan(Value):
    """All shards, what is already known to be missing, and the budgets that hold for the run.

    `pods` are the names of all targets, `targets` is their number. `hands_in` says that a pod which is told to
    end stores what it has; else it leaves nothing, and another pod may start over. `cause` is why a schedule made the
    bundle. `fallbacks` are what collectors stand in for, by their names; `fallbacks_by_file` those that run as
    well where a file of theirs is missing; `missing` the files that must be there; `hints` are sentences for gaps, by
    collector.
    """

    version: int = PLAN_VERSION
    bundle: BundleRef
    created_at: datetime
    capabilities: tuple[Capability, ...]
    targets: int
    pods: tuple[str, ...] = ()
    shards: tuple[Shard, ...]
    gaps: tuple[Gap, ...] = ()
    secrets: tuple[PlannedSecret, ...] = ()
    parallelism: int
    max_bytes: int
    max_duration_seconds: int
    debug: DebugImages = NO_DEBUG
    sanitization: PlannedSanitization = PlannedSanitization()
    hands_in: bool = False
    dry_run: DryRun | None = None
    template: UsedTemplate | None = None
    cause: Cause | None = None
    fallbacks: dict[str, str] = Field(default_factory=dict)
    fallbacks_by_file: tuple[str, ...] = ()
    hints: dict[str, tuple[Hint, ...]] = Field(default_factory=dict)
    missing: tuple[MissingFile, ...] = ()
    archive: PlannedArchive = USUAL_NAMES

    @property
    def tasks(self) -> int:
        """How many tasks all shards hold."""
        return sum(len(shard.tasks) for shard in self.shards)


class SignedPut(Value):
    """A presigned PUT: the exact headers are part of the signature."""

    url: str
    headers: dict[str, str]


class ShardUpload(Value):
    """Where one shard may write: its fragment once, its progress as often as it likes."""

    fragment: SignedPut
    progress: SignedPut


Amount = Annotated[int, Field(ge=0, lt=1 << 50)]
"""What a tenant's pod may claim; status and its JSON hold 64 bits."""


class Uploads(Value):
    """The part of the Job's Secret that changes: each shard's URLs, renewed while the run lasts, and the store's CA."""

    shards: dict[int, ShardUpload]
    ca_bundle: str | None = None


class Progress(Value):
    """What a running shard says about itself."""

    shard: Amount
    tasks_done: Amount
    targets_done: Amount
    bytes: Amount
    at: datetime


def dump(value: Value) -> dict[str, Any]:
    """The JSON form with the names that the API uses."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)
