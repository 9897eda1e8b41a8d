"""From a destination's name to stores that can be used, with the credentials of the operator's own namespace."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from supportbundle.errors import Invalid, NotFound, StagingMissing
from supportbundle.kube.client import Client
from supportbundle.model.destination import Destination, S3Options, parse_destination
from supportbundle.reconcile import paths
from supportbundle.reconcile.fresh import Fresh
from supportbundle.storage.addresses import Guard
from supportbundle.storage.base import Credentials, Store
from supportbundle.storage.registry import open_store, read_credentials

FRESH_SECONDS = 30.0
"""How long a destination and its credentials are believed; a rotated Secret is seen after that."""
DEFAULT = "default"


class Place(NamedTuple):
    """A destination, and the store in which its bundles are staged; its keys are relative to that store's prefix.

    `direct` says that this is where the zip stays, too. `staging` are that store's options.
    """

    destination: Destination
    store: Store
    direct: bool = True
    staging: S3Options | None = None

    @property
    def bucket(self) -> str:
        """The bucket in which the zip ends, for people; empty where it is none."""
        return self.destination.spec.s3.bucket if self.destination.spec.s3 else ""

    @property
    def prefix(self) -> str:
        """What stands before every key in that bucket."""
        return self.destination.spec.s3.prefix if self.destination.spec.s3 else ""

    def key(self, full: str) -> str:
        """The key, for a store of that bucket, of an object whose key in the bucket is `full`."""
        return full.removeprefix(self.prefix)


class Stores:
    """Opens one store for each bucket and keeps it while its settings stay the same."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        monotonic: Callable[[], float],
        staging: S3Options | None = None,
        guard: Guard | None = None,
        wrap: Callable[[Store], Store] = lambda store: store,
    ) -> None:
        self._client = client
        self._wrap = wrap
        self._namespace = namespace
        self._staging = staging
        self._guard = guard or Guard()
        self._destinations: Fresh[Destination] = Fresh(FRESH_SECONDS, monotonic)
        self._keys: Fresh[Credentials] = Fresh(FRESH_SECONDS, monotonic)
        self._secrets_there: Fresh[None] = Fresh(FRESH_SECONDS, monotonic)
        self._open: dict[str, tuple[Credentials | None, Store]] = {}

    async def place(self, name: str, *, encrypted: bool = False) -> Place:
        """The destination of this name, and where a bundle that is `encrypted` or not is staged for it.

        Raises:
            NotFound: there is no such destination, or the credentials' Secret of the staging store is missing.
            StagingMissing: there is no store to stage in.
            Invalid: it cannot be used as written.
        """
        destination = await self._destination(name)
        direct = destination.takes_parts(encrypted=encrypted)
        staging = destination.spec.s3 if direct else await self._staging_for(destination)
        return Place(destination, await self._store(staging), direct, staging)

    async def kept(self, name: str) -> Place:
        """A destination, and the bucket in which its finished zips lie.

        Raises:
            NotFound: there is no such destination, it is no bucket, or the Secret of its credentials is missing.
            Invalid: it cannot be used as written.
        """
        destination = await self._destination(name)
        if not destination.keeps_zips:
            raise NotFound(f"What was delivered to {name} is with its receiver ({destination.spec.type.value}).")
        return Place(destination, await self._store(destination.spec.s3), staging=destination.spec.s3)

    async def require_secret(self, destination: Destination) -> None:
        """Before anything is collected for it.

        Raises:
            NotFound: the Secret that a delivery needs is missing.
        """
        if name := destination.spec.credentials:
            await self._secrets_there.get(name, lambda: self._require(name))

    async def _require(self, name: str) -> None:
        await self._secret(name)

    async def may_copy(self, place: Place) -> bool:
        """Whether the destination's server can copy the staged zip by itself: one endpoint, one set of credentials."""
        ours, theirs = place.staging, place.destination.spec.s3
        if ours is None or theirs is None or not place.destination.keeps_zips:
            return False
        if (ours.endpoint, ours.region) != (theirs.endpoint, theirs.region):
            return False
        try:
            return await self._credentials(ours) == await self._credentials(theirs)
        except (NotFound, Invalid):
            return False

    async def every_place(self) -> list[Place]:
        """All stores in which bundles of usable destinations are staged, each once, for the sweep."""
        found = [item["metadata"]["name"] async for item in self._client.items(paths.EVERY_DESTINATION)]
        wanted = [self.place(name, encrypted=encrypted) for name in found for encrypted in (False, True)]
        places = await asyncio.gather(*wanted, return_exceptions=True)
        return list({id(place.store): place for place in places if isinstance(place, Place)}.values())

    async def _destination(self, name: str) -> Destination:
        async def read() -> Destination:
            return parse_destination(await self._client.get(paths.destination(name)))

        return await self._destinations.get(name, read)

    async def _staging_for(self, destination: Destination) -> S3Options:
        """The store of the settings; else that of the destination `default`, if it is another one than this."""
        if self._staging is not None:
            return self._staging
        options = destination.spec.s3
        try:
            other = await self._destination(DEFAULT)
        except NotFound:
            other = None
        fallback = other.spec.s3 if other and other.keeps_zips else None
        if fallback is None or fallback.external:
            raise _staging_missing(destination, f"the destination {DEFAULT} is no bucket of one's own")
        if options and (fallback.endpoint, fallback.bucket) == (options.endpoint, options.bucket):
            raise _staging_missing(destination, f"it lies in the bucket of the destination {DEFAULT} itself")
        return fallback

    async def _store(self, options: S3Options | None) -> Store:
        """The store that is open, or a new one where settings or keys have changed."""
        keys = await self._credentials(options)
        settings = options.model_dump_json() if options else ""
        known, store = self._open.get(settings, (None, None))
        if store is None or known != keys:
            store = self._wrap(open_store(options, keys, self._guard))
            self._open[settings] = (keys, store)
        return store

    async def _credentials(self, options: S3Options | None) -> Credentials | None:
        """The keys of the Secret; None where the operator's own identity signs."""
        ref = options.credentials_secret_ref if options else None
        if ref is None:
            return None
        name = ref.name

        async def read() -> Credentials:
            return read_credentials(await self._secret(name), name=name)

        return await self._keys.get(name, read)

    async def _secret(self, name: str) -> dict[str, bytes]:
        try:
            secret: Mapping[str, Any] = await self._client.get(paths.named("secrets", self._namespace, name))
        except NotFound as error:
            where = f"Secret {name} in namespace {self._namespace}"
            raise NotFound(
                f"{where} with the destination's credentials is missing.", "An admin must create it."
            ) from error
        return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _staging_missing(destination: Destination, why: str) -> StagingMissing:
    return StagingMissing(
        f"Bundles for {destination.name} must be staged elsewhere until they may be delivered, and {why}.",
        "An admin must set the Helm value staging.bucket to a bucket of one's own.",
    )
