"""What the product needs of object storage, in its own words. A kind of storage is one implementation of `Store`.

All methods block and may be called from any thread. All keys are relative to the store's prefix. Every method raises
`Unavailable` when the server does not answer or asks to wait, and `StoreDenied` when it refuses us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from supportbundle.model.pieces import Part


@dataclass(frozen=True, slots=True)
class Credentials:
    """Static keys. They never show in a repr, so they reach no log."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A stored object; `size` in bytes. Listings carry no `metadata`, and no `locked_until`.

    Until then the server refuses to delete it, as far as it tells us.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that its bearer may send: the headers are part of the signature. A credential: hidden in a repr."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Package:
    """What is to be delivered: `read(start, end)` gives its bytes, the same ones each time while `version` is the same.

    `key` may hold slashes; `file_name` is what a download of it is called, where a receiver can say so.
    """

    key: str
    size: int
    read: Callable[[int, int], bytes]
    version: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/zip"
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver has everything, locked until then if at all. `location` is for people and holds no secret."""

    sha256: str
    location: str
    etag: str = ""
    locked_until: datetime | None = None


class Notes(Protocol):
    """What a delivery remembers beyond its own life: which unfinished upload is its own, and which link."""

    def read(self) -> str:
        """What was written last; empty at first."""
        ...

    def write(self, text: str) -> None:
        """Replace it."""
        ...

    def claim(self, digest: str) -> bool:
        """Whether what has this digest is for this delivery; the first to ask has it, and no other ever."""
        ...

    def release(self, digest: str) -> None:
        """Give back what was claimed and not used."""
        ...


class Receiver(Protocol):
    """A place that takes one package. Blocks; raises as `Store` does; may be repeated and goes on where it can."""

    def send(self, package: Package, notes: Notes) -> Receipt:
        """Deliver; returns when the receiver has confirmed everything."""
        ...


class Store(Protocol):
    """One bucket, below one prefix."""

    def presign_put(self, key: str, *, write_once: bool, expires: timedelta) -> SignedRequest:
        """A PUT that whoever holds it may send until it expires; with `write_once` only if the key is free."""
        ...

    def presign_get(self, key: str, *, expires: timedelta) -> SignedRequest:
        """A GET that whoever holds it may send until it expires."""
        ...

    def put(
        self,
        key: str,
        data: bytes,
        *,
        write_once: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> str:
        """Write an object; returns its ETag. Raises `Conflict` with `write_once` if the key is taken."""
        ...

    def get(self, key: str, start: int | None = None, end: int | None = None, *, if_match: str | None = None) -> bytes:
        """Bytes `[start, end)`. Raises `NotFound`; `Conflict` if the ETag is another; `Corrupt` beyond the end."""
        ...

    def stream(self, key: str, *, chunk: int = 1 << 20) -> Iterator[bytes]:
        """The whole object in blocks of at most `chunk` bytes. Raises `NotFound` at the first one."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """What is known of an object, or None."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys start with `prefix`, by key."""
        ...

    def delete(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Delete objects with all their versions; those that are gone are no error.

        Returns the keys of which versions stay, because the bucket keeps them and we may not remove them.
        """
        ...

    def write_parts(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        file_name: str = "",
        final: bool = False,
    ) -> ObjectInfo:
        """Write one object from parts, atomically, replacing what is there; leaves nothing behind when it fails.

        `file_name` is what downloads of it are called, instead of the key.

        `final` says that it stays: storage class, tags and lock of the destination hold for it.

        Ranges name objects of this store; one that makes up a whole part is copied by its server.

        The keys of `metadata` are lower case. Raises `Conflict` if a source is no longer the object that the part
        names or the result is not what was written, `NotFound` if a source is gone.
        """
        ...

    def copy_in(
        self, bucket: str, source: ObjectInfo, key: str, *, metadata: Mapping[str, str], file_name: str = ""
    ) -> ObjectInfo:
        """Let the server copy an object of another of its buckets, which our credentials may read, to stay here.

        `source.key` is the whole key there. Raises as `write_parts` does.
        """
        ...

    def abort_uploads(self, prefix: str, *, before: datetime | None = None) -> int:
        """Drop unfinished `write_parts` of crashed processes, those begun before a time; returns how many."""
        ...

    def ensure_bucket(self) -> None:
        """Create the bucket if it is missing. Raises `StoreDenied` if it belongs to somebody else."""
        ...
