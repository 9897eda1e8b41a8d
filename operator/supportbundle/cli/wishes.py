"""What the options ask for, and the sanitizer that does it."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from supportbundle.errors import Invalid
from supportbundle.model.spec import PseudonymKind, SanitizationRule
from supportbundle.sanitize import BUILTIN, ArchiveLimits, Archives, KnownSecret, Sanitizer
from supportbundle.sanitize.pseudonyms import KEY_BYTES, Names, Pseudonymizer, parse_kinds, read_key
from supportbundle.sanitize.rules import custom

LIMITS: Final = ArchiveLimits(total=1 << 40, member=256 << 30, members=2_000_000, depth=8)
"""For files that somebody chose: a whole bundle may be opened; the ratio still stops a bomb."""
_NAME: Final = 190
"""Characters of a given name: what fits into a pseudonym, and more than any host's label has."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `sanitize`, as they were given."""

    rules: Path | None = None
    kinds: str = ""
    key_file: Path | None = None
    names: Names = field(default_factory=Names)
    keep_shape: bool = False
    known: tuple[Path, ...] = ()
    jobs: int = 1

    def own_rules(self) -> tuple[SanitizationRule, ...]:
        """The rules of the file.

        Raises:
            Invalid: if it cannot be read.
            InvalidRule: if one of them cannot be used.
        """
        return custom.parse(read(self.rules)) if self.rules else ()

    def build(self) -> Sanitizer:
        """The sanitizer, everything checked.

        Raises:
            Invalid: an option cannot work as given.
        """
        return Sanitizer.build(
            tuple(known_values(self.known)),
            custom.check(BUILTIN, self.own_rules()),
            keep_shape=self.keep_shape,
            archives=Archives(LIMITS, jobs=self.jobs),
            pseudonyms=self._pseudonyms(),
        )

    def _pseudonyms(self) -> Pseudonymizer | None:
        if not self.kinds:
            if self.key_file or any((self.names.hosts, self.names.domains, self.names.users)):
                raise Invalid("No pseudonyms are asked for.", "Name their kinds: --pseudonymize ip,email,hostname,user")
            return None
        kinds = parse_kinds(self.kinds)
        for kind, options, given in (
            (PseudonymKind.HOSTNAME, "--hostnames or --domains", (*self.names.hosts, *self.names.domains)),
            (PseudonymKind.USER, "--users", self.names.users),
        ):
            if given and kind not in kinds:
                raise Invalid(f"{options} needs the kind {kind.lower()}.", f"Add it: --pseudonymize …,{kind.lower()}")
        if long := [name for name in (*self.names.hosts, *self.names.domains, *self.names.users) if len(name) > _NAME]:
            raise Invalid(f"{long[0][:20]}… has more than {_NAME} characters.", "Give a shorter name.")
        if PseudonymKind.HOSTNAME in kinds and not (self.names.hosts or self.names.domains):
            raise Invalid("No host names are known here.", "Give them with --hostnames, or their --domains.")
        if self.key_file is None:
            raise Invalid("--pseudonymize needs a key.", "Name a file with --key-file; it is made if it is not there.")
        if not self.key_file.exists():
            _make_key(self.key_file)
        return Pseudonymizer.build(kinds, read_key(read(self.key_file)), self.names)


def _make_key(path: Path) -> None:
    """A new key that only its owner can read; whoever has it can undo the pseudonyms.

    Raises:
        Invalid: if it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"{path} cannot be made: {error.strerror}.", "Name another place with --key-file.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")


def known_values(paths: Iterable[Path]) -> Iterator[KnownSecret]:
    """The values to remove: of a folder each file is one, as a mounted Secret is; each line of a file counts too.

    Raises:
        Invalid: if a path cannot be read.
    """
    for path in paths:
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            yield KnownSecret(file.name, read(file))


def read(path: Path) -> bytes:
    """A file that an option names.

    Raises:
        Invalid: if that is not possible.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
