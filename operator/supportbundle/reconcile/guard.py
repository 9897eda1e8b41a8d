"""Whether somebody has checked the requester: the admission policies, or where they are missing, a ServiceAccount.

Asked of the API server, not of the settings: a deleted or emptied policy is noticed within seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from supportbundle.decide.admission import SPREAD
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


class Checks(StrEnum):
    """Whose author a policy checks. The values are patterns of the ends of the policies' names."""

    BUNDLES = "-requester(-[a-z]+)?"
    SCHEDULES = "-schedules"
    APPROVALS = "-approvals"


@dataclass(frozen=True, slots=True)
class Enforced:
    """Which policies do not bind, and since when each of the others does."""

    missing: tuple[str, ...]
    since: Mapping[str, datetime]


UNKNOWN: Final = Enforced(("of the chart",), {})


class Guard:
    """Remembers for a few seconds which policies are in force."""

    def __init__(self, client: Client, policies: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        self._client = client
        self._policies = policies
        self._enforced: Fresh[Enforced] = Fresh(FRESH_SECONDS, monotonic)

    async def refusal(self, bundle: Bundle) -> Refusal | None:
        """Why this bundle may not start."""
        since = await self.since(Checks.BUNDLES)
        if since is not None and bundle.metadata.creation_timestamp < since + SPREAD:
            return refusals.unchecked(bundle)
        missing = (await self._look()).missing
        if not missing:
            return None
        if bundle.spec.service_account_name and await self._vouched(bundle, bundle.spec.service_account_name):
            return None
        return refusals.of_policies(missing)

    async def saw(self, checks: Checks, created: datetime) -> bool:
        """Whether the policies on such objects were in force when this one was created."""
        since = await self.since(checks)
        return since is not None and created >= since + SPREAD

    async def since(self, checks: Checks, *, now: bool = False) -> datetime | None:
        """Since when the policies on such objects bind without a break; None while one of them does not.

        Only these count: an upgrade that brings another policy must not make strangers of what was checked long ago.
        `now` asks the API server whatever was heard a moment ago.
        """
        named = [name for name in self._policies if re.search(f"{checks.value}$", name)] or self._policies
        found = await self._read(named) if now else await self._look()
        bound = [found.since[name] for name in named if name in found.since]
        return max(bound) if bound and len(bound) == len(named) else None

    async def _look(self) -> Enforced:
        if not self._policies:
            return UNKNOWN
        return await self._enforced.get("", partial(self._read, self._policies))

    async def _read(self, policies: Iterable[str]) -> Enforced:
        policies = tuple(policies)
        found = list(zip(policies, await asyncio.gather(*map(self._bound_since, policies)), strict=True))
        missing = tuple(name for name, since in found if since is None)
        return Enforced(missing, {name: since for name, since in found if since is not None})

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
