"""The objects of one delivery, in the operator's own namespace. Pure.

Nothing there can be owned by a bundle of another namespace: the Job owns its Secret, and the operator removes the Job
when the bundle is over; the sweep finds what a crash has left.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any, Final

from supportbundle.config import OperatorConfig
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.delivery import DELIVERY_DIR, DELIVERY_FILE, DESTINATION_KEYS, STAGING_KEYS, Delivery
from supportbundle.reconcile.manifests import NO_SIDECARS, USER_ID, Manifest

DIGEST: Final = f"{names.GROUP}/delivery"
"""Annotation: of what the Job was told, so that one of old settings is known."""
FIRST: Final = f"{names.GROUP}/first-try"
COUNT: Final = f"{names.GROUP}/tries"
POD_RETRIES: Final = 2
"""Of one Job, without the operator's help; then the operator makes another with settings and Secrets as they are."""
LONGEST_SECONDS: Final = 24 * 3600


def digest_of(delivery: Delivery) -> str:
    """A short name of what is to be done; where nothing may be sent does not change it."""
    told = delivery.model_dump_json(by_alias=True, exclude={"api_servers"})
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def metadata(bundle: Bundle, namespace: str) -> Manifest:
    """ObjectMeta of Job and Secret."""
    meta = bundle.metadata
    return {
        "name": names.delivery_name(meta.uid),
        "namespace": namespace,
        "labels": names.labels(meta.name, meta.uid, names.DELIVERY_NAME),
    }


def secret(bundle: Bundle, namespace: str, delivery: Delivery, job_uid: str) -> Manifest:
    """What is to be sent where; credentials are mounted from the admin's own Secrets."""
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": names.delivery_name(bundle.metadata.uid),
        "uid": job_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    data = base64.b64encode(delivery.model_dump_json(by_alias=True).encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(bundle, namespace) | {"ownerReferences": [owner]},
        "data": {DELIVERY_FILE: data},
    }


def job(
    bundle: Bundle, namespace: str, delivery: Delivery, config: OperatorConfig, first: datetime, tries: int
) -> Manifest:
    """One pod at a time; it goes on where the one before it stopped."""
    about = {DIGEST: digest_of(delivery), FIRST: first.isoformat(), COUNT: str(tries)}
    described = metadata(bundle, namespace)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": described | {"annotations": about},
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": POD_RETRIES,
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {"labels": described["labels"], "annotations": NO_SIDECARS},
                "spec": _pod(bundle, delivery, config),
            },
        },
    }


def _pod(bundle: Bundle, delivery: Delivery, config: OperatorConfig) -> Manifest:
    volumes = _volumes(bundle, delivery)
    spec: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": config.delivery.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(volumes, config)],
        "volumes": [{"name": name, "secret": source} for name, source, _ in volumes],
    }
    optional = {
        "imagePullSecrets": [{"name": name} for name in config.image_pull_secrets],
        "nodeSelector": config.delivery.node_selector,
        "tolerations": list(config.delivery.tolerations),
    }
    return spec | {key: value for key, value in optional.items() if value}


def _container(volumes: list[tuple[str, dict[str, Any], str]], config: OperatorConfig) -> Manifest:
    return {
        "name": "deliver",
        "image": config.image,
        "imagePullPolicy": config.image_pull_policy,
        "args": ["deliver"],
        "env": [{"name": name, "value": value} for name, value in sorted(config.proxy.items())],
        "resources": dict(config.delivery.resources),
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": True} for name, _, path in volumes],
    }


def _volumes(bundle: Bundle, delivery: Delivery) -> list[tuple[str, dict[str, Any], str]]:
    """Name, Secret and path of each. The admin's are optional, for the program says better what is missing."""
    staging, destination = delivery.staging.credentials_secret_ref, delivery.destination.credentials
    volumes: list[tuple[str, dict[str, Any], str]] = [
        ("delivery", {"secretName": names.delivery_name(bundle.metadata.uid)}, str(DELIVERY_DIR))
    ]
    if staging is not None:
        volumes.append(("staging", {"secretName": staging.name, "optional": True}, str(STAGING_KEYS)))
    if destination is not None:
        volumes.append(("destination", {"secretName": destination, "optional": True}, str(DESTINATION_KEYS)))
    return volumes
