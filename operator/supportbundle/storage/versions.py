"""Buckets that keep versions: there a deleted object is hidden, not gone, until its versions are deleted one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, Final

from supportbundle.errors import Invalid, StoreDenied
from supportbundle.storage.failures import translated

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from mypy_boto3_s3.client import S3Client

BATCH: Final = 1000
"""Versions in one DeleteObjects request, at most."""


def drop_versions(client: S3Client, bucket: str, keys: AbstractSet[str]) -> tuple[str, ...]:
    """Delete all versions of objects that are hidden already; returns the keys of which some stay.

    A lock, or credentials that may not do this, keep them: no failure, because hiding is all that can be done then.
    The markers that hide an object go only once there is nothing left to hide.
    """
    try:
        found = list(_versions(client, bucket, keys))
        left = _delete(client, bucket, (version for kind, version in found if kind == "Versions"))
        markers = (version for kind, version in found if kind == "DeleteMarkers" and version["Key"] not in left)
        return tuple(sorted(left | _delete(client, bucket, markers)))
    except (Invalid, StoreDenied):
        return tuple(sorted(keys))


def _versions(client: S3Client, bucket: str, keys: AbstractSet[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Kind, key and id of each version of these keys. What is deleted together mostly lies together."""
    prefix = commonprefix(sorted(keys))  # noqa: RUF071 - a prefix of S3 ends anywhere, not at slashes
    pages: Iterator[Any] = iter(client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix))
    while True:
        with translated("listing versions", prefix):
            page = next(pages, None)
        if page is None:
            return
        for kind in ("Versions", "DeleteMarkers"):
            for found in page.get(kind, ()):
                if found["Key"] in keys:
                    yield kind, {"Key": found["Key"], "VersionId": found["VersionId"]}


def _delete(client: S3Client, bucket: str, versions: Iterable[dict[str, str]]) -> set[str]:
    """The keys of which a version could not be deleted."""
    rest = iter(versions)
    left: set[str] = set()
    while batch := list(islice(rest, BATCH)):
        objects: Any = batch
        with translated("deleting versions", batch[0]["Key"]):
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        left |= {error.get("Key", "") for error in answer.get("Errors", ()) if error.get("Code") != "NoSuchVersion"}
    return left
