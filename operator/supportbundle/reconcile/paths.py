"""API paths of the objects that the operator reads and writes."""

from __future__ import annotations

from supportbundle.model import names
from supportbundle.model.paths import collection, one

EVERY_BUNDLE = collection(names.API_VERSION, names.PLURAL)
EVERY_DESTINATION = collection(names.API_VERSION, names.DESTINATIONS)
CLUSTER_ID_SOURCE = one("v1", "namespaces", "kube-system")
"""The Namespace whose uid lives as long as the cluster."""


ACCESS_REVIEWS = collection("authorization.k8s.io/v1", "subjectaccessreviews")


def namespace(name: str) -> str:
    """One Namespace."""
    return one("v1", "namespaces", name)


def bundle(namespace: str, name: str) -> str:
    """One SupportBundle."""
    return one(names.API_VERSION, names.PLURAL, name, namespace)


def destination(name: str) -> str:
    """One SupportBundleDestination."""
    return one(names.API_VERSION, names.DESTINATIONS, name)


def every(kind: str, namespace: str) -> str:
    """All objects of a kind that the operator makes or reads, in one namespace."""
    return collection(_VERSIONS[kind], kind, namespace)


def named(kind: str, namespace: str, name: str) -> str:
    """One of them."""
    return one(_VERSIONS[kind], kind, name, namespace)


def policy(name: str) -> str:
    """A ValidatingAdmissionPolicy."""
    return one("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", name)


def policy_binding(name: str) -> str:
    """A ValidatingAdmissionPolicyBinding; policy and binding bear one name."""
    return one("admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", name)


_VERSIONS = {
    "pods": "v1",
    "events": "v1",
    "secrets": "v1",
    "serviceaccounts": "v1",
    "jobs": "batch/v1",
    "rolebindings": "rbac.authorization.k8s.io/v1",
}
