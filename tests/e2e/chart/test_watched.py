"""A narrowed installation works in its own namespaces and leaves others alone, because it may not even look there."""

from __future__ import annotations

import pytest

from support import sbundle
from support.installing import install
from support.kube import RELEASE, SYSTEM, CommandFailed, get, kubectl, run

pytestmark = pytest.mark.e2e
EVENTS = ({"name": "events", "type": "Events"},)
ACCOUNT = f"--as=system:serviceaccount:{SYSTEM}:supportbundle-operator"


@pytest.fixture(scope="module")
def narrowed(operator: str, pair: tuple[str, str]) -> tuple[str, str]:
    """The operator watches the first namespace of two; a bundle waits in the other."""
    assert operator
    install(f"watchNamespaces={{{pair[0]}}}")
    sbundle.create(pair[1], "elsewhere", EVENTS)
    return pair


def may(namespace: str, verb: str, resource: str) -> bool:
    """Whether the operator's account holds a right."""
    try:
        return kubectl("auth", "can-i", verb, resource, "-n", namespace, ACCOUNT).strip() == "yes"
    except CommandFailed:
        return False


def test_bundles_of_the_watched_namespace_run_and_others_stay_untouched(narrowed: tuple[str, str]) -> None:
    here, there = narrowed
    sbundle.create(here, "watched", EVENTS)
    sbundle.ready(here, "watched", seconds=60)
    assert sbundle.unpack(sbundle.fetch(here, "watched"))
    untouched = get(there, "sbundle", "elsewhere")
    assert "status" not in untouched
    assert not untouched["metadata"].get("finalizers")


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("list", "pods"),
        ("list", "supportbundles.supportbundle.dev"),
        ("create", "events"),
        ("create", "jobs.batch"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("patch", "secrets"),
    ],
)
def test_its_account_holds_its_rights_in_the_watched_namespace_alone(
    narrowed: tuple[str, str], verb: str, resource: str
) -> None:
    here, there = narrowed
    assert may(here, verb, resource)
    assert not may(there, verb, resource)


def test_helm_tests_it_where_it_looks(narrowed: tuple[str, str]) -> None:
    here, _ = narrowed
    said = run("helm", "test", RELEASE, "-n", SYSTEM, "--timeout", "2m").decode()
    assert "Phase:          Succeeded" in said
    assert get(here, "sbundle", "supportbundle-operator-test")["status"]["phase"] in {"Ready", "Expired"}
    left = kubectl("-n", here, "get", "pod,serviceaccount,role", "-l", "app.kubernetes.io/component=test", "-o", "name")
    assert not left.strip()


def test_widened_again_it_takes_up_what_waited(narrowed: tuple[str, str]) -> None:
    _, there = narrowed
    install()
    sbundle.ready(there, "elsewhere", seconds=60)
    gone = kubectl("get", "role,rolebinding", "-A", "-o", "name", "-l", "app.kubernetes.io/instance=" + RELEASE)
    assert "supportbundle-operator-watch" not in gone
