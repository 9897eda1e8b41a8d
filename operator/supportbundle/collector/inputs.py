"""What the Job's pod was given: the plan, the upload URLs and the Secrets whose values must not leave."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from supportbundle.errors import Corrupt, Invalid, SecretNotFound
from supportbundle.model.mounts import KNOWN_DIR, PLAN_FILE, PSEUDONYM_KEY_FILE, RUN_DIR, SCRATCH_DIR, UPLOADS_FILE
from supportbundle.model.plan import Plan, PlannedPseudonyms, Uploads
from supportbundle.sanitize import KnownSecret
from supportbundle.sanitize.pseudonyms import Names, Pseudonymizer


@dataclass(frozen=True, slots=True)
class Mounts:
    """The directories of the pod; tests give their own."""

    run: Path = Path(RUN_DIR)
    known: Path = Path(KNOWN_DIR)
    scratch: Path = Path(SCRATCH_DIR)

    def plan(self) -> Plan:
        """The plan.

        Raises:
            Corrupt: if the Secret does not hold one.
        """
        try:
            return Plan.model_validate_json(gzip.decompress((self.run / PLAN_FILE).read_bytes()))
        except (OSError, EOFError, zlib.error, ValidationError) as error:
            raise Corrupt(f"The run's Secret holds no usable plan: {error}") from error

    def uploads(self) -> Uploads:
        """The URLs as they are now: the operator renews them, the kubelet refreshes the mount.

        Raises:
            Corrupt: if the Secret does not hold them.
        """
        try:
            return Uploads.model_validate_json(gzip.decompress((self.run / UPLOADS_FILE).read_bytes()))
        except (OSError, EOFError, zlib.error, ValidationError) as error:
            raise Corrupt("The run's Secret holds no usable upload URLs.") from error

    def pseudonyms(self, wanted: PlannedPseudonyms | None) -> Pseudonymizer | None:
        """What the plan wants replaced by pseudonyms, under the destination's key.

        Raises:
            Corrupt: if the Secret does not hold the key; without it nothing may leave.
        """
        if wanted is None:
            return None
        names = Names(hosts=wanted.hosts, domains=wanted.domains, users=wanted.users, seen=wanted.seen)
        try:
            return Pseudonymizer.build(wanted.kinds, (self.run / PSEUDONYM_KEY_FILE).read_bytes(), names)
        except (OSError, Invalid) as error:
            raise Corrupt("The run's Secret holds no usable key of pseudonyms.") from error

    def secret(self, name: str) -> dict[str, bytes]:
        """The keys of one mounted Secret; empty if it is not mounted or holds none.

        An optional Secret that does not exist mounts as an empty directory.
        """
        directory = self.known / name
        if not directory.is_dir():
            return {}
        # The kubelet's own entries (..data and its timestamped target) are links to the same files.
        return {file.name: file.read_bytes() for file in sorted(directory.iterdir()) if not file.name.startswith("..")}


@dataclass(frozen=True, slots=True)
class MountedSecrets:
    """`collect.base.SecretReader` over the mounts; only Secrets of the plan are there."""

    mounts: Mounts

    def keys(self, secret: str) -> Mapping[str, bytes]:
        """All keys of a Secret.

        Raises:
            SecretNotFound: there is none.
        """
        found = self.mounts.secret(secret)
        if not found:
            raise SecretNotFound(
                f"The Secret {secret} does not exist or is empty.",
                "Create it in the bundle's namespace, then make a new bundle.",
            )
        return found


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """The values to redact, and the required Secrets that are not mounted: tasks that touch those fail closed."""

    values: tuple[KnownSecret, ...]
    missing: frozenset[str]


def load_known_secrets(mounts: Mounts, plan: Plan) -> KnownSecrets:
    """Every key of every planned Secret."""
    values: list[KnownSecret] = []
    missing: set[str] = set()
    for planned in plan.secrets:
        found = mounts.secret(planned.name)
        values += (KnownSecret(name=f"{planned.name}/{key}", value=value) for key, value in found.items())
        if planned.required and not found:
            missing.add(planned.name)
    return KnownSecrets(values=tuple(values), missing=frozenset(missing))
