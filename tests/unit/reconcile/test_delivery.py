"""From staged to delivered: copies, Jobs, their failures, and what is left behind: nothing."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pyrage
import pytest

from support.build import NOW, UID
from support.memory import MemoryStore, SlowStore
from support.several import OTHERS, Process
from support.universe import ARTIFACT, CONFIG, KEY, STAGING, Universe
from supportbundle.errors import Invalid, NotFound, StoreDenied, SupportBundleError
from supportbundle.model import names
from supportbundle.model.delivery import Delivered, Delivery
from supportbundle.model.destination import (
    DestinationSpec,
    DestinationType,
    HTTPPutOptions,
    ObjectLock,
    S3Options,
    SecretKey,
)
from supportbundle.reconcile import paths
from supportbundle.reconcile.delivery import PATIENCE
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.orphans import find_powers, take_back

BUNDLE = paths.bundle("team", "incident")
JOB = paths.named("jobs", "system", names.delivery_name(UID))
SECRET = paths.named("secrets", "system", names.delivery_name(UID))
OUTSIDE = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="theirs", prefix="in/", external=True))
LINK = DestinationSpec(
    type=DestinationType.HTTP_PUT, http_put=HTTPPutOptions(url_secret_ref=SecretKey(name="link", key="url"))
)


@pytest.fixture
def outside(universe: Universe) -> Universe:
    """The same world with a destination that takes finished zips only."""
    theirs = MemoryStore(universe.store.fuse, beside=universe.store)
    return Universe(universe.api, universe.store, universe.scratch, universe.pool, spec=OUTSIDE, outside=theirs)


def status(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE].get("status", {})
    return found


def ready(universe: Universe) -> dict[str, Any]:
    return next(c for c in status(universe)["conditions"] if c["type"] == "Ready")


async def until(universe: Universe, reason: str, reconciler: Reconciler | None = None) -> Reconciler:
    """Steps until the Ready condition has this reason."""
    reconciler = reconciler or Reconciler(universe.process())
    for _ in range(30):
        await reconciler.run(KEY)
        if status(universe) and ready(universe)["reason"] == reason:
            return reconciler
        universe.run_collectors()
    raise AssertionError(status(universe))


def job(universe: Universe) -> dict[str, Any]:
    return universe.api.objects[JOB]


def end_job(universe: Universe, message: str) -> None:
    """The Job's last pod has failed with these words."""
    found = job(universe)
    found["status"] = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": NOW.isoformat()}]}
    universe.api.objects[paths.named("pods", "system", "p")] = {
        "metadata": {
            "name": "p",
            "namespace": "system",
            "creationTimestamp": NOW.isoformat(),
            "labels": {names.LABEL_UID: UID},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": "j",
                    "uid": found["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"message": message}}}]},
    }


def prove(universe: Universe) -> None:
    """What the Job's pod does at its end."""
    done = Delivered(at=NOW, size=7, sha256="ab" * 32, etag="e", location="s3://theirs/x")
    universe.store.data[names.delivered_key(STAGING)] = done.model_dump_json(by_alias=True).encode()


async def test_a_zip_for_others_is_staged_and_then_sent_by_a_job(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    assert ARTIFACT not in outside.store.data
    told = Delivery.model_validate_json(base64.b64decode(outside.api.objects[SECRET]["data"]["delivery.json"]))
    staged = outside.store.data[names.staged_key(STAGING)]
    assert (told.size, told.key, told.recipients) == (len(staged), ARTIFACT, ())
    assert outside.api.objects[SECRET]["metadata"]["ownerReferences"][0]["uid"] == job(outside)["metadata"]["uid"]
    prove(outside)
    await until(outside, "Complete", reconciler)
    artifact = status(outside)["artifact"]
    assert (artifact["bucket"], artifact["key"], artifact["sha256"]) == ("theirs", f"in/{ARTIFACT}", "ab" * 32)
    assert "expiresAt" in artifact
    assert outside.store.data == {}
    assert JOB not in outside.api.objects


async def test_a_server_that_can_copies_by_itself(outside: Universe) -> None:
    outside.stores.copies = True
    await until(outside, "Complete")
    assert outside.outside is not None
    assert outside.outside.data[ARTIFACT].startswith(b"PK")
    assert outside.outside.metadata[ARTIFACT] == {"manifest-sha256": status(outside)["artifact"]["manifestSHA256"]}
    assert outside.api.of("jobs") == []
    assert outside.store.data == {}


async def test_a_copy_that_is_refused_is_said_and_tried_again(outside: Universe) -> None:
    outside.stores.copies = True
    assert outside.outside is not None
    outside.outside.failure = StoreDenied("the keys are wrong.", "Correct them.")
    reconciler = await until(outside, "DeliveryDelayed")
    assert "the keys are wrong. Correct them." in ready(outside)["message"]
    outside.outside.failure = None
    outside.now += timedelta(minutes=1)
    collected = list(outside.store.writes)
    await until(outside, "Complete", reconciler)
    assert [key for key in outside.store.writes[len(collected) :] if "fragments" in key] == []


async def test_a_failed_job_says_why_and_is_made_anew_after_a_pause(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    first = job(outside)["metadata"]["uid"]
    end_job(outside, "The SFTP server refused the login. Check the Secret.")
    await until(outside, "DeliveryDelayed", reconciler)
    assert "refused the login. Check the Secret." in ready(outside)["message"]
    assert job(outside)["metadata"]["uid"] == first
    outside.now += timedelta(minutes=1)
    for _ in range(3):
        await reconciler.run(KEY)
    assert job(outside)["metadata"]["uid"] != first
    assert job(outside)["metadata"]["annotations"]["supportbundle.dev/tries"] == "1"


async def test_another_operator_knows_how_long_was_tried(outside: Universe) -> None:
    await until(outside, "Delivering")
    await Reconciler(outside.process()).run(KEY)
    end_job(outside, "no")
    outside.now += PATIENCE + timedelta(minutes=1)
    reconciler = await until(outside, "DeliveryFailed")
    await reconciler.run(KEY)
    assert status(outside)["phase"] == "Failed"
    assert outside.store.data == {}
    assert JOB not in outside.api.objects


async def test_corrected_settings_replace_a_job_that_gets_nowhere(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    first = job(outside)["metadata"]["uid"]
    corrected = OUTSIDE.model_copy(
        update={"s3": S3Options(bucket="theirs", region="eu-1", prefix="in/", external=True)}
    )
    again = Universe(outside.api, outside.store, outside.scratch, outside.pool, spec=corrected, outside=outside.outside)
    for _ in range(3):
        await Reconciler(again.process()).run(KEY)
    assert job(again)["metadata"]["uid"] != first


async def test_recipients_of_both_count_and_the_name_tells(outside: Universe) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())
    outside.api.objects[BUNDLE]["spec"]["encryption"] = {"recipients": [key]}
    outside.stores.copies = True
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    told = json.loads(base64.b64decode(outside.api.objects[SECRET]["data"]["delivery.json"]))
    assert told["recipients"] == [key]
    assert told["key"].endswith(".zip.age")


async def test_what_a_receiver_has_does_not_expire(universe: Universe) -> None:
    link = Universe(
        universe.api,
        universe.store,
        universe.scratch,
        universe.pool,
        spec=LINK,
        outside=MemoryStore(universe.store.fuse),
    )
    reconciler = await until(link, "Delivering")
    prove(link)
    await until(link, "Complete", reconciler)
    artifact = status(link)["artifact"]
    assert "expiresAt" not in artifact
    assert artifact["key"] == "s3://theirs/x"
    assert artifact.get("bucket", "") == ""


async def test_a_missing_secret_stops_a_bundle_before_it_collects(outside: Universe) -> None:
    outside.stores.missing = NotFound("Secret keys is missing.", "An admin must create it.")
    await until(outside, "DestinationUnavailable")
    assert "Secret keys is missing" in ready(outside)["message"]
    assert outside.store.data == {}


async def test_a_missing_secret_of_a_staged_zip_is_waited_for(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    outside.stores.missing = NotFound("Secret keys is missing.")
    await reconciler.run(KEY)
    assert ready(outside)["reason"] == "Delivering"


async def test_a_bundle_deleted_on_its_way_leaves_nothing(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    outside.store.data[names.upload_key(STAGING)] = b"{}"
    assert outside.outside is not None
    outside.outside.data[ARTIFACT] = b"delivered, and nobody was told"
    del outside.api.objects[BUNDLE]
    assert await reconciler.run(KEY) is None
    assert outside.store.data == outside.outside.data == {}
    assert JOB not in outside.api.objects


async def test_the_sweep_stops_deliveries_of_bundles_that_are_over(outside: Universe) -> None:
    reconciler = await until(outside, "Delivering")
    await reconciler.run(KEY)
    await take_back(await find_powers(outside.now, outside.process()), {UID}, outside.process())
    assert JOB in outside.api.objects
    await take_back(await find_powers(outside.now, outside.process()), set(), outside.process())
    assert JOB not in outside.api.objects


async def test_another_zip_than_was_checked_is_never_copied(outside: Universe) -> None:
    outside.stores.copies = True
    assert outside.outside is not None
    outside.outside.failure = StoreDenied("later")
    reconciler = await until(outside, "DeliveryDelayed")
    outside.store.data[names.staged_key(STAGING)] = b"another"
    outside.outside.failure = None
    outside.now += timedelta(minutes=1)
    await reconciler.run(KEY)
    assert outside.outside.data == {}
    await reconciler.run(KEY)
    assert "another one than was checked" in ready(outside)["message"]


async def test_a_locked_zip_stays_beyond_its_ttl_and_that_is_said(universe: Universe) -> None:
    lock = ObjectLock(mode="COMPLIANCE", days=30)
    spec = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="bucket", object_lock=lock))
    locked = Universe(universe.api, universe.store, universe.scratch, universe.pool, spec=spec)
    locked.store.locked_until = NOW + timedelta(days=30)
    await until(locked, "Complete")
    assert status(locked)["artifact"]["lockedUntil"] == "2026-12-21T12:00:00Z"
    # What the destination says by then does not matter.
    now = Universe(locked.api, locked.store, locked.scratch, locked.pool, now=NOW + timedelta(days=8))
    await Reconciler(now.process()).run(KEY)
    assert status(locked)["phase"] == "Expired"
    assert "locked until 2026-12-21T12:00:00Z" in ready(locked)["message"]
    assert ARTIFACT in locked.store.data


async def test_a_lock_that_the_destination_asks_for_since_does_not_keep_a_zip_that_was_written_without(
    universe: Universe,
) -> None:
    await until(universe, "Complete")
    lock = ObjectLock(mode="COMPLIANCE", days=30)
    spec = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="bucket", object_lock=lock))
    later = NOW + timedelta(days=8)
    now = Universe(universe.api, universe.store, universe.scratch, universe.pool, spec=spec, now=later)
    await Reconciler(now.process()).run(KEY)
    assert status(universe)["phase"] == "Expired"
    assert universe.store.data == {}


async def test_the_ttl_of_a_delivered_zip_counts_from_its_arrival_and_nothing_is_said_of_the_destination(
    outside: Universe,
) -> None:
    outside.stores.copies = True
    assert outside.outside is not None
    outside.outside.failure = StoreDenied("later")
    reconciler = await until(outside, "DeliveryDelayed")
    outside.now += timedelta(hours=20)
    outside.outside.failure = None
    await until(outside, "Complete", reconciler)
    assert status(outside)["artifact"]["expiresAt"] == "2026-11-29T08:00:00Z"
    assert status(outside)["completedAt"] == "2026-11-22T08:00:00Z"
    assert "Kept until" not in ready(outside)["message"]


@pytest.mark.parametrize("error", [NotFound("Secret keys is missing."), Invalid("The destination cannot be read.")])
async def test_a_destination_that_is_away_when_the_ttl_ends_does_not_make_the_zip_stay(
    universe: Universe, error: SupportBundleError
) -> None:
    reconciler = await until(universe, "Complete")
    universe.now += timedelta(days=8)
    universe.stores.missing = error
    assert await reconciler.run(KEY) is not None
    assert status(universe)["phase"] == "Ready"
    uploaded = next(c for c in status(universe)["conditions"] if c["type"] == "Uploaded")
    assert (uploaded["status"], uploaded["reason"]) == ("True", "ExpiryDelayed")
    assert str(error) in uploaded["message"]
    universe.stores.missing = None
    await reconciler.run(KEY)
    assert status(universe)["phase"] == "Expired"
    assert universe.store.data == {}


async def test_a_bucket_that_keeps_versions_of_an_expired_zip_is_named(universe: Universe) -> None:
    reconciler = await until(universe, "Complete")
    universe.store.keeps = frozenset({ARTIFACT})
    universe.now += timedelta(days=8)
    await reconciler.run(KEY)
    assert status(universe)["phase"] == "Expired"
    assert f"those of bucket/{ARTIFACT} stay" in ready(universe)["message"]
    assert "s3:DeleteObjectVersion" in ready(universe)["message"]


async def test_copies_of_large_zips_leave_workers_to_others(outside: Universe) -> None:
    store = SlowStore(outside.store.fuse, beside=outside.store)
    config = CONFIG.model_copy(update={"workers": 2})
    slow = Universe(outside.api, outside.store, outside.scratch, ThreadPoolExecutor(2), config, OUTSIDE, store)
    process = Process(slow, OTHERS[0])
    for key in (KEY, OTHERS[0]):
        await process.until("Staged", key)
    slow.stores.copies = True
    await process.one_waits_for_the_other(store)
    for key in (KEY, OTHERS[0]):
        await process.until("Complete", key)


async def test_a_recipient_that_only_looks_like_one_is_refused_before_anything_is_collected(outside: Universe) -> None:
    outside.api.objects[BUNDLE]["spec"]["encryption"] = {"recipients": ["age1" + "q" * 58]}
    await until(outside, "InvalidSpec")
    assert "public key" in ready(outside)["message"]
    assert outside.store.data == {}
