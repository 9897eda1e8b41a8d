"""Changing collector pods on their way into the API server, as service meshes and image rewriters do by webhooks.

It takes MutatingAdmissionPolicies, which the test cluster switches on (admissionregistration.k8s.io/v1beta1).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from support.kube import apply, kubectl, until
from supportbundle.model.names import LABEL_UID

VERSION = "admissionregistration.k8s.io/v1beta1"
MUTATED = "tests/mutated"
SIDECAR = """Object{spec: Object.spec{containers: [Object.spec.containers{
  name: "mesh", image: "localhost/sb-workload:test", imagePullPolicy: "IfNotPresent"}]}}"""
"""Its image serves for ever by itself: a command is an atomic list, which an apply configuration may not touch."""
IMAGE = """Object{spec: Object.spec{containers: [Object.spec.containers{
  name: "collector", image: "localhost/no-such:none"}]}}"""
MARK = f"""Object{{metadata: Object.metadata{{annotations: {{"{MUTATED}": "yes"}}}}}}"""


@contextmanager
def injected(namespace: str, expression: str) -> Iterator[None]:
    """Every collector pod that is created in the namespace meanwhile is changed by this apply configuration."""
    collectors = f"has(object.metadata.labels) && '{LABEL_UID}' in object.metadata.labels"
    policy = {
        "apiVersion": VERSION,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                ],
            },
            "matchConditions": [{"name": "collectors", "expression": collectors}],
            "mutations": [
                {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": each}}
                for each in (expression, MARK)
            ],
        },
    }
    binding = {
        "apiVersion": VERSION,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace},
    }
    apply("default", policy, binding)
    try:
        until("the policy to change pods", lambda: _changes(namespace))
        yield
    finally:
        kubectl("delete", "mutatingadmissionpolicies.v1beta1.admissionregistration.k8s.io", namespace)
        kubectl("delete", "mutatingadmissionpolicybindings.v1beta1.admissionregistration.k8s.io", namespace)


def _changes(namespace: str) -> bool:
    """Whether a pod that looks like a collector's would be changed. It is not created."""
    nobody = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    tight = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "labels": {LABEL_UID: "none"}},
        "spec": {
            "securityContext": nobody,
            "containers": [{"name": "collector", "image": "localhost/none", "securityContext": tight}],
        },
    }
    made = kubectl(
        "-n", namespace, "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=yaml.safe_dump(pod).encode()
    )
    return MUTATED in json.loads(made)["metadata"].get("annotations", {})
