"""An API server and an object store in memory, with a fuse: the process can die at any call to either."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from support.build import NOW
from supportbundle.errors import Conflict, NotFound, SupportBundleError
from supportbundle.model.pieces import CopyRange, Part
from supportbundle.storage.base import ObjectInfo, SignedRequest


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


@dataclass
class Fuse:
    """Dies at call number `at`: before its effect, or after it and before anybody hears of it."""

    at: int = -1
    before: bool = True
    calls: int = 0

    def blow(self, *, before: bool) -> None:
        """Called on both sides of every effect."""
        if before:
            self.calls += 1
        if self.calls == self.at and before == self.before:
            raise Killed

    def disarm(self) -> None:
        """The process has been started anew and is left in peace."""
        self.at = -1


@dataclass
class MemoryApi:
    """The part of `kube.client.Client` that reconciliation uses; objects by path."""

    fuse: Fuse
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    access_allowed: bool = False
    refusal: SupportBundleError | None = None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One object."""
        del params
        self.fuse.blow(before=True)
        if path not in self.objects:
            raise NotFound(f"{path} not found")
        self.fuse.blow(before=False)
        return copy.deepcopy(self.objects[path])

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Objects of a collection; an all-namespaces path means every namespace. Label selectors of one equality."""
        self.fuse.blow(before=True)
        key, _, value = (params or {}).get("labelSelector", "").partition("=")
        root, plural = path.rsplit("/", 1)
        for name, obj in list(self.objects.items()):
            parent, _, is_plural = name.rpartition("/")[0].rpartition("/")
            if is_plural == plural and parent.startswith(root):
                if key and obj["metadata"].get("labels", {}).get(key) != value:
                    continue
                yield copy.deepcopy(obj)

    async def create(
        self, path: str, obj: Mapping[str, Any], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """POST; `refusal` answers for an admission policy."""
        if self.refusal and path.endswith("/supportbundles"):
            raise self.refusal
        if params:
            return dict(obj)
        if path.endswith("/subjectaccessreviews"):
            return {"status": {"allowed": self.access_allowed}}
        name = f"{path}/{obj['metadata']['name']}"
        if name in self.objects:
            self.fuse.blow(before=True)
            raise Conflict(f"{name} exists")
        self.fuse.blow(before=True)
        self.put(name, {**obj, "metadata": {"creationTimestamp": NOW.isoformat(), **obj["metadata"]}})
        self.fuse.blow(before=False)
        return self.objects[name]

    async def patch(self, path: str, patch: Mapping[str, Any], *_: object, **__: object) -> dict[str, Any]:
        """A merge patch of the first two levels, as reconciliation uses it."""
        self.fuse.blow(before=True)
        path = path.removesuffix("/status")
        if path not in self.objects:
            raise NotFound(f"{path} not found")
        expected = patch.get("metadata", {}).get("resourceVersion")
        if expected and expected != self.objects[path]["metadata"]["resourceVersion"]:
            raise Conflict(f"{path} was changed")
        changed = copy.deepcopy(self.objects[path])
        for name, value in patch.items():
            if name == "metadata" and "finalizers" in value:
                changed["metadata"]["finalizers"] = list(value["finalizers"])
            elif name != "metadata":
                merged = {**changed.get(name, {}), **copy.deepcopy(value)}
                changed[name] = {field: found for field, found in merged.items() if found is not None}
        self.put(path, changed)
        self.fuse.blow(before=False)
        return changed

    async def apply(self, path: str, obj: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """Server-side apply of what is not there yet; what is there stays as it is."""
        self.fuse.blow(before=True)
        if path not in self.objects:
            self.put(path, copy.deepcopy(dict(obj)))
        self.fuse.blow(before=False)
        return copy.deepcopy(self.objects[path])

    async def delete(self, path: str, **_: object) -> None:
        """DELETE."""
        self.fuse.blow(before=True)
        if self.objects.pop(path, None) is None:
            raise NotFound(f"{path} not found")
        self.fuse.blow(before=False)

    def put(self, path: str, obj: dict[str, Any]) -> None:
        """Store an object with a new resourceVersion."""
        self.version += 1
        made = {"uid": f"uid-{self.version}", "creationTimestamp": NOW.isoformat()}
        obj["metadata"] = {**made, **obj["metadata"], "resourceVersion": str(self.version)}
        self.objects[path] = obj

    def of(self, plural: str) -> list[str]:
        """The names of all objects of a kind."""
        return [path.rsplit("/", 1)[1] for path in self.objects if path.rsplit("/", 2)[1] == plural]


@dataclass
class MemoryStore:
    """A `storage.base.Store`."""

    fuse: Fuse
    data: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    file_names: dict[str, str] = field(default_factory=dict)
    failure: SupportBundleError | None = None
    beside: MemoryStore | None = None
    locked_until: datetime | None = None
    keeps: frozenset[str] = frozenset()

    def presign_put(self, key: str, *, write_once: bool, expires: timedelta) -> SignedRequest:
        """No network is needed to sign."""
        del expires
        return SignedRequest(f"memory:{key}", {"If-None-Match": "*"} if write_once else {})

    def presign_get(self, key: str, *, expires: timedelta) -> SignedRequest:
        """The lifetime stands in the URL."""
        return SignedRequest(f"memory:{key}?seconds={expires.total_seconds():.0f}", {})

    def put(
        self,
        key: str,
        data: bytes,
        *,
        write_once: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> str:
        """Write."""
        del content_type
        self.fuse.blow(before=True)
        if write_once and key in self.data:
            raise Conflict(f"{key} exists")
        self.data[key], self.metadata[key] = data, dict(metadata or {})
        self.writes.append(key)
        self.fuse.blow(before=False)
        return self._info(key).etag

    def get(self, key: str, start: int | None = None, end: int | None = None, *, if_match: str | None = None) -> bytes:
        """Read."""
        self.fuse.blow(before=True)
        if key not in self.data:
            raise NotFound(f"{key} not found")
        if if_match and if_match != self._info(key).etag:
            raise Conflict(f"{key} is another object")
        return self.data[key][start:end]

    def stream(self, key: str, *, chunk: int = 1 << 20) -> Iterator[bytes]:
        """Read in one block."""
        del chunk
        yield self.get(key)

    def head(self, key: str) -> ObjectInfo | None:
        """Look."""
        self.fuse.blow(before=True)
        return self._info(key) if key in self.data else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All below a prefix."""
        if self.failure:
            raise self.failure
        self.fuse.blow(before=True)
        return iter([self._info(key) for key in sorted(self.data) if key.startswith(prefix)])

    def delete(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Remove; what `keeps` names stays as an older version."""
        if self.failure:
            raise self.failure
        self.fuse.blow(before=True)
        gone = [key for key in keys if self.data.pop(key, None) is not None]
        self.fuse.blow(before=False)
        return tuple(key for key in gone if key in self.keeps)

    def write_parts(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",
        file_name: str = "",
        final: bool = False,
    ) -> ObjectInfo:
        """Concatenate."""
        del content_type, final
        self.file_names[key] = file_name
        pieces = (piece for part in parts for piece in part.pieces)
        whole = b"".join(
            self.get(p.key, p.start, p.end, if_match=p.etag) if isinstance(p, CopyRange) else p.data for p in pieces
        )
        self.put(key, whole, metadata=metadata)
        return self._info(key)

    def copy_in(
        self, bucket: str, source: ObjectInfo, key: str, *, metadata: Mapping[str, str], file_name: str = ""
    ) -> ObjectInfo:
        """From the store next door."""
        del bucket
        self.file_names[key] = file_name
        if self.failure:
            raise self.failure
        assert self.beside is not None
        self.put(key, self.beside.get(source.key, if_match=source.etag), metadata=metadata)
        return self._info(key)

    def abort_uploads(self, prefix: str, *, before: datetime | None = None) -> int:
        """Nothing is ever half-written here."""
        del prefix, before
        self.fuse.blow(before=True)
        return 0

    def ensure_bucket(self) -> None:
        """It is there, once the store does not fail."""
        if self.failure:
            raise self.failure

    def _info(self, key: str) -> ObjectInfo:
        data = self.data[key]
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return ObjectInfo(key, len(data), etag, NOW, self.metadata.get(key, {}), self.locked_until)


class SlowStore(MemoryStore):
    """Makes or copies a zip only when it is told to."""

    def __init__(self, fuse: Fuse, beside: MemoryStore | None = None) -> None:
        super().__init__(fuse, beside=beside)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write_parts(self, *args: Any, **kwargs: Any) -> ObjectInfo:
        self._wait()
        return super().write_parts(*args, **kwargs)

    def copy_in(self, *args: Any, **kwargs: Any) -> ObjectInfo:
        self._wait()
        return super().copy_in(*args, **kwargs)

    def _wait(self) -> None:
        self.begun.set()
        assert self.go_on.wait(10)
