"""Kinds of storage by name. A new kind is a file with its `Store`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from supportbundle.errors import Invalid
from supportbundle.model.destination import DestinationSpec, DestinationType
from supportbundle.storage.base import Credentials, Store
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

Opener = Callable[[DestinationSpec, Credentials | None], Store]


def open_store(spec: DestinationSpec, credentials: Credentials | None = None) -> Store:
    """The store of a destination. Nothing is asked of it yet.

    Raises:
        Invalid: the options of the destination's type are missing.
    """
    return OPENERS[spec.type](spec, credentials)


def read_credentials(secret: Mapping[str, bytes], *, name: str) -> Credentials:
    """Static keys from the data of the Secret `name`.

    Raises:
        Invalid: a key is missing or no text.
    """
    try:
        token = secret.get("sessionToken")
        return Credentials(
            secret["accessKey"].decode("ascii").strip(),
            secret["secretKey"].decode("ascii").strip(),
            token.decode("ascii").strip() if token else None,
        )
    except (KeyError, UnicodeDecodeError):
        raise Invalid(
            f"The Secret {name!r} does not hold credentials for object storage.",
            "It needs the keys accessKey and secretKey, and sessionToken for temporary credentials.",
        ) from None


def _open_s3(spec: DestinationSpec, credentials: Credentials | None) -> Store:
    if spec.s3 is None:
        raise Invalid("The destination is of type S3 but has no options in spec.s3.", "An admin must add them.")
    options = spec.s3
    return S3Store(
        StoreConfig(
            bucket=options.bucket,
            endpoint=options.endpoint,
            region=options.region,
            prefix=options.prefix,
            path_style=options.path_style,
            ca_pem=options.ca_bundle,
            credentials=credentials,
        )
    )


OPENERS: Final[Mapping[DestinationType, Opener]] = {DestinationType.S3: _open_s3}
