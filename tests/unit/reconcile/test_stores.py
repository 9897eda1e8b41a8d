"""Where bundles are staged, and what their zips can be copied with."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from support.memory import Fuse, MemoryApi
from supportbundle.errors import NotFound, StagingMissing
from supportbundle.kube.client import Client
from supportbundle.model.destination import CredentialsSecret, S3Options
from supportbundle.model.status import Staging
from supportbundle.reconcile import paths
from supportbundle.reconcile.stores import Stores

STAGING = S3Options(bucket="aside", region="eu-1", credentials_secret_ref=CredentialsSecret(name="staging"))
OWN = {"type": "S3", "s3": {"bucket": "own", "region": "eu-1"}}
SFTP = {
    "type": "SFTP",
    "sftp": {"host": "h", "user": "u", "hostKeys": ["k"], "credentialsSecretRef": {"name": "login"}},
}
SEALED = {"encryption": {"recipients": ["age1" + "q" * 58]}}


def api(**destinations: dict[str, Any]) -> MemoryApi:
    made = MemoryApi(Fuse())
    for name, spec in destinations.items():
        made.put(paths.destination(name), {"metadata": {"name": name}, "spec": spec})
    for name in ("staging", "theirs", "same"):
        secret = "other" if name == "theirs" else "key"
        data = {"accessKey": base64.b64encode(b"a").decode(), "secretKey": base64.b64encode(secret.encode()).decode()}
        made.put(paths.named("secrets", "system", name), {"metadata": {"name": name}, "data": data})
    return made


def stores(found: MemoryApi, staging: S3Options | None = None) -> Stores:
    return Stores(cast("Client", found), "system", lambda: 0.0, staging)


def s3(**options: Any) -> dict[str, Any]:
    return {"type": "S3", "s3": {"bucket": "theirs", "region": "eu-1", **options}}


async def test_a_bucket_of_ones_own_is_where_bundles_are_put_together() -> None:
    place = await stores(api(own=OWN), STAGING).place("own")
    assert place.direct
    assert place.staging is not None
    assert place.staging.bucket == place.bucket == "own"


@pytest.mark.parametrize(
    "spec",
    [s3(external=True), OWN | {"approval": {"required": True}}, OWN | SEALED, SFTP],
    ids=["external", "approval", "encrypted", "no-bucket"],
)
async def test_everything_else_is_staged_aside(spec: dict[str, Any]) -> None:
    place = await stores(api(there=spec), STAGING).place("there")
    assert not place.direct
    assert place.staging == STAGING


async def test_a_bundles_own_encryption_stages_it_too() -> None:
    found = stores(api(own=OWN), STAGING)
    assert not (await found.place("own", encrypted=True)).direct
    assert (await found.place("own")).direct


async def test_without_a_staging_bucket_the_default_one_serves() -> None:
    place = await stores(api(default=OWN, there=s3(external=True))).place("there")
    assert place.staging is not None
    assert place.staging.bucket == "own"


@pytest.mark.parametrize(
    ("destinations", "name"),
    [
        ({"there": s3(external=True)}, "there"),
        ({"default": SFTP, "there": s3(external=True)}, "there"),
        ({"default": s3(external=True), "there": SFTP}, "there"),
        ({"default": OWN | SEALED}, "default"),
        ({"default": OWN, "same": OWN | {"approval": {"required": True}}}, "same"),
    ],
    ids=["no-default", "default-is-no-bucket", "default-is-external", "itself", "same-bucket"],
)
async def test_nothing_is_staged_where_its_readers_may_not_see_it(
    destinations: dict[str, dict[str, Any]], name: str
) -> None:
    with pytest.raises(StagingMissing, match=r"staging\.bucket"):
        await stores(api(**destinations)).place(name)


@pytest.mark.parametrize(
    ("spec", "copies"),
    [
        (s3(credentialsSecretRef={"name": "same"}, external=True), True),
        (s3(credentialsSecretRef={"name": "theirs"}, external=True), False),
        (s3(credentialsSecretRef={"name": "missing"}, external=True), False),
        (s3(external=True), False),
        (s3(credentialsSecretRef={"name": "same"}, external=True, endpoint="http://elsewhere"), False),
        (SFTP, False),
    ],
    ids=["same-keys", "other-keys", "missing-keys", "own-identity", "elsewhere", "no-bucket"],
)
async def test_only_one_server_with_one_set_of_keys_copies(spec: dict[str, Any], *, copies: bool) -> None:
    found = stores(api(there=spec), STAGING)
    assert await found.may_copy(await found.place("there")) is copies


async def test_what_is_with_its_receiver_is_not_kept() -> None:
    with pytest.raises(NotFound, match="receiver"):
        await stores(api(there=SFTP), STAGING).kept("there")


async def test_a_missing_secret_is_named() -> None:
    found = stores(api(there=SFTP), STAGING)
    with pytest.raises(NotFound, match="login"):
        await found.require_secret((await found.place("there")).destination)


@pytest.mark.parametrize("own", [OWN, OWN | SEALED, OWN | {"approval": {"required": True}}])
async def test_the_sweep_sees_each_staging_store_once_whatever_destinations_ask_for_by_now(own: dict[str, Any]) -> None:
    found = stores(api(own=own, there=s3(external=True), other=SFTP), STAGING)
    places = await found.every_place()
    assert sorted(place.staging.bucket for place in places if place.staging) == ["aside", "own"]


@pytest.mark.parametrize(
    ("bucket", "theirs", "ours", "refused"),
    [
        ("aside", {}, {}, True),
        ("aside", {"endpoint": "https://s3.amazonaws.com"}, {}, True),
        ("aside", {}, {"endpoint": "https://s3.eu-central-1.amazonaws.com/"}, True),
        ("aside", {"endpoint": "http://S3.Example.org:80"}, {"endpoint": "http://s3.example.org/"}, True),
        ("aside", {"prefix": "below/"}, {}, True),
        ("aside", {"endpoint": "http://s3.example.org:9000"}, {"endpoint": "http://s3.example.org"}, False),
        ("aside", {"endpoint": "http://s3.example.org"}, {}, False),
        ("another", {}, {}, False),
    ],
)
async def test_the_bucket_of_the_settings_is_another_one_than_the_destinations(
    bucket: str, theirs: dict[str, Any], ours: dict[str, Any], *, refused: bool
) -> None:
    spec = {"type": "S3", "s3": {"bucket": bucket, "external": True, **theirs}}
    found = stores(api(there=spec), S3Options(bucket="aside", **ours))
    if refused:
        with pytest.raises(StagingMissing, match=r"names the very bucket"):
            await found.place("there")
    else:
        assert not (await found.place("there")).direct


async def test_a_bundle_stays_where_it_was_staged_whatever_is_changed_meanwhile() -> None:
    began = (await stores(api(own=OWN)).place("own")).where
    for spec in (OWN | {"approval": {"required": True}}, OWN | SEALED, s3(bucket="own", external=True)):
        place = await stores(api(own=spec), STAGING).place("own", recorded=began)
        assert (place.direct, place.where) == (False, began), "staged where its parts are, delivered as it is asked for"
        assert place.staging is not None
        assert place.staging.bucket == "own"
    aside = (await stores(api(own=OWN | SEALED), STAGING).place("own")).where
    place = await stores(api(own=OWN), STAGING).place("own", recorded=aside)
    assert (place.direct, place.staging) == (False, STAGING)
    fallback = (await stores(api(default=OWN, there=SFTP)).place("there")).where
    place = await stores(api(default=OWN, there=SFTP), STAGING).place("there", recorded=fallback)
    assert place.staging is not None
    assert place.staging.bucket == "own"


async def test_endpoint_and_keys_of_a_staging_bucket_may_change() -> None:
    began = (await stores(api(own=OWN)).place("own")).where
    moved = {"type": "S3", "s3": {"bucket": "own", "endpoint": "http://new", "credentialsSecretRef": {"name": "same"}}}
    place = await stores(api(own=moved)).place("own", recorded=began)
    assert place.staging is not None
    assert (place.direct, place.staging.endpoint) == (True, "http://new")


@pytest.mark.parametrize(
    ("destinations", "staging", "where", "owner"),
    [
        ({"own": s3()}, None, Staging(destination="own", bucket="own"), "SupportBundleDestination own"),
        ({"own": s3(bucket="own", prefix="new/")}, None, Staging(destination="own", bucket="own"), "Destination own"),
        ({"own": SFTP}, None, Staging(destination="default", bucket="own"), "SupportBundleDestination default"),
        ({"own": SFTP}, None, Staging(bucket="aside"), r"Helm value staging\.bucket"),
    ],
    ids=["another-bucket", "another-prefix", "destination-is-gone", "settings-are-gone"],
)
async def test_a_staging_bucket_that_nobody_names_any_more_is_named_with_who_should(
    destinations: dict[str, Any], staging: S3Options | None, where: Staging, owner: str
) -> None:
    with pytest.raises(StagingMissing, match=f"bucket {where.bucket}.*{owner} does not name any more"):
        await stores(api(**destinations), staging).place("own", recorded=where)
