"""Whether somebody has checked the requester: the admission policies, or where they are missing, a ServiceAccount.

Asked of the API server, not of the settings: a deleted or emptied policy is noticed within seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from supportbundle.decide.world import Refusal
from supportbundle.errors import NotFound
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.capability import CLUSTER_VERB
from supportbundle.reconcile import paths, refusals
from supportbundle.reconcile.access import Right, allowed
from supportbundle.reconcile.fresh import Fresh

FRESH_SECONDS = 15.0
SPREAD = timedelta(seconds=2)
"""How long API servers may take to enforce a new policy."""


@dataclass(frozen=True, slots=True)
class Enforced:
    """Which policies do not bind, and since when the others do."""

    missing: tuple[str, ...]
    since: datetime


class Guard:
    """Remembers for a few seconds which policies are in force."""

    def __init__(self, client: Client, policies: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        self._client = client
        self._policies = policies
        self._enforced: Fresh[Enforced] = Fresh(FRESH_SECONDS, monotonic)

    async def refusal(self, bundle: Bundle) -> Refusal | None:
        """Why this bundle may not start."""
        if await self.predates(bundle.metadata.creation_timestamp):
            return refusals.unchecked(bundle)
        enforced = await self._look()
        if not enforced.missing:
            return None
        if bundle.spec.service_account_name and await self._vouched(bundle, bundle.spec.service_account_name):
            return None
        return refusals.of_policies(enforced.missing)

    async def predates(self, created: datetime) -> bool:
        """Whether something was created before the policies that bind now, so that nobody has checked its author."""
        enforced = await self._look()
        return not enforced.missing and created < enforced.since + SPREAD

    async def saw(self, created: datetime) -> bool:
        """Whether the policies were in force when an object was created."""
        enforced = await self._look()
        return not enforced.missing and created >= enforced.since + SPREAD

    async def _look(self) -> Enforced:
        if not self._policies:
            return Enforced(("of the chart",), datetime.max.replace(tzinfo=UTC))
        return await self._enforced.get("", self._read)

    async def _read(self) -> Enforced:
        since_when = await asyncio.gather(*map(self._bound_since, self._policies))
        found = list(zip(self._policies, since_when, strict=True))
        missing = tuple(name for name, since in found if since is None)
        since = max((since for _, since in found if since is not None), default=datetime.max.replace(tzinfo=UTC))
        return Enforced(missing, since)

    async def _bound_since(self, name: str) -> datetime | None:
        """When policy and binding of this name were both there; None if they do not bind everywhere and everybody."""
        try:
            policy = await self._client.get(paths.policy(name))
            binding = await self._client.get(paths.policy_binding(name))
        except NotFound:
            return None
        spec = binding.get("spec", {})
        if spec.get("policyName") != name or spec.get("validationActions") != ["Deny"] or spec.get("matchResources"):
            return None
        return max(datetime.fromisoformat(obj["metadata"]["creationTimestamp"]) for obj in (policy, binding))

    async def _vouched(self, bundle: Bundle, account: str) -> bool:
        """Whether an admin has marked the account for collecting, for this destination, and for Secrets if it uses any.

        Its other rights need no check: the collection runs as this very account.
        """
        wanted: list[Right] = [
            ("collect", names.GROUP, names.PLURAL, ""),
            ("use", names.GROUP, names.DESTINATIONS, bundle.spec.destination.name),
        ]
        if bundle.spec.template_ref:  # it adds no Secrets and no facts to what the bundle itself asks for
            wanted.append(("use", names.GROUP, names.TEMPLATES, bundle.spec.template_ref.name))
        if bundle.spec.uses_secrets:  # the kubelet mounts them, whatever the account may read
            wanted.append(("get", "", "secrets", ""))
        if bundle.spec.wants_cluster_info:  # the operator reads it, and not the account
            wanted.append((CLUSTER_VERB, names.GROUP, names.PLURAL, ""))
        for right in wanted:
            if not await allowed(self._client, bundle.metadata.namespace, account, right):
                return False
        return True
