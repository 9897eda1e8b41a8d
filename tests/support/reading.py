"""Objects of the API server without a process for each look: a test that waits looks five times a second.

One `kubectl proxy` a test run brings whatever credentials the kubeconfig names; kinds may be written as for kubectl.
"""

from __future__ import annotations

import atexit
import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

SECONDS = 60
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Unread(Exception):
    """The API server refused, does not know what was asked for, or is away."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of a kind are, and how `kubectl -o name` calls them."""

    root: str
    plural: str
    title: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Of the collection, or of one object."""
        inside = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{inside}/{self.plural}" + (f"/{name}" if name else "")


def one(namespace: str, kind: str, name: str) -> dict[str, Any]:
    """One object.

    Raises:
        Unread: there is none, or it cannot be had now.
    """
    return _read(_kind(kind).path(namespace, name))


def listed(namespace: str, kinds: str, selector: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The objects of one kind or of several (`jobs,pods`), each with its name as `kubectl -o name` writes it.

    Raises:
        Unread: they cannot be had now.
    """
    query = "?" + urlencode({"labelSelector": selector}) if selector else ""
    found = []
    for kind in map(_kind, kinds.split(",")):
        items = _read(kind.path(namespace) + query)["items"]
        found += [(f"{kind.title}/{item['metadata']['name']}", item) for item in items]
    return found


def _read(path: str, accept: str = "application/json") -> dict[str, Any]:
    for attempt in (1, 2):  # a kept connection may have ended since
        connection = _connection()
        try:
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if attempt == 1:
                continue
            raise Unread(f"{path}: {error}") from error
        break
    if answer.status != http.client.OK:
        raise Unread(f"{path}: {answer.status} {body[:2000].decode(errors='replace')}")
    found: dict[str, Any] = json.loads(body)
    return found


@cache
def server() -> str:
    """Host and port of the API server for the admin of the current kubeconfig, until this process ends.

    Raises:
        Unread: kubectl cannot serve it.
    """
    process = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
    atexit.register(process.terminate)
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:\d+", said)
    if found is None:
        raise Unread(f"kubectl proxy did not start: {said}")
    return found[0]


@cache
def _connection() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server(), timeout=SECONDS)


def _kind(name: str) -> Kind:
    if name not in _kinds():
        _kinds.cache_clear()  # a CRD may have come since
    if name not in _kinds():
        raise Unread(f"The API server knows no kind {name}.")
    return _kinds()[name]


@cache
def _kinds() -> dict[str, Kind]:
    """By each name under which kubectl knows it; where two groups have one name, that of the first counts."""
    found: dict[str, Kind] = {}
    for root in ("/api", "/apis"):
        for group in _read(root, DISCOVERY)["items"]:
            for names, kind in _of_group(root, group):
                for name in names:
                    found.setdefault(name, kind)
    return found


def _of_group(root: str, group: dict[str, Any]) -> Iterator[tuple[list[str], Kind]]:
    name = group["metadata"].get("name", "")
    version = group["versions"][0]  # the preferred one comes first
    path = "/".join(part for part in (root, name, version["version"]) if part)
    for resource in version["resources"]:
        plural, singular = resource["resource"], resource["singularResource"]
        suffix = f".{name}" if name else ""
        kind = Kind(path, plural, singular + suffix, resource["scope"] == "Namespaced")
        yield [plural, singular, *resource.get("shortNames", ()), plural + suffix, singular + suffix], kind
