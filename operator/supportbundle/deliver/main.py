"""Entry point of a delivery Job's pod: a staged zip goes to its destination, and a proof of it into the staging store.

The pod parses nothing that a target has said: it copies a zip that was sanitized, checked and, where somebody has to,
approved. So it holds the staging store's own credentials, which a presigned URL could not stand for: deliveries last
longer than URLs do, and an encrypted zip must be stored before its size is known.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from supportbundle.deliver.encrypt import encrypt
from supportbundle.deliver.inputs import Mounts, read_secret
from supportbundle.errors import Conflict, Corrupt, NotFound, SupportBundleError
from supportbundle.model import names
from supportbundle.model.delivery import AGE_TYPE, ZIP_TYPE, Delivered, Delivery
from supportbundle.model.recipients import recipients_of
from supportbundle.model.trouble import place_of
from supportbundle.storage.addresses import Guard
from supportbundle.storage.appending import Appending
from supportbundle.storage.base import ObjectInfo, Package
from supportbundle.storage.registry import open_receiver, open_store, read_credentials
from supportbundle.storage.s3 import S3Store

log = logging.getLogger("supportbundle.deliver")
TERMINATION_LOG: Final = Path("/dev/termination-log")


def main() -> int:
    """Deliver what the mounts describe. Returns the exit code: 0, or 1 when a retry may help."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    try:
        done = deliver(Mounts())
    except SupportBundleError as error:
        return _give_up(str(error))
    except Exception as error:  # noqa: BLE001 - the last words must be said
        log.error("unexpected failure: %s", place_of(error))  # noqa: TRY400 - a message may quote a link
        return _give_up(f"Unexpected failure ({type(error).__name__}); see the delivery pod's log.")
    log.info("delivered %d bytes to %s", done.size, done.location)
    return 0


def _give_up(cause: str) -> int:
    """The last words, where the kubelet shows them in the pod's status; the bundle's status quotes them."""
    log.error("%s", cause)
    with contextlib.suppress(OSError):
        TERMINATION_LOG.write_text(cause, encoding="utf-8")
    return 1


def deliver(mounts: Mounts, guard: Guard | None = None, now: Callable[[], datetime] | None = None) -> Delivered:
    """Deliver, or find it delivered.

    Raises:
        SupportBundleError: it is not delivered yet; the next try goes on where this one stopped.
    """
    work = mounts.description()
    guard = guard or Guard(servers=lambda: work.api_servers)
    ref = work.staging.credentials_secret_ref
    keys = read_credentials(read_secret(mounts.staging), name=ref.name) if ref else None
    staging = open_store(work.staging, keys, guard)
    key = names.delivered_key(work.prefix)
    with contextlib.suppress(NotFound):
        return Delivered.model_validate_json(staging.get(key))
    secret = read_secret(mounts.destination) if work.destination.credentials else None
    receiver = open_receiver(work.destination, secret, guard)
    package = _package(staging, work)
    log.info("delivering %d bytes", package.size)
    receipt = receiver.send(package, StoredNotes(staging, work.prefix))
    done = Delivered(
        at=(now or _now)(),
        size=package.size,
        sha256=receipt.sha256,
        etag=receipt.etag,
        location=receipt.location,
        locked_until=receipt.locked_until,
    )
    with contextlib.suppress(Conflict):  # the first proof stands
        staging.put(key, done.model_dump_json(by_alias=True).encode(), write_once=True)
    return done


@dataclass(frozen=True, slots=True)
class StoredNotes:
    """`storage.base.Notes` as objects of the staging store; `prefix` is the bundle's, and says whose a link is."""

    store: S3Store
    prefix: str

    def read(self) -> str:
        """What was written last; empty at first."""
        try:
            return self.store.get(names.upload_key(self.prefix)).decode(errors="replace")
        except NotFound:
            return ""

    def write(self, text: str) -> None:
        """Replace it."""
        self.store.put(names.upload_key(self.prefix), text.encode())

    def claim(self, digest: str) -> bool:
        """The first bundle to ask has it; the same one may ask again."""
        key, owner = names.link_key(digest), self.prefix.encode()
        try:
            self.store.put(key, owner, write_once=True)
        except Conflict:
            return self.store.get(key) == owner
        return True

    def release(self, digest: str) -> None:
        """Whoever comes next may have it."""
        self.store.delete([names.link_key(digest)])


def _package(staging: S3Store, work: Delivery) -> Package:
    """The staged zip, or what its encryption has made of it."""
    found = staging.head(names.staged_key(work.prefix))
    if found is None or found.size != work.size or found.etag.strip('"') != work.etag:
        raise Corrupt("The staged zip is gone or is another one than was checked.", "Create the bundle again.")
    if not work.recipients:
        return _reading(staging, found, work, ZIP_TYPE)
    recipients = recipients_of(work.recipients)
    key = names.encrypted_key(work.prefix)
    # Recipients may be corrected between two tries; then what was made for others is made anew.
    made_for = {"recipients": hashlib.sha256("\n".join(sorted(work.recipients)).encode()).hexdigest()}
    encrypted = staging.head(key)
    if encrypted is None or dict(encrypted.metadata) != made_for:
        staging.abort_uploads(key)
        with Appending(staging, key, work.size + work.size // 100, made_for) as sink:
            encrypt(_reading(staging, found, work, ZIP_TYPE), recipients, sink)
        encrypted = staging.head(key)
    if encrypted is None:
        raise Corrupt("The encrypted zip is gone from the staging store.", "Create the bundle again.")
    return _reading(staging, encrypted, work, AGE_TYPE)


def _reading(store: S3Store, info: ObjectInfo, work: Delivery, content_type: str) -> Package:
    """Reads only this very object; each range is a request of its own, so no connection waits for a slow receiver."""

    def read(start: int, end: int) -> bytes:
        return store.get(info.key, start, end, if_match=info.etag)

    return Package(work.key, info.size, read, info.etag, work.metadata, content_type, work.file_name)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
