"""Whether the admission policies that check requesters are in force. Asked of the API server, not of the settings."""

from __future__ import annotations

from collections.abc import Callable

from supportbundle.errors import NotFound
from supportbundle.kube.client import Client
from supportbundle.reconcile import paths

FRESH_SECONDS = 15.0


class PolicyWatch:
    """Remembers for a few seconds which policies are not in force; a deleted one is noticed within that time."""

    def __init__(self, client: Client, names: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        self._client = client
        self._names = names
        self._monotonic = monotonic
        self._checked = float("-inf")
        self._missing: tuple[str, ...] = ()

    async def missing(self) -> tuple[str, ...]:
        """Policies that should bind and do not; with none configured, the word `all`."""
        if not self._names:
            return ("all",)
        if self._monotonic() - self._checked > FRESH_SECONDS:
            found = [await self._exists(name) for name in self._names]
            self._missing = tuple(name for name, exists in zip(self._names, found, strict=True) if not exists)
            self._checked = self._monotonic()
        return self._missing

    async def _exists(self, name: str) -> bool:
        try:
            await self._client.get(paths.policy(name))
            binding = await self._client.get(paths.policy_binding(name))
        except NotFound:
            return False
        return "Deny" in binding.get("spec", {}).get("validationActions", ())
