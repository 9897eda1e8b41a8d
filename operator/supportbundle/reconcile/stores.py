"""From a destination's name to a store that can be used, with the credentials of the operator's own namespace."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import NamedTuple

from supportbundle.errors import Invalid, NotFound
from supportbundle.kube.client import Client
from supportbundle.model.destination import Destination, S3Options, parse_destination
from supportbundle.reconcile import paths
from supportbundle.storage import S3Store, Store, StoreConfig

FRESH_SECONDS = 30.0
"""How long a destination and its credentials are believed; a rotated Secret is seen after that."""


class Place(NamedTuple):
    """A destination, and the store behind it."""

    destination: Destination
    store: Store


class Stores:
    """Opens stores and keeps them: a client costs 10 MB and 100 ms, so equal settings share one."""

    def __init__(self, client: Client, namespace: str, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._namespace = namespace
        self._monotonic = monotonic
        self._places: dict[str, tuple[float, Place]] = {}
        self._open: dict[StoreConfig, Store] = {}

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
        options = destination.spec.s3
        if options is None:
            raise Invalid(
                f"SupportBundleDestination {destination.name!r} has no s3 options.", "An admin must add them."
            )
        config = await self._config(options)
        if config not in self._open:
            self._open[config] = await asyncio.to_thread(S3Store, config)
        return self._open[config]

    async def _config(self, options: S3Options) -> StoreConfig:
        keys = await self._credentials(options)
        return StoreConfig(
            endpoint=options.endpoint,
            region=options.region,
            bucket=options.bucket,
            prefix=options.prefix,
            path_style=options.path_style,
            ca_pem=options.ca_bundle,
            access_key=keys.get("accessKey"),
            secret_key=keys.get("secretKey"),
            session_token=keys.get("sessionToken"),
        )

    async def _credentials(self, options: S3Options) -> dict[str, str]:
        ref = options.credentials_secret_ref
        if ref is None:
            return {}
        try:
            secret = await self._client.get(paths.named("secrets", self._namespace, ref.name))
        except NotFound as error:
            raise NotFound(
                f"Secret {ref.name} with the bucket's credentials is missing in namespace {self._namespace}.",
                "An admin must create it with the keys accessKey and secretKey.",
            ) from error
        return {key: base64.b64decode(value).decode().strip() for key, value in (secret.get("data") or {}).items()}
