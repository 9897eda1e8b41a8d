"""A collector pod mounts Secrets, so nobody looks into a running one: not with the right to exec, not as an admin."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from support.access import Object, Rule, Site, accepted
from support.kube import CommandFailed, kubectl, until

pytestmark = pytest.mark.e2e
IMAGE = "localhost/sb-busybox:test"
VALUE = "hunter2-hunter2"
MESSAGE = "nobody may exec into a collector pod"
WAYS: Mapping[str, tuple[str, ...]] = {
    "exec": ("exec", "{pod}", "--", "cat", "/run/known/app/password"),
    "attach": ("attach", "{pod}"),
    "port-forward": ("port-forward", "pod/{pod}", ":8080"),
    "debug": ("debug", "{pod}", f"--image={IMAGE}", "--target=collector", "--", "true"),
}
RULES: tuple[Rule, ...] = (
    {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    {
        "apiGroups": [""],
        "resources": ["pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"],
        "verbs": ["get", "create", "update", "patch"],
    },
)


def pod(name: str) -> Object:
    """A pod that has a Secret mounted as collectors have, under this name."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "collector",
                    "image": IMAGE,
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", "echo collecting; exec sleep 3600"],
                    "volumeMounts": [{"name": "known", "mountPath": "/run/known/app"}],
                }
            ],
            "volumes": [{"name": "known", "secret": {"secretName": "app"}}],
        },
    }


@pytest.fixture(scope="module")
def pods(site: Site) -> Iterator[tuple[str, str]]:
    """Names of two running pods: a bundle's, and one that only looks a little like it."""
    found = (f"sb-{uuid.uuid4()}-0-x7k2p", f"sb-{uuid.uuid4().hex}-0-x7k2p")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "stringData": {"password": VALUE}}
    site.make(secret)
    for name in found:
        # A new namespace has its default account a moment later.
        accepted(partial(site.admin.create, pod(name), dry=False))
    kubectl("-n", site.namespace, "wait", "pod", *found, "--for=condition=Ready", "--timeout=60s")
    yield found
    kubectl("-n", site.namespace, "delete", "pod", *found, "--wait=false")
    site.admin.delete(secret, dry=False)


@pytest.fixture(scope="module")
def user(site: Site) -> str:
    """Somebody who may do everything with running pods, and read no Secret."""
    found = site.person(*RULES)
    accepted(lambda: found.get({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ""}}))
    assert not found.get({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}}).ok
    return found.user or ""


def said(site: Site, user: str | None, way: str, name: str) -> str:
    """What kubectl prints, be it an error."""
    words = [word.format(pod=name) for word in WAYS[way]]
    impersonation = (f"--as={user}",) if user else ()
    try:
        return kubectl("-n", site.namespace, *impersonation, *words, timeout=30)
    except CommandFailed as error:
        return str(error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("admin", [False, True], ids=["user", "admin"])
def test_nobody_gets_into_a_collector_pod(
    site: Site, pods: tuple[str, str], user: str, way: str, *, admin: bool
) -> None:
    heard = said(site, None if admin else user, way, pods[0])
    assert re.search(r"exit code [1-9]", heard), heard
    assert MESSAGE in heard
    assert VALUE not in heard


def test_its_log_may_be_read(site: Site, pods: tuple[str, str], user: str) -> None:
    assert kubectl("-n", site.namespace, f"--as={user}", "logs", pods[0]) == "collecting\n"


def test_other_pods_are_as_open_as_rbac_has_them(site: Site, pods: tuple[str, str], user: str) -> None:
    assert until("exec into the other pod", lambda: said(site, user, "exec", pods[1]) == VALUE, seconds=10)
    assert "Targeting container" in said(site, user, "debug", pods[1])
