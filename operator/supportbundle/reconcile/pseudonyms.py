"""The key of a destination's pseudonyms: made once, kept in the operator's namespace, and all it takes to go back."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any, Final

from supportbundle.errors import Conflict, Forbidden, Invalid, NotFound
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model import names
from supportbundle.reconcile import manifests, paths

KEY_BYTES: Final = 32


async def ensure_key(client: Client, namespace: str, destination: str) -> bytes:
    """The key of a destination, made if it has none. Of two operators the first one's key stands.

    Raises:
        Invalid: the Secret is there and holds no key.
    """
    path = paths.named("secrets", namespace, names.pseudonym_secret(destination))
    try:
        return _key(await client.get(path))
    except NotFound:
        pass
    secret = manifests.pseudonym_secret(destination, namespace, secrets.token_bytes(KEY_BYTES))
    try:
        return _key(await client.create(paths.every("secrets", namespace), secret))
    except Conflict:
        return _key(await client.get(path))


async def read_key(namespace: str, destination: str) -> bytes:
    """As `known_key`, with the kubeconfig of whoever asks."""
    async with connect(await configured()) as client:
        return await known_key(client, namespace, destination)


async def known_key(client: Client, namespace: str, destination: str) -> bytes:
    """The key of a destination; none is made.

    Raises:
        Forbidden: they may not read the Secret.
        NotFound: no bundle of this destination has asked for pseudonyms, or the Secret was deleted.
        Invalid: the Secret holds no key.
    """
    name = names.pseudonym_secret(destination)
    try:
        return _key(await client.get(paths.named("secrets", namespace, name)))
    except Forbidden as error:
        raise Forbidden(
            f"Turning pseudonyms back needs the right get on secrets/{name} in namespace {namespace}: {error.cause}",
            "Ask an admin for it, or to reveal what you need.",
        ) from error
    except NotFound as error:
        raise NotFound(
            f"There is no Secret {name} in namespace {namespace}: no bundle has asked for pseudonyms for "
            f"destination {destination}, or the key was deleted.",
            "Name the destination with --destination and the operator's namespace with --namespace.",
        ) from error


def _key(secret: Mapping[str, Any]) -> bytes:
    try:
        key = base64.b64decode((secret.get("data") or {}).get(manifests.PSEUDONYM_KEY, ""), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        name = secret["metadata"]["name"]
        raise Invalid(
            f"Secret {name} holds no key of pseudonyms ({manifests.PSEUDONYM_KEY}: {KEY_BYTES} bytes).",
            "Restore it; or delete it for a new key, under which all pseudonyms are others.",
        )
    return key
