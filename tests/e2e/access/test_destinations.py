"""What the API server says to destinations that cannot work, and to changes of those that stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.access import Object, Site, accepted, refused

pytestmark = pytest.mark.e2e


def place(**fields: object) -> Object:
    return {"type": "S3", "s3": {"bucket": "bucket"}, **fields}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "S3"}, "type S3 needs s3 with a bucket"),
        ({"type": "S3", "s3": {"bucket": "b"}}, "bucket"),
        ({"type": "S3", "s3": {"bucket": "bucket", "endpoint": "s3.example.com"}}, "endpoint"),
        ({"type": "S3", "s3": {"bucket": "bucket", "prefix": "/up"}}, "prefix"),
        ({"type": "SFTP"}, "type SFTP needs sftp"),
        ({"type": "FTP"}, "Unsupported value"),
        (place(encryption={"recipients": ["age1"]}), "encryption.recipients"),
        (place(approval={"timeout": "30s"}), "approval.timeout must lie between 1m and 720h"),
        (place(retention={"minTTL": "2h", "maxTTL": "1h"}), "retention.minTTL is longer than retention.maxTTL"),
        (place(retention={"maxTTL": "9000h"}), "retention.maxTTL must lie between 1s and 8760h"),
        (place(sanitization={"rules": [{"name": "r", "type": "Literal", "pattern": "abc"}]}), "at least 4 characters"),
        (place(sanitization={"pseudonymize": ["Names"]}), "Unsupported value"),
    ],
)
def test_a_destination_that_cannot_work_is_refused(site: Site, spec: Object, message: str) -> None:
    destination = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleDestination",
        "metadata": {"name": site.release},
        "spec": spec,
    }
    refused(lambda: site.admin.create(destination), message)


@pytest.fixture(scope="module")
def places(site: Site) -> Iterator[Object]:
    """Two destinations that exist, by their names: one with every field, one with the bucket alone."""
    full = {"bucket": "bucket", "prefix": "a/", "endpoint": "https://s3.example.com", "region": "eu-central-1"}
    found = {
        name: {
            "apiVersion": "supportbundle.dev/v1alpha1",
            "kind": "SupportBundleDestination",
            "metadata": {"name": f"{site.release}-{name}"},
            "spec": {"type": "S3", "s3": s3},
        }
        for name, s3 in (("full", full), ("bare", {"bucket": "bucket"}))
    }
    for obj in found.values():
        site.make(obj)
    yield found
    for obj in found.values():
        site.admin.delete(obj, dry=False)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("full", {"bucket": "other"}),
        ("full", {"prefix": "b/"}),
        ("full", {"prefix": None}),
        ("full", {"endpoint": "https://s3.example.org"}),
        ("full", {"endpoint": None}),
        ("bare", {"endpoint": "https://s3.example.org"}),
        ("bare", {"prefix": "b/"}),
    ],
)
def test_a_destination_stays_where_it_is(site: Site, places: Object, place: str, change: Object) -> None:
    refused(
        lambda: site.admin.patch(places[place], {"spec": {"s3": change}}),
        "bucket, prefix, endpoint and external of a destination cannot change; create another destination instead",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"region": "eu-west-1", "pathStyle": True, "caBundle": "PEM", "credentialsSecretRef": {"name": "keys"}},
        {"prefix": ""},
        {},
    ],
)
def test_how_a_destination_is_reached_may_change(site: Site, places: Object, change: Object) -> None:
    accepted(lambda: site.admin.patch(places["bare"], {"spec": {"s3": change, "allowedNamespaces": ["a"]}}))
