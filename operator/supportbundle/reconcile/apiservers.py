"""Where the API server really answers: the addresses behind its Service, to which no destination may lead.

They are looked up again from time to time, for control planes grow and are replaced. While they cannot be read, those
that were known last count, and the Service's own address is refused anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from supportbundle.errors import SupportBundleError
from supportbundle.kube.client import Client
from supportbundle.reconcile import paths

log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 60.0
Endpoint = tuple[str, int]
"""An address and a port."""


class ApiServers:
    """What is known of them; nothing before the first `refresh`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: tuple[Endpoint, ...] = ()
        self._trouble = ""

    def known(self) -> tuple[Endpoint, ...]:
        """Sorted, so that the same servers are always told alike. Safe to call from any thread."""
        return self._known

    async def refresh(self) -> None:
        """Look them up now. A failure is logged once and changes nothing."""
        try:
            self._known = tuple(sorted(set(_endpoints(await self._client.get(paths.API_SERVERS)))))
        except SupportBundleError as error:
            if self._trouble != (trouble := str(error)):
                log.warning("the addresses of the API server are unknown, destinations may lead there: %s", trouble)
            self._trouble = trouble
        else:
            self._trouble = ""

    async def keep_fresh(self) -> None:
        """Look them up for ever."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()


def _endpoints(obj: Mapping[str, Any]) -> Iterator[Endpoint]:
    """All of them, ready or not."""
    for endpoint in obj.get("endpoints") or ():
        for address in endpoint.get("addresses") or ():
            for port in obj.get("ports") or ():
                if number := port.get("port"):
                    yield str(address), int(number)
