"""The objects that a run needs in the bundle's namespace, as the API takes them. Pure.

Every object is owned by the bundle, so deleting the bundle removes all of them; names come from the uid, so creating
twice meets what is there.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

from supportbundle.config import OperatorConfig
from supportbundle.decide.chain import GRACE
from supportbundle.errors import TooLarge
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.mounts import (
    KNOWN_DIR,
    PLAN_FILE,
    PSEUDONYM_KEY_FILE,
    RUN_DIR,
    SCRATCH_DIR,
    TOKEN_DIR,
    UPLOADS_FILE,
)
from supportbundle.model.plan import START_ALLOWANCE, Plan, Uploads

Manifest = dict[str, Any]
USER_ID = 65532
TOKEN_SECONDS = 600
"""The shortest lifetime that the API grants; the kubelet renews the token."""
DEADLINE_MARGIN_SECONDS = int((START_ALLOWANCE + GRACE).total_seconds())
"""At the Job's deadline running pods are deleted without a word."""
HAND_IN_SECONDS = 50
"""For a pod that is told to end, to end its tasks and upload what it has; below `decide.lifetime.HAND_IN`."""
PSEUDONYM_KEY = "key"
SECRET_LIMIT = (1 << 20) - (64 << 10)
"""Bytes of a Secret's data. Kubernetes takes 1 MiB (core/v1, MaxSecretSize); the rest is for renewed URLs."""
NO_SIDECARS = {
    "sidecar.istio.io/inject": "false",
    "linkerd.io/inject": "disabled",
    "kuma.io/sidecar-injection": "disabled",
}


class PlanTooLarge(TooLarge):
    """A plan that the collector pods cannot be given."""

    reason = "PlanTooLarge"


def metadata(bundle: Bundle, name: str) -> Manifest:
    """ObjectMeta of anything made for this bundle."""
    meta = bundle.metadata
    return {
        "name": name,
        "namespace": meta.namespace,
        "labels": names.labels(meta.name, meta.uid),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": meta.name,
                "uid": meta.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def packed(document: str) -> str:
    """Gzip'd and base64'd, as a Secret's data; the same document always gives the same text."""
    return base64.b64encode(gzip.compress(document.encode(), mtime=0)).decode()


def run_secret(bundle: Bundle, plan: Plan, uploads: Uploads, pseudonym_key: bytes | None = None) -> Manifest:
    """The plan, where each shard may write, and the key of pseudonyms if the bundle asks for some."""
    key = {PSEUDONYM_KEY_FILE: base64.b64encode(pseudonym_key).decode()} if pseudonym_key else {}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(bundle, names.run_name(bundle.metadata.uid)),
        "data": {
            PLAN_FILE: packed(plan.model_dump_json(by_alias=True)),
            UPLOADS_FILE: packed(uploads.model_dump_json(by_alias=True)),
            **key,
        },
    }


def pseudonym_secret(destination: str, namespace: str, key: bytes) -> Manifest:
    """A destination's key of pseudonyms. Nobody owns it, for zips outlive their bundles and are asked about."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": names.pseudonym_secret(destination),
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "data": {PSEUDONYM_KEY: base64.b64encode(key).decode()},
    }


def require_room(secret: Manifest) -> None:
    """Check that the API server will take the run's Secret, also with URLs that are signed anew and pack worse.

    Raises:
        PlanTooLarge: it will not.
    """
    size = sum(len(base64.b64decode(value)) for value in secret["data"].values())
    if size > SECRET_LIMIT:
        raise PlanTooLarge(
            f"The plan and its upload URLs take {size} bytes, and the collector pods can be given {SECRET_LIMIT}.",
            "Narrow the target, or split the collectors into several bundles.",
        )


def renewed_uploads(uploads: Uploads) -> Manifest:
    """The merge patch that replaces the URLs."""
    return {"data": {UPLOADS_FILE: packed(uploads.model_dump_json(by_alias=True))}}


def service_account(bundle: Bundle) -> Manifest:
    """The identity that lives as long as the collection."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(bundle, names.run_name(bundle.metadata.uid)),
        "automountServiceAccountToken": False,
    }


def role_bindings(bundle: Bundle, plan: Plan, config: OperatorConfig) -> tuple[Manifest, ...]:
    """One binding to the fixed ClusterRole of each capability."""
    run = names.run_name(bundle.metadata.uid)
    return tuple(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata(bundle, f"{run}-{capability.lower()}"),
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": f"{config.collect_role_prefix}{capability.lower()}",
            },
            "subjects": [{"kind": "ServiceAccount", "name": run, "namespace": bundle.metadata.namespace}],
        }
        for capability in plan.capabilities
    )


def job(bundle: Bundle, plan: Plan, config: OperatorConfig) -> Manifest:
    """The Indexed Job: one index a shard; a lost index is retried alone and costs only its own tasks."""
    shards = len(plan.shards)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(bundle, names.run_name(bundle.metadata.uid)),
        "spec": {
            "completionMode": "Indexed",
            "completions": shards,
            "parallelism": min(plan.parallelism, shards),
            "backoffLimitPerIndex": 2,
            "activeDeadlineSeconds": plan.max_duration_seconds + DEADLINE_MARGIN_SECONDS,
            "ttlSecondsAfterFinished": 3600,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {
                    "labels": names.labels(bundle.metadata.name, bundle.metadata.uid),
                    "annotations": NO_SIDECARS,
                },
                "spec": _pod_spec(bundle, plan, config),
            },
        },
    }


def _pod_spec(bundle: Bundle, plan: Plan, config: OperatorConfig) -> Manifest:
    volumes = _volumes(bundle, plan, config)
    spec: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": bundle.spec.service_account_name or names.run_name(bundle.metadata.uid),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": HAND_IN_SECONDS if plan.hands_in else 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(volumes, config)],
        "volumes": [volume for volume, _ in volumes],
    }
    pod = config.collector
    optional = {
        "imagePullSecrets": [{"name": name} for name in config.image_pull_secrets],
        "nodeSelector": pod.node_selector,
        "tolerations": list(pod.tolerations),
        "priorityClassName": pod.priority_class_name,
    }
    return spec | {key: value for key, value in optional.items() if value}


def _container(volumes: list[tuple[Manifest, str]], config: OperatorConfig) -> Manifest:
    return {
        "name": "collector",
        "image": config.image,
        "imagePullPolicy": config.image_pull_policy,
        "args": ["collect"],
        "env": [{"name": name, "value": value} for name, value in sorted(config.proxy.items())],
        "resources": dict(config.collector.resources),
        # Never the log's end: what a dying process prints has passed no sanitizer, and status is for everybody.
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume["name"], "mountPath": path, "readOnly": "emptyDir" not in volume}
            for volume, path in volumes
        ],
    }


def _volumes(bundle: Bundle, plan: Plan, config: OperatorConfig) -> list[tuple[Manifest, str]]:
    """Each volume with the path at which it is mounted."""
    volumes: list[tuple[Manifest, str]] = [
        ({"name": "run", "secret": {"secretName": names.run_name(bundle.metadata.uid)}}, str(RUN_DIR)),
        ({"name": "scratch", "emptyDir": {"sizeLimit": config.collector.scratch_size}}, str(SCRATCH_DIR)),
        ({"name": "api", "projected": {"sources": _TOKEN_SOURCES}}, str(TOKEN_DIR)),
    ]
    volumes += (
        # Optional: a Secret that is gone must not keep the pod from starting; the collector fails its tasks closed.
        ({"name": f"known-{i}", "secret": {"secretName": s.name, "optional": True}}, str(KNOWN_DIR / s.name))
        for i, s in enumerate(plan.secrets)
    )
    return volumes


_TOKEN_SOURCES: list[Mapping[str, Any]] = [
    {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
        }
    },
]
