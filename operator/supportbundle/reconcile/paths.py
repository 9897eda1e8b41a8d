"""API paths of the objects that the operator reads and writes."""

from __future__ import annotations

from supportbundle.model import names
from supportbundle.model.paths import collection, one

EVERY_DESTINATION = collection(names.API_VERSION, names.DESTINATIONS)
CLUSTER_ID_SOURCE = one("v1", "namespaces", "kube-system")
"""The Namespace whose uid lives as long as the cluster."""

API_SERVERS = one("discovery.k8s.io/v1", "endpointslices", "kubernetes", "default")
"""The addresses of the API server, which writes them itself."""
ACCESS_REVIEWS = collection("authorization.k8s.io/v1", "subjectaccessreviews")


def everywhere(kind: str) -> str:
    """All objects of a kind, in all namespaces."""
    return collection(_VERSIONS[kind], kind)


def namespace(name: str) -> str:
    """One Namespace."""
    return one("v1", "namespaces", name)


def bundle(namespace: str, name: str) -> str:
    """One SupportBundle."""
    return one(names.API_VERSION, names.PLURAL, name, namespace)


def bundles(namespace: str) -> str:
    """All SupportBundles of a namespace."""
    return collection(names.API_VERSION, names.PLURAL, namespace)


def schedules(namespace: str) -> str:
    """All SupportBundleSchedules of a namespace."""
    return collection(names.API_VERSION, names.SCHEDULES, namespace)


def schedule(namespace: str, name: str) -> str:
    """One SupportBundleSchedule."""
    return one(names.API_VERSION, names.SCHEDULES, name, namespace)


def destination(name: str) -> str:
    """One SupportBundleDestination."""
    return one(names.API_VERSION, names.DESTINATIONS, name)


def template(name: str) -> str:
    """One SupportBundleTemplate."""
    return one(names.API_VERSION, names.TEMPLATES, name)


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
    names.PLURAL: names.API_VERSION,
    "pods": "v1",
    "events": "v1",
    "secrets": "v1",
    "serviceaccounts": "v1",
    "jobs": "batch/v1",
    "leases": "coordination.k8s.io/v1",
    "rolebindings": "rbac.authorization.k8s.io/v1",
    "roles": "rbac.authorization.k8s.io/v1",
    names.APPROVALS: names.API_VERSION,
}
