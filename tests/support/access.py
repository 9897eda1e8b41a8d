"""Asking a real API server as various people, and what they should hear.

Requests go over one `kubectl proxy` with impersonation headers: a kubectl for each would take most of the time.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Object = dict[str, Any]
Rule = Mapping[str, Sequence[str]]
Method = Literal["GET", "POST", "PATCH", "DELETE"]
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
RBAC = "rbac.authorization.k8s.io"
SPREAD_SECONDS = 10.0
"""New RBAC objects and policies reach the API server's caches within this time."""
CLUSTER_SCOPED = frozenset({"SupportBundleDestination", "SupportBundleTemplate", "ClusterRole", "ClusterRoleBinding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said to one request: the message of a refusal, or the object."""

    ok: bool
    text: str


def collection(obj: Object, namespace: str) -> str:
    """The path to which this object is posted."""
    api, kind = obj["apiVersion"], obj["kind"]
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    scope = "" if kind in CLUSTER_SCOPED else f"/namespaces/{namespace}"
    return f"{root}{scope}/{kind.lower()}s"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who speaks to the API server; `user` None is the admin. All is a dry run unless `dry` says no."""

    server: str
    user: str | None
    namespace: str

    def ask(self, method: Method, path: str, body: Object | None = None, kind: str = "application/json") -> Answer:
        """One request."""
        headers = {"Content-Type": kind} | ({"Impersonate-User": self.user} if self.user else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data=data, headers=headers, method=method)  # noqa: S310 - our own proxy
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own proxy
                return Answer(ok=True, text=response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(ok=False, text=json.loads(error.read())["message"])

    def create(self, obj: Object, *, dry: bool = True) -> Answer:
        """POST, refusing fields that nobody knows."""
        return self.ask("POST", f"{collection(obj, self.namespace)}?fieldValidation=Strict{_dry(dry=dry)}", obj)

    def apply(self, obj: Object) -> Answer:
        """Server-side apply."""
        name, query = obj["metadata"]["name"], "fieldManager=test&force=true"
        return self.ask("PATCH", f"{collection(obj, self.namespace)}/{name}?{query}{_dry(dry=True)}", obj, APPLY)

    def patch(self, obj: Object, patch: Object, *, dry: bool = True) -> Answer:
        """Merge patch of the object that bears this name."""
        path = f"{collection(obj, self.namespace)}/{obj['metadata']['name']}"
        return self.ask("PATCH", f"{path}?{_dry(dry=dry)}", patch, MERGE)

    def get(self, obj: Object) -> Answer:
        """GET."""
        return self.ask("GET", f"{collection(obj, self.namespace)}/{obj['metadata']['name']}")

    def delete(self, obj: Object, *, dry: bool = True) -> Answer:
        """DELETE."""
        return self.ask("DELETE", f"{collection(obj, self.namespace)}/{obj['metadata']['name']}?{_dry(dry=dry)}")

    def may(self, verb: str, resource: str) -> bool:
        """Whether RBAC grants it on bundles, destinations or templates in the namespace."""
        resource, _, subresource = resource.partition("/")
        attributes = {"group": "supportbundle.dev", "resource": resource, "subresource": subresource, "verb": verb}
        review = {"spec": {"resourceAttributes": {**attributes, "namespace": self.namespace}}}
        answer = self.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        assert answer.ok, answer.text
        return bool(json.loads(answer.text)["status"]["allowed"])


def _dry(*, dry: bool) -> str:
    return "&dryRun=All" if dry else ""


def until(expected: Callable[[Answer], bool], request: Callable[[], Answer]) -> Answer:
    """Repeat while caches catch up; returns the last answer."""
    deadline = time.monotonic() + SPREAD_SECONDS
    while not expected(answer := request()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def accepted(request: Callable[[], Answer]) -> None:
    """AssertionError with what the server says, unless it accepts in the end."""
    answer = until(lambda a: a.ok, request)
    assert answer.ok, answer.text


def refused(request: Callable[[], Answer], *words: str) -> str:
    """Refused with all these words in the message, which is returned."""
    answer = until(lambda a: not a.ok and all(word in a.text for word in words), request)
    assert not answer.ok, f"accepted: {answer.text}"
    for word in words:
        assert word in answer.text, answer.text
    return answer.text


@dataclass(frozen=True, slots=True)
class Site:
    """The installed chart and one tenant's namespace."""

    release: str
    namespace: str
    admin: Person
    operator: Person

    def person(self, *rules: Rule) -> Person:
        """A new user with these rights in the tenant's namespace."""
        user = f"user-{uuid.uuid4().hex[:8]}"
        if rules:
            self.grant(user, *rules)
        return Person(self.admin.server, user, self.namespace)

    def account(self, name: str) -> str:
        """A new ServiceAccount; returns its user name."""
        self.make({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        return f"system:serviceaccount:{self.namespace}:{name}"

    def grant(self, user: str, *rules: Rule) -> None:
        """A Role with these rules, bound to the user."""
        name = f"{user.replace(':', '-')}-{uuid.uuid4().hex[:4]}"
        role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}}
        self.make({**role, "rules": [dict(rule) for rule in rules]})
        self.bind(user, "Role", name)

    def bind(self, user: str, kind: Literal["Role", "ClusterRole"], role: str) -> None:
        """A RoleBinding in the tenant's namespace."""
        self.make(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"generateName": "test-"},
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
                "subjects": [{"kind": "User", "name": user}],
            }
        )

    def make(self, obj: Object) -> None:
        """Really create something as the admin."""
        answer = self.admin.create(obj, dry=False)
        assert answer.ok, answer.text


def bundle(**spec: object) -> Object:
    """A SupportBundle that asks for logs, with these fields instead."""
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundle",
        "metadata": {"name": "b"},
        "spec": {
            "target": {"selector": {}},
            "capabilities": ["Logs"],
            "collectors": [{"name": "logs", "type": "Logs"}],
            **spec,
        },
    }
