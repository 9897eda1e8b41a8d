"""What Helm's Secrets hold: base64 around gzip around JSON, written by whoever may write Secrets in the namespace.

The layout is that of `helm.sh/helm/v3/pkg/storage/driver`: labels `name`, `version`, `status`; one key `release`. The
date of a revision is that of its Secret.
"""

from __future__ import annotations

import binascii
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from supportbundle.collect.nesting import within
from supportbundle.errors import Corrupt

MAX_ENCODED = 3 << 20
"""Characters: 1 MiB of a Secret after two rounds of base64 takes 1.8 million."""

MAX_JSON = 16 << 20
"""Bytes after inflating. What a chart holds is compressed and base64 already, so real releases stay below 8 MiB."""

MAX_PARTS = 300_000
"""Brackets and commas, before anything is parsed: 16 MiB of `[[],[],...` would become 1 GiB of objects."""

MAX_DEPTH = 64
"""Levels of the values. They are written with indentation, which hundreds of levels would blow up."""

Json = Mapping[str, Any]
_PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})
_STATUS = re.compile(r"[a-z-]{1,30}")
_GZIP = 16 + zlib.MAX_WBITS
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, from its Secret's labels. `date` is RFC 3339, or empty."""

    number: int
    status: str
    date: str


@dataclass(frozen=True, slots=True)
class Payload:
    """The encoded release of one revision."""

    revision: Revision
    encoded: str

    def decoded(self) -> Json:
        """The release.

        Raises:
            Corrupt: it is none, or larger than a release can be.
        """
        return decode(self.encoded)


def history(secret: Json) -> Revision:
    """The revision that a Secret holds."""
    labels = secret["metadata"].get("labels") or {}
    number = str(labels.get("version", ""))
    status = str(labels.get("status", ""))
    return Revision(
        number=int(number) if _NUMBER.fullmatch(number) else 0,
        status=status if _STATUS.fullmatch(status) else "unknown",
        date=str(secret["metadata"].get("creationTimestamp") or ""),
    )


def newest(last: Payload | None, revision: Revision, secret: Json) -> Payload:
    """Of the newest so far and this one the one with the higher number, so that one payload at a time is held."""
    if last is not None and last.revision.number >= revision.number:
        return last
    return Payload(revision, str((secret.get("data") or {}).get("release") or ""))


def decode(encoded: str) -> Json:
    """The release within a Secret's `data.release`.

    Raises:
        Corrupt: as `Payload.decoded`.
    """
    if len(encoded) > MAX_ENCODED:
        raise Corrupt(f"The release is larger than {MAX_ENCODED >> 20} MiB, which no Secret can hold.")
    try:
        packed = b64decode(b64decode(encoded, validate=True), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Corrupt("The release is no base64.") from error
    text = _inflate(packed)
    if sum(map(text.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise Corrupt(f"The release has more than {MAX_PARTS} parts.")
    try:
        release = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Corrupt("The release is no JSON.") from error
    if not isinstance(release, dict):
        raise Corrupt("The release is no JSON object.")
    if not within(release.get("config"), MAX_DEPTH):
        raise Corrupt(f"The values are nested more than {MAX_DEPTH} deep.")
    return release


def report(name: str, namespace: str, revisions: list[Revision], release: Json | None) -> dict[str, Any]:
    """One entry in the form of troubleshoot's `helm/<namespace>/<release>.json`: newest revision last, with values."""
    chart = _part(_part(release, "chart"), "metadata")
    ordered = sorted(revisions, key=lambda revision: revision.number)
    entries = [_entry(revision) for revision in ordered]
    if release is not None:
        entries[-1]["description"] = _text(_part(release, "info").get("description"))
        entries[-1]["values"] = _part(release, "config")
    return {
        "releaseName": name,
        "chart": _text(chart.get("name")),
        "chartVersion": _text(chart.get("version")),
        "appVersion": _text(chart.get("appVersion")),
        "namespace": namespace,
        "releaseHistory": entries,
    }


def _inflate(packed: bytes) -> bytes:
    """Old releases were not compressed; Helm tells by the magic number, too."""
    if not packed.startswith(b"\x1f\x8b\x08"):
        return packed
    inflater = zlib.decompressobj(_GZIP)
    try:
        text = inflater.decompress(packed, MAX_JSON)
    except zlib.error as error:
        raise Corrupt("The release is no gzip.") from error
    if inflater.unconsumed_tail:
        raise Corrupt(f"The release is larger than {MAX_JSON >> 20} MiB when it is unpacked.")
    if not inflater.eof:
        raise Corrupt("The release breaks off.")
    return text


def _entry(revision: Revision) -> dict[str, Any]:
    return {
        "revision": str(revision.number),
        "date": revision.date,
        "status": revision.status,
        "isPending": revision.status in _PENDING,
    }


def _part(parent: Json | None, key: str) -> Json:
    found = (parent or {}).get(key)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
