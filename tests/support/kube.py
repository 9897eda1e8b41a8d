"""The cluster as a user has it: kubectl and helm, and waiting for what one wants to see."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from support import reading

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "supportbundle-system"
RELEASE = "supportbundle"
OPERATOR = "deploy/supportbundle-operator"
PATIENCE = float(os.environ.get("SUPPORTBUNDLE_PATIENCE", "1"))
"""How many times longer than usual a slow machine may take for anything that is waited for."""


class CommandFailed(AssertionError):
    """A command exited with another code than 0; the message is its output."""


def run(*command: str, stdin: bytes | None = None, timeout: float = 180) -> bytes:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout[:2000]).decode(errors="replace")
        raise CommandFailed(f"{' '.join(command)}: exit code {done.returncode}\n{said}")
    return done.stdout


def kubectl(*args: str, stdin: bytes | None = None, timeout: float = 180) -> str:
    """kubectl, as text."""
    return run("kubectl", *args, stdin=stdin, timeout=timeout).decode()


def get(namespace: str, kind: str, name: str) -> dict[str, Any]:
    """One object.

    Raises:
        CommandFailed: there is none, or it cannot be had now.
    """
    try:
        return reading.one(namespace, kind, name)
    except reading.Unread as error:
        raise CommandFailed(str(error)) from error


def items(namespace: str, kinds: str, selector: str = "") -> list[dict[str, Any]]:
    """All objects of a kind, or of several with commas between them."""
    return [item for _, item in _listed(namespace, kinds, selector)]


def names(namespace: str, kinds: str, selector: str = "") -> list[str]:
    """Their names as `kubectl -o name` writes them: `pod/web-1`."""
    return [name for name, _ in _listed(namespace, kinds, selector)]


def _listed(namespace: str, kinds: str, selector: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        return reading.listed(namespace, kinds, selector)
    except reading.Unread as error:
        raise CommandFailed(str(error)) from error


def apply(namespace: str, *objects: Mapping[str, Any]) -> None:
    """Kubectl apply."""
    kubectl("-n", namespace, "apply", "-f", "-", stdin=yaml.safe_dump_all(list(objects)).encode())


def until(what: str, probe: Callable[[], T], *, seconds: float = 120) -> T:
    """The first true answer of `probe`; AssertionError after `seconds`, or more where patience is asked for."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        if answer := probe():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.2)  # between two looks at the same condition


def condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of an object's status; empty if it is not there."""
    found = [c for c in obj.get("status", {}).get("conditions") or () if c["type"] == kind]
    return found[0] if found else {}


def established(crd: str) -> None:
    """Wait until the API server serves a CRD. `kubectl wait` fails where it has no conditions yet."""
    until(f"the CRD {crd}", lambda: condition(get("default", "crd", crd), "Established").get("status") == "True")
