"""From a destination's name to a store that can be used, with the credentials of the operator's own namespace."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import NamedTuple

from supportbundle.errors import NotFound
from supportbundle.kube.client import Client
from supportbundle.model.destination import Destination, S3Options, parse_destination
from supportbundle.reconcile import paths
from supportbundle.storage.base import Credentials, Store
from supportbundle.storage.registry import open_store, read_credentials

FRESH_SECONDS = 30.0
"""How long a destination and its credentials are believed; a rotated Secret is seen after that."""


class Place(NamedTuple):
    """A destination, and the store behind it. The store's keys are relative to the destination's prefix."""

    destination: Destination
    store: Store

    @property
    def bucket(self) -> str:
        """The bucket's name, for people."""
        return self.destination.spec.s3.bucket if self.destination.spec.s3 else ""

    @property
    def prefix(self) -> str:
        """What stands before every key in the bucket."""
        return self.destination.spec.s3.prefix if self.destination.spec.s3 else ""

    def key(self, full: str) -> str:
        """The store's key of an object whose key in the bucket is `full`."""
        return full.removeprefix(self.prefix)


class Stores:
    """Opens one store for each destination and keeps it while its settings stay the same."""

    def __init__(self, client: Client, namespace: str, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._namespace = namespace
        self._monotonic = monotonic
        self._places: dict[str, tuple[float, Place]] = {}
        self._open: dict[str, tuple[tuple[str, Credentials | None], Store]] = {}

    async def place(self, name: str) -> Place:
        """The destination of this name.

        Raises:
            NotFound: there is no such destination, or its credentials' Secret is missing.
            Invalid: it cannot be used as written.
        """
        cached = self._places.get(name)
        if cached and self._monotonic() - cached[0] < FRESH_SECONDS:
            return cached[1]
        destination = parse_destination(await self._client.get(paths.destination(name)))
        place = Place(destination, await self._store(destination))
        self._places[name] = (self._monotonic(), place)
        return place

    async def every_place(self) -> list[Place]:
        """All usable destinations, for the sweep."""
        found = [item["metadata"]["name"] async for item in self._client.items(paths.EVERY_DESTINATION)]
        places = await asyncio.gather(*(self.place(name) for name in found), return_exceptions=True)
        return [place for place in places if isinstance(place, Place)]

    async def _store(self, destination: Destination) -> Store:
        """The store that is open, or a new one where settings or keys have changed."""
        keys = await self._credentials(destination.spec.s3)
        settings = (destination.spec.model_dump_json(), keys)
        known, store = self._open.get(destination.name, (None, None))
        if store is None or known != settings:
            store = open_store(destination.spec, keys)
            self._open[destination.name] = (settings, store)
        return store

    async def _credentials(self, options: S3Options | None) -> Credentials | None:
        """The keys of the Secret; None where the operator's own identity signs."""
        ref = options.credentials_secret_ref if options else None
        if ref is None:
            return None
        try:
            secret = await self._client.get(paths.named("secrets", self._namespace, ref.name))
        except NotFound as error:
            where = f"Secret {ref.name} in namespace {self._namespace}"
            raise NotFound(f"{where} with the bucket's credentials is missing.", "An admin must create it.") from error
        data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
        return read_credentials(data, name=ref.name)
