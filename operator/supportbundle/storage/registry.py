"""Kinds of places by name. A new kind is a file with its `Receiver`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from supportbundle.errors import Invalid
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Credentials, Receiver
from supportbundle.storage.client import Retention, StoreConfig
from supportbundle.storage.httpput import HTTPPutReceiver
from supportbundle.storage.resume import S3Receiver
from supportbundle.storage.s3 import S3Store
from supportbundle.storage.sftp import Login, SFTPReceiver

Secret = Mapping[str, bytes]
Opener = Callable[[DestinationSpec, Secret | None, Guard], Receiver]


def open_store(options: S3Options | None, credentials: Credentials | None, guard: Guard | None) -> S3Store:
    """The store of a bucket. Nothing is asked of it yet.

    Raises:
        Invalid: there are no options.
    """
    if options is None:
        raise Invalid("The destination is of type S3 but has no options in spec.s3.", "An admin must add them.")
    sse, lock = options.server_side_encryption, options.object_lock
    encryption = {"ServerSideEncryption": sse.type.value} if sse else {}
    if sse and sse.kms_key_id:
        encryption["SSEKMSKeyId"] = sse.kms_key_id
    return S3Store(
        StoreConfig(
            bucket=options.bucket,
            endpoint=options.endpoint,
            region=options.region,
            prefix=options.prefix,
            path_style=options.path_style,
            ca_pem=options.ca_bundle,
            credentials=credentials,
            encryption=encryption,
            retention=Retention(
                storage_class=options.storage_class or "",
                tags=options.tags,
                lock_mode=lock.mode if lock else "",
                lock_days=lock.days if lock else 0,
            ),
            guard=guard,
        )
    )


def open_receiver(spec: DestinationSpec, secret: Secret | None, guard: Guard) -> Receiver:
    """The place that a delivery goes to; `secret` holds the keys of the destination's Secret, where it names one.

    Raises:
        Invalid: options or keys are missing.
    """
    return RECEIVERS[spec.type](spec, secret, guard)


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


def _open_s3(spec: DestinationSpec, secret: Secret | None, guard: Guard) -> Receiver:
    keys = read_credentials(secret, name=spec.credentials or "") if secret is not None else None
    return S3Receiver(open_store(spec.s3, keys, guard))


def _open_http_put(spec: DestinationSpec, secret: Secret | None, guard: Guard) -> Receiver:
    options = spec.http_put
    if options is None:
        raise Invalid("The destination is of type HTTPPut but has no options in spec.httpPut.", "Add them.")
    ref = options.url_secret_ref
    url = _text(secret, ref.name, ref.key)
    if not url:
        raise _lacks(ref.name, f"the key {ref.key} with the link")
    return HTTPPutReceiver(url, headers=options.headers, ca_pem=options.ca_bundle, guard=guard)


def _open_sftp(spec: DestinationSpec, secret: Secret | None, guard: Guard) -> Receiver:
    options = spec.sftp
    if options is None:
        raise Invalid("The destination is of type SFTP but has no options in spec.sftp.", "Add them.")
    name = options.credentials_secret_ref.name
    login = Login(
        # The end of the last line belongs to the format.
        private_key=f"{key}\n" if (key := _text(secret, name, "privateKey")) else "",
        passphrase=_text(secret, name, "passphrase"),
        password=_text(secret, name, "password"),
    )
    if not login.private_key and not login.password:
        raise _lacks(name, "the key privateKey or password")
    return SFTPReceiver(
        host=options.host,
        port=options.port,
        user=options.user,
        path=options.path,
        host_keys=options.host_keys,
        login=login,
        guard=guard,
    )


def _text(secret: Secret | None, name: str, key: str) -> str:
    try:
        return (secret or {}).get(key, b"").decode().strip()
    except UnicodeDecodeError:
        raise _lacks(name, f"text in the key {key}") from None


def _lacks(name: str, what: str) -> Invalid:
    return Invalid(f"The Secret {name!r} of the operator's namespace is missing, or lacks {what}.", "Correct it.")


RECEIVERS: Final[Mapping[DestinationType, Opener]] = {
    DestinationType.S3: _open_s3,
    DestinationType.HTTP_PUT: _open_http_put,
    DestinationType.SFTP: _open_sftp,
}
