"""The way back: what turns pseudonyms into what they stand for, given the key and nothing else."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import BinaryIO, Final

from supportbundle.errors import Invalid
from supportbundle.model.spec import PseudonymKind
from supportbundle.sanitize.report import Report

from . import hosts, users
from .addresses import Addresses
from .finding import Finder
from .hosts import RevealedNames
from .mails import RevealedMails
from .permute import KEY_BYTES
from .pseudonymizer import HOST, MAIL, USER, Pseudonymizer, address_finders
from .tokens import Tokens

_CHUNK: Final = 64 << 10


def revealer(key: bytes, kinds: Collection[PseudonymKind] = tuple(PseudonymKind)) -> Pseudonymizer:
    """What turns pseudonyms back: those of names wherever they stand, and every IP and MAC address of a text.

    Raises:
        Invalid: if the key has another length than KEY_BYTES.
    """
    finders: list[Finder] = address_finders(frozenset(kinds), Addresses(key, back=True))
    if PseudonymKind.EMAIL in kinds:
        finders.append(RevealedMails(Tokens(key, MAIL)))
    if PseudonymKind.HOSTNAME in kinds:
        finders.append(RevealedNames(Tokens(key, HOST), hosts.RULE))
    if PseudonymKind.USER in kinds:
        finders.append(RevealedNames(Tokens(key, USER), users.RULE))
    return Pseudonymizer(finders)


def reveal(key: bytes, kinds: Collection[PseudonymKind], source: BinaryIO, out: BinaryIO) -> None:
    """Copy a text of any length with its pseudonyms turned back.

    Raises:
        Invalid: if the key has another length than KEY_BYTES.
    """
    stream = revealer(key, kinds).stream(Report())
    while chunk := source.read(_CHUNK):
        out.write(stream.feed(chunk))
    out.write(stream.finish())
    out.flush()


def parse_kinds(text: str | None) -> tuple[PseudonymKind, ...]:
    """Kinds as the command line has them, such as `ip,email`; all of them without a text.

    Raises:
        Invalid: if one is not known.
    """
    if text is None:
        return tuple(PseudonymKind)
    known = {kind.lower(): kind for kind in PseudonymKind}
    wanted = [word.strip().lower() for word in text.split(",")]
    if unknown := [word for word in wanted if word not in known]:
        raise Invalid(f"{unknown[0]!r} is no kind of pseudonyms.", f"Choose from {', '.join(known)}.")
    return tuple(known[word] for word in wanted)


def read_key(data: bytes) -> bytes:
    """The key in a file: KEY_BYTES bytes, or these in base64 as `kubectl get secret` prints them.

    Raises:
        Invalid: if it is neither.
    """
    if len(data) == KEY_BYTES:
        return data
    try:
        key = base64.b64decode(data.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid(
            f"A key of pseudonyms is {KEY_BYTES} bytes, plain or in base64; this is something else.",
            "Make one: head -c 32 /dev/urandom > FILE",
        )
    return key
