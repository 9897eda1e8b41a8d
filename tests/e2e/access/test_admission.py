"""What the API server says to requests that mean nothing, are not built yet, or would change what was checked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.access import Object, Site, accepted, bundle, refused

pytestmark = pytest.mark.e2e
LATER = "is not built yet in this version"


def config(**options: object) -> Object:
    return {"capabilities": ["Config"], "collectors": [{"name": "c", "type": "Config", "config": options}]}


def collector(kind: str, **options: object) -> Object:
    return {"collectors": [{"name": "c", "type": kind, **options}]}


HEADER = {"name": "Authorization", "secret": "s", "key": "k"}
PORT = {"capabilities": ["Profiles"]}


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"templateRef": {"name": "mattermost"}}, "spec.templateRef"),
        ({"encryption": {"recipients": ["age1"]}}, "spec.encryption"),
        ({"dryRun": True}, "spec.dryRun"),
        ({"deletionPolicy": "Delete"}, "spec.deletionPolicy Delete"),
        ({"sanitization": {"pseudonymize": ["IP"]}}, "spec.sanitization.pseudonymize"),
        ({"sanitization": {"keepShape": True}}, "spec.sanitization.keepShape"),
        ({"sanitization": {"rules": [{"name": "r", "type": "Key", "pattern": "p"}]}}, "spec.sanitization.rules"),
        ({"capabilities": ["Logs", "HTTP"]}, "the capability HTTP"),
        ({"capabilities": ["Logs", "Exec"]}, "the capability Exec"),
        ({"capabilities": ["Logs", "Resources"]}, "the capability Resources"),
        (collector("HTTP", http={"port": 80}), "the collector type HTTP"),
        (collector("Exec", exec={"command": ["id"]}), "the collector type Exec"),
        (collector("Resources"), "the collector type Resources"),
        (collector("Metrics"), "the collector type Metrics"),
        (PORT | collector("Profile", profile={"port": 1, "headersFrom": [HEADER]}), "profile.headersFrom"),
        (config(files=[{"path": "/etc/app"}]), "config.files"),
        (config(environment=True), "config.environment"),
        (config(related=True), "config.related"),
        (config(helmReleases=True), "config.helmReleases"),
        (config(secretShapes=True), "config.secretShapes"),
    ],
)
def test_what_is_not_built_yet_is_refused_by_name(site: Site, spec: Object, named: str) -> None:
    refused(lambda: site.admin.create(bundle(**spec)), f"{named} {LATER}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (collector("Logs", events={}), "events may be set only where type is Events"),
        (collector("Events", logs={}), "logs may be set only where type is Logs"),
        (collector("Logs", config={}), "config may be set only where type is Config"),
        (collector("Logs", profile={"port": 1}), "profile may be set only where type is Profile"),
        (collector("Config"), "type Config needs config"),
        (collector("Profile"), "type Profile needs profile with the port"),
        (config(), "config asks for nothing"),
        (collector("Logs", logs={"since": "1h", "sinceTime": "2026-01-01T00:00:00Z"}), "exclude each other"),
        (collector("Logs", logs={"since": "0s"}), "since must lie between 1s and 8760h"),
        (collector("Logs", logs={"maxBytesPerContainer": "1"}), "between 1Ki and 100Gi"),
        (collector("Logs", logs={"tail": 1}), 'unknown field "spec.collectors[0].logs.tail"'),
        ({"collectors": []}, "nothing to collect"),
        ({"target": None}, "has no target"),
        ({"target": {}}, "an empty target names no pod"),
        (collector("Logs", target={"podNames": []}), "an empty target names no pod"),
        ({"target": {"selector": {"matchExpressions": [{"key": "k", "operator": "In"}]}}}, "In and NotIn need values"),
        ({"capabilities": ["Events"]}, "needs the capability Logs; add Logs to spec.capabilities"),
        (collector("Profile", profile={"port": 1}), "needs the capability Profiles"),
        ({"limits": {"maxBytes": "1Ki"}}, "spec.limits.maxBytes must lie between 1Mi and 100Gi"),
        ({"limits": {"maxDuration": "5s"}}, "spec.limits.maxDuration must lie between 10s and 6h"),
        ({"limits": {"maxDuration": "7h"}}, "spec.limits.maxDuration must lie between 10s and 6h"),
        ({"limits": {"parallelism": 51}}, "less than or equal to 50"),
        ({"ttl": "9000h"}, "spec.ttl must lie between 1s and 8760h"),
        ({"ttl": "2d"}, "spec.ttl"),
    ],
)
def test_what_means_nothing_is_refused_with_its_reason(site: Site, spec: Object, message: str) -> None:
    refused(lambda: site.admin.create(bundle(**spec)), message)


def test_events_of_the_namespace_need_no_target(site: Site) -> None:
    events = bundle(capabilities=["Events"], collectors=[{"name": "e", "type": "Events"}])
    del events["spec"]["target"]
    assert site.admin.create(events).ok


def test_a_name_too_long_for_an_object_key_is_refused(site: Site) -> None:
    long = bundle()
    long["metadata"]["name"] = "x" * 201
    refused(lambda: site.admin.create(long), "at most 200 characters")


@pytest.fixture(scope="module")
def standing(site: Site) -> Iterator[Object]:
    """A bundle that exists and is cancelled."""
    obj = bundle(cancel=True)
    obj["metadata"]["name"] = "standing"
    site.make(obj)
    yield obj
    site.admin.delete(obj, dry=False)


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"podNames": ["other"]}},
        {"target": None},
        {"capabilities": ["Logs", "Events"]},
        {"collectors": [{"name": "logs", "type": "Logs", "logs": {}}]},
        {"destination": {"name": "other"}},
        {"limits": {"maxBytes": "2Gi"}},
        {"ttl": "1h"},
        {"serviceAccountName": "default"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_request_is_immutable(site: Site, standing: Object, change: Object) -> None:
    refused(lambda: site.admin.patch(standing, {"spec": change}), "spec is immutable but for cancel")


def test_cancelling_cannot_be_taken_back(site: Site, standing: Object) -> None:
    refused(lambda: site.admin.patch(standing, {"spec": {"cancel": False}}), "cannot be taken back")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "S3"}, "type S3 needs s3 with a bucket"),
        ({"type": "S3", "s3": {"bucket": "b"}}, "bucket"),
        ({"type": "S3", "s3": {"bucket": "bucket", "endpoint": "s3.example.com"}}, "endpoint"),
        ({"type": "S3", "s3": {"bucket": "bucket", "prefix": "/up"}}, "prefix"),
        ({"type": "SFTP"}, "Unsupported value"),
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
        "bucket, prefix and endpoint of a destination cannot change; create another destination instead",
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
