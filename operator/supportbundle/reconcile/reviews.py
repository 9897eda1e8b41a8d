"""Links for reviewers: a presigned GET of the staged zip, in a Secret that one person may read.

All lies in the operator's own namespace: a Secret, a Role that grants `get` on it by name, and a binding to that
person. The URL stands nowhere else.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta

from supportbundle.decide.approval import link
from supportbundle.errors import Conflict, NotFound
from supportbundle.model import names
from supportbundle.model.approval import Approval, Word
from supportbundle.model.bundle import Bundle
from supportbundle.reconcile import paths
from supportbundle.reconcile.approvals import tell
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.manifests import Manifest
from supportbundle.reconcile.stores import Place

LIFETIME = timedelta(minutes=15)
RENEW_AFTER = timedelta(minutes=4)
"""Less than the time between two looks at a bundle that awaits approval, so that each look renews."""


async def keep_links(bundle: Bundle, place: Place, words: Iterable[Approval], deadline: datetime, deps: Deps) -> None:
    """A fresh link for everybody who has asked for one, and none for anybody else."""
    uid = bundle.metadata.uid
    asked = {names.review_name(uid, w.spec.by): w for w in words if w.spec.decision == Word.REVIEW and not w.refused}
    for name in await _standing(uid, deps) - asked.keys():
        await _remove(name, deps)
    signed = deps.memory.links.setdefault(uid, {})
    for name, word in asked.items():
        if name not in signed or deps.clock() - signed[name] >= RENEW_AFTER or word.answer is None:
            await _write(bundle, place, name, word.spec.by, deadline, deps)
            signed[name] = deps.clock()
        command = f"kubectl -n {deps.namespace} get secret {name} -o jsonpath='{{.data.url}}' | base64 -d"
        await tell(word, link(command, deadline), deps)


async def drop_links(uid: str, deps: Deps) -> None:
    """No link to this bundle is left."""
    for name in await _standing(uid, deps):
        await _remove(name, deps)
    deps.memory.links.pop(uid, None)


async def _standing(uid: str, deps: Deps) -> set[str]:
    selector = {"labelSelector": f"{names.LABEL_UID}={uid}"}
    roles = deps.client.items(paths.every("roles", deps.namespace), selector)
    return {role["metadata"]["name"] async for role in roles}


async def _remove(name: str, deps: Deps) -> None:
    """The Role goes last: it is what `_standing` finds."""
    for kind in ("secrets", "rolebindings", "roles"):
        try:
            await deps.client.delete(paths.named(kind, deps.namespace, name))
        except NotFound:
            continue


async def _write(bundle: Bundle, place: Place, name: str, by: str, deadline: datetime, deps: Deps) -> None:
    meta = bundle.metadata
    key = names.staged_key(names.staging_prefix(deps.cluster_id, meta.namespace, meta.uid))
    lifetime = max(timedelta(seconds=1), min(LIFETIME, deadline - deps.clock()))
    signed = await deps.blocking(lambda: place.store.presign_get(key, expires=lifetime))
    for kind, obj in manifests(bundle, name, by, signed.url, deps.namespace):
        path = paths.every(kind, deps.namespace)
        try:
            await deps.client.create(path, obj)
        except Conflict:
            if kind == "secrets":
                await deps.client.patch(f"{path}/{name}", {"data": obj["data"]})


def manifests(bundle: Bundle, name: str, by: str, url: str, namespace: str) -> tuple[tuple[str, Manifest], ...]:
    """What makes one link: the Role first, so that a crash leaves nothing that cannot be found. Pure."""
    rbac = "rbac.authorization.k8s.io"
    meta = {
        "name": name,
        "namespace": namespace,
        "labels": names.labels(bundle.metadata.name, bundle.metadata.uid),
    }
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}
    subject = {"kind": "User", "apiGroup": rbac, "name": by}
    return (
        ("roles", {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]}),
        (
            "secrets",
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "Opaque",
                "metadata": meta,
                "data": {"url": base64.b64encode(url.encode()).decode()},
            },
        ),
        (
            "rolebindings",
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
                "subjects": [subject],
            },
        ),
    )
