"""PersistentVolumeClaims without a volume, that lost theirs, or that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Source, name_of
from supportbundle.findings.view import View

YOUNG: Final = timedelta(seconds=30)
"""A new claim has a moment to be bound."""

_EVENTS = (
    "ProvisioningFailed",
    "FailedBinding",
    "VolumeResizeFailed",
    "ExternalExpanding",
    "ClaimLost",
    "ClaimMisbound",
)
_PENDING = (
    "No volume fits or can be made. See the Events: whether the storage class exists (kubectl get storageclass), "
    "whether its provisioner runs, and whether size and accessModes can be had. Without storageClassName the cluster "
    "needs a default one."
)
_LOST = "Its PersistentVolume is gone, and with it perhaps the data. Restore the volume, or a backup."
_WAITS = "Its storage class makes the volume when a pod has a node: see the check pending-pods."
_RESIZE = "The volume or its file system is still to grow; often it does when a pod mounts it again. See the Events."


def _run(seen: Seen) -> Iterator[Draft]:
    for name in (View(absent).name() for absent in seen.absent):
        about = About(kind="PersistentVolumeClaim", name=name)
        said = evidence("spec.volumes.persistentVolumeClaim", f"{name} is used by a pod and does not exist")
        advice = "Create the claim, or correct claimName."
        yield Draft(Severity.CRITICAL, f"PersistentVolumeClaim {name} does not exist", about, (said,), advice)
    for claim in seen.claims:
        yield from _claim(seen, claim)


def _claim(seen: Seen, claim: View) -> Iterator[Draft]:
    name, phase = name_of(claim), claim["status"]["phase"].text()
    about = About(kind="PersistentVolumeClaim", name=name)
    made = claim["metadata"]["creationTimestamp"].moment()
    events = tuple(event.evidence for event in seen.about("PersistentVolumeClaim", name, *_EVENTS))
    said = evidence("status.phase", phase, made)
    waiting = seen.about("PersistentVolumeClaim", name, "WaitForFirstConsumer")
    if phase == "Pending" and waiting and not events:
        title = f"PersistentVolumeClaim {name} waits for a pod that uses it to find a node"
        yield Draft(Severity.INFO, title, about, (said, waiting[0].evidence), _WAITS, since=made)
    elif phase == "Pending" and (events or made is None or seen.now - made >= YOUNG):
        asked = evidence("spec.storageClassName", claim["spec"]["storageClassName"].name() or "not set")
        title = f"PersistentVolumeClaim {name} has no volume"
        yield Draft(Severity.CRITICAL, title, about, (said, asked, *events), _PENDING, since=made)
    elif phase == "Lost":
        title = f"PersistentVolumeClaim {name} has lost its volume"
        yield Draft(Severity.CRITICAL, title, about, (said, *events), _LOST)
    for _, condition in claim["status"]["conditions"].each():
        kind = condition["type"].name()[:63]
        if "Resize" in kind and condition["status"].text() == "True":
            title = f"PersistentVolumeClaim {name} waits for a larger volume or file system"
            text = f"{kind}: {condition['message'].text()}"
            found = evidence("status.conditions", text, condition["lastTransitionTime"].moment())
            yield Draft(Severity.WARNING, title, about, (found, *events), _RESIZE)


CHECK = Check(
    "volume-claims",
    "PersistentVolumeClaims of the targets that are Pending, Lost, absent or to be resized. How full a volume is the "
    "API server does not know.",
    frozenset({Source.CLAIMS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
