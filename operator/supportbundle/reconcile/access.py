"""Asking the API server what a ServiceAccount may do, right by right."""

from __future__ import annotations

from supportbundle.kube.client import Client
from supportbundle.reconcile import paths

Right = tuple[str, str, str, str]
"""Verb, API group, resource (with its subresource, as RBAC writes it), name or empty for all."""


async def allowed(client: Client, namespace: str, account: str, right: Right) -> bool:
    """Whether the account holds the right in the namespace."""
    verb, group, resource, name = right
    kind, _, subresource = resource.partition("/")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            "resourceAttributes": {
                "namespace": namespace,
                "verb": verb,
                "group": group,
                "resource": kind,
                "subresource": subresource,
                "name": name,
            },
        },
    }
    answer = await client.create(paths.ACCESS_REVIEWS, review)
    return bool(answer.get("status", {}).get("allowed"))
