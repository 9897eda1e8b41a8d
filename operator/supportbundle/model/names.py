"""Every name that the operator gives, derived from the bundle alone, so that a repeated act meets its own result."""

from __future__ import annotations

import hashlib
from typing import Final

GROUP: Final = "supportbundle.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
PLURAL: Final = "supportbundles"
KIND: Final = "SupportBundle"
DESTINATIONS: Final = "supportbundledestinations"
MANAGED_BY: Final = "supportbundle-operator"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_UID: Final = f"{GROUP}/bundle-uid"
LABEL_BUNDLE: Final = f"{GROUP}/bundle"
COLLECTOR_NAME: Final = "supportbundle-collector"
PSEUDONYMS: Final = "supportbundle-pseudonyms-"
_LONGEST: Final = 253


def run_name(uid: str) -> str:
    """Job, ServiceAccount, RoleBinding prefix and Secret of one bundle: 39 characters, so pod names fit in 63."""
    return f"sb-{uid}"


def pseudonym_secret(destination: str) -> str:
    """The Secret of the operator's namespace with a destination's key of pseudonyms.

    A name of a Secret has at most 253 characters, and so has a destination's.
    """
    name = f"{PSEUDONYMS}{destination}"
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 17].rstrip('-.')}-{hashlib.sha256(destination.encode()).hexdigest()[:16]}"


def labels(name: str, uid: str) -> dict[str, str]:
    """Labels of everything made for a bundle. A label value holds 63 characters; the uid identifies."""
    return {
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_NAME: COLLECTOR_NAME,
        LABEL_UID: uid,
        LABEL_BUNDLE: name[:63].rstrip("-."),
    }


def staging_root(cluster_id: str) -> str:
    """Below it lies everything unfinished of this cluster; a sweep may list it and nothing else."""
    return f"staging/{cluster_id}/"


def staging_prefix(cluster_id: str, namespace: str, uid: str) -> str:
    """Where one bundle's plan, fragments and progress lie."""
    return f"{staging_root(cluster_id)}{namespace}/{uid}/"


def plan_key(prefix: str) -> str:
    """The write-once plan."""
    return f"{prefix}plan.json.gz"


def fragment_key(prefix: str, shard: int) -> str:
    """The write-once result of one shard."""
    return f"{prefix}fragments/{shard:05d}"


def progress_key(prefix: str, shard: int) -> str:
    """The last word of a running shard; a hint only."""
    return f"{prefix}progress/{shard:05d}.json"


def artifact_root(cluster_id: str) -> str:
    """Below it lie all finished zips of this cluster."""
    return f"bundles/{cluster_id}/"


def artifact_key(cluster_id: str, namespace: str, name: str, uid: str) -> str:
    """The finished zip. The cluster's id keeps two clusters with one bucket apart."""
    return f"{artifact_root(cluster_id)}{namespace}/{name}-{uid}.zip"
