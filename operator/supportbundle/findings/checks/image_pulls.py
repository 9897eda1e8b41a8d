"""Images that cannot be had, and why as far as the registry tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Evidence, Severity, evidence
from supportbundle.findings.seen import Container, Seen, Source, containers, name_of

REASONS: Final = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Of `pkg/kubelet/images/types.go` and `cri-api`'s errors, in Kubernetes 1.31."""

_CAUSES: Final = (
    (
        "ErrImageNeverPull|not present with pull policy of Never",
        "it is not on the node, and imagePullPolicy is Never",
        "Load the image on the node, or set imagePullPolicy: IfNotPresent.",
    ),
    ("InvalidImageName|invalid reference format", "its name is not valid", "Correct spec.containers.image."),
    (
        "429|too ?many ?requests|rate limit(?:ed|s)?",
        "the registry limits how often it may be asked",
        "Pull with an account (imagePullSecrets), or from a mirror.",
    ),
    (
        "401|403|unauthorized|denied|authentication required|no basic auth|forbidden",
        "the registry refuses it: not authorized, or there is no such repository",
        "Check the image's name and the Secret in imagePullSecrets. Registries answer so for what does not exist, too.",
    ),
    (
        "404|not found|manifest unknown|name unknown|no matching manifest",
        "the registry has no such image, tag or platform",
        "Correct name and tag; see that the image is built for the node's architecture.",
    ),
    ("x509|certificates?|tls", "the registry's certificate is not trusted", "Make the nodes trust the registry's CA."),
    (
        "no such host|server misbehaving|lookup",
        "the registry's name cannot be resolved",
        "Check the name, and DNS on the node.",
    ),
    (
        "timeout|timed out|deadline ?exceeded|connection refused|no route|unreachable|reset by peer|EOF",
        "the registry cannot be reached",
        "Check the way from the node to the registry: proxy, firewall, mirror.",
    ),
    ("no space left", "the node's disk is full", "Free space on the node; see its images."),
)
"""What kubelet and runtime write, in the order of looking: the first that is found tells the cause."""

_COMPILED = tuple(
    (re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE), cause, advice) for pattern, cause, advice in _CAUSES
)
_REFERENCE = re.compile(r"""(?i)https?://[^\s"]{1,2048}|"[^"\s]{0,512}[/:@][^"\s]{0,512}"|\bsha256:[0-9a-f]{1,64}""")
"""Addresses, and names of images as messages quote them: their digits and words are no cause."""

_IMAGE = "spec.containers.image"
_UNKNOWN = ("the reason is in the evidence", "Read the evidence; kubectl describe pod shows it, too.")


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            waiting = container.status["state"]["waiting"]
            reason = waiting["reason"].text()
            if reason in REASONS:
                found = tuple(_evidence(seen, container, name))
                cause, advice = _cause(reason, found)
                yield Draft(
                    Severity.CRITICAL,
                    f"{name}/{container.name} has no image: {cause}",
                    About(kind="Pod", name=name, container=container.name),
                    found,
                    advice,
                    since=pod["status"]["startTime"].moment(),
                )


def _evidence(seen: Seen, container: Container, pod: str) -> Iterator[Evidence]:
    waiting = container.status["state"]["waiting"]
    yield evidence(f"{container.where}.state.waiting", f"{waiting['reason'].text()}: {waiting['message'].text()}")
    yield evidence(_IMAGE, container.spec["image"].text() or container.status["image"].text())
    for told in seen.about("Pod", pod, "Failed", "ErrImageNeverPull", "InspectFailed"):
        if told.container in {container.name, ""} and "image" in told.message.lower():
            yield told.evidence


def _cause(reason: str, found: tuple[Evidence, ...]) -> tuple[str, str]:
    images = [re.escape(each.text) for each in found if each.source == _IMAGE and each.text]
    said = " ".join((reason, *(each.text for each in found if each.source != _IMAGE)))
    said = _REFERENCE.sub(" ", said)
    for image in images:
        said = re.sub(rf"(?<!\w){image}(?!\w)", " ", said)
    return next(((cause, advice) for pattern, cause, advice in _COMPILED if pattern.search(said)), _UNKNOWN)


CHECK = Check(
    "image-pulls",
    "Containers that wait for an image: not found, not authorized, unreachable registry and others.",
    frozenset({Source.PODS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
