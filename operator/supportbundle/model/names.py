"""Every name that the operator gives, derived from the bundle alone, so that a repeated act meets its own result."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

GROUP: Final = "supportbundle.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
PLURAL: Final = "supportbundles"
KIND: Final = "SupportBundle"
DESTINATIONS: Final = "supportbundledestinations"
TEMPLATES: Final = "supportbundletemplates"
SCHEDULES: Final = "supportbundleschedules"
SCHEDULE_KIND: Final = "SupportBundleSchedule"
APPROVALS: Final = "supportbundleapprovals"
FINALIZER: Final = f"{GROUP}/artifact"
"""On bundles with `deletionPolicy: Delete`: their zip goes before they do."""
MANAGED_BY: Final = "supportbundle-operator"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_UID: Final = f"{GROUP}/bundle-uid"
LABEL_BUNDLE: Final = f"{GROUP}/bundle"
LABEL_SCHEDULE: Final = f"{GROUP}/schedule"
LABEL_SCHEDULE_UID: Final = f"{GROUP}/schedule-uid"
COLLECTOR_NAME: Final = "supportbundle-collector"
DELIVERY_NAME: Final = "supportbundle-delivery"
PSEUDONYMS: Final = "supportbundle-pseudonyms-"
_LONGEST: Final = 253


def run_name(uid: str) -> str:
    """Job, ServiceAccount, RoleBinding prefix and Secret of one bundle: 39 characters, so pod names fit in 63."""
    return f"sb-{uid}"


def review_name(uid: str, by: str) -> str:
    """Secret, Role and RoleBinding of one reviewer's link, in the operator's own namespace: 63 characters."""
    return f"{run_name(uid)}-review-{hashlib.sha256(by.encode()).hexdigest()[:16]}"


def pseudonym_secret(destination: str) -> str:
    """The Secret of the operator's namespace with a destination's key of pseudonyms.

    A name of a Secret has at most 253 characters, and so has a destination's.
    """
    name = f"{PSEUDONYMS}{destination}"
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 17].rstrip('-.')}-{hashlib.sha256(destination.encode()).hexdigest()[:16]}"


def labels(name: str, uid: str, program: str = COLLECTOR_NAME) -> dict[str, str]:
    """Labels of everything made for a bundle. A label value holds 63 characters; the uid identifies."""
    return {
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_NAME: program,
        LABEL_UID: uid,
        LABEL_BUNDLE: name[:63].rstrip("-."),
    }


def scheduled_bundle(schedule: str, uid: str, nominal: datetime) -> str:
    """The bundle of one time of a schedule: a repeat meets it. At most 200 characters."""
    stamp = nominal.astimezone(UTC).strftime("%Y%m%d%H%M")
    return f"{schedule[:150].rstrip('-.')}-{stamp}-{_short(uid)}"


def triggered_bundle(schedule: str, uid: str, owner: str, previous: datetime | None) -> str:
    """The bundle about one owner after the `previous` one about it, of whichever trigger: a repeat meets it."""
    episode = previous.astimezone(UTC).isoformat() if previous else ""
    return f"{schedule[:150].rstrip('-.')}-{_short(uid, owner, episode)}"


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


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


def staged_key(prefix: str) -> str:
    """The finished zip of a bundle that is not assembled where it stays."""
    return f"{prefix}bundle.zip"


def encrypted_key(prefix: str) -> str:
    """The staged zip, encrypted once: every try of the delivery sends the same bytes."""
    return f"{prefix}bundle.zip.age"


def upload_key(prefix: str) -> str:
    """Which unfinished upload at the destination a delivery may go on with; written as often as one begins."""
    return f"{prefix}upload.json"


def delivered_key(prefix: str) -> str:
    """The write-once proof that the destination holds everything."""
    return f"{prefix}delivered.json"


def link_key(digest: str) -> str:
    """The write-once word on who may use a link; the digest is that of the link. Of all clusters, and never swept."""
    return f"links/{digest}"


def delivery_name(uid: str) -> str:
    """Job and Secret of a delivery, in the operator's namespace: 47 characters, so pod names fit in 63."""
    return f"{run_name(uid)}-deliver"


def artifact_root(cluster_id: str) -> str:
    """Below it lie all finished zips of this cluster."""
    return f"bundles/{cluster_id}/"


def artifact_key(cluster_id: str, namespace: str, name: str, uid: str, *, encrypted: bool = False) -> str:
    """The finished zip. The cluster's id keeps two clusters with one bucket apart."""
    return f"{artifact_root(cluster_id)}{namespace}/{name}-{uid}.zip{'.age' if encrypted else ''}"
