"""Whether somebody has checked the requester: the admission policies, or where they are missing, a ServiceAccount.

Asked of the API server, not of the settings: a deleted or emptied policy is noticed within seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from supportbundle.decide.world import Refusal
from supportbundle.errors import NotFound
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.reconcile import paths, refusals

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
        self._monotonic = monotonic
        self._checked = float("-inf")
        self._enforced = Enforced(policies, datetime.max.replace(tzinfo=UTC))

    async def refusal(self, bundle: Bundle) -> Refusal | None:
        """Why this bundle may not start."""
        enforced = await self._look()
        if not enforced.missing:
            created = bundle.metadata.creation_timestamp
            return refusals.unchecked(bundle) if created < enforced.since + SPREAD else None
        if bundle.spec.service_account_name and await self._vouched(bundle, bundle.spec.service_account_name):
            return None
        return refusals.of_policies(enforced.missing)

    async def _look(self) -> Enforced:
        if not self._policies:
            return Enforced(("of the chart",), datetime.max.replace(tzinfo=UTC))
        if self._monotonic() - self._checked > FRESH_SECONDS:
            found = [(name, await self._bound_since(name)) for name in self._policies]
            missing = tuple(name for name, since in found if since is None)
            since = max((since for _, since in found if since is not None), default=datetime.max.replace(tzinfo=UTC))
            self._enforced, self._checked = Enforced(missing, since), self._monotonic()
        return self._enforced

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
        """Whether an admin has marked the account for collecting, and for this destination."""
        namespace = bundle.metadata.namespace
        wanted = (("collect", names.PLURAL, ""), ("use", names.DESTINATIONS, bundle.spec.destination.name))
        for verb, resource, name in wanted:
            attributes = {
                "namespace": namespace,
                "verb": verb,
                "group": names.GROUP,
                "resource": resource,
                "name": name,
            }
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": f"system:serviceaccount:{namespace}:{account}",
                    "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                    "resourceAttributes": attributes,
                },
            }
            answer = await self._client.create(paths.ACCESS_REVIEWS, review)
            if not answer.get("status", {}).get("allowed"):
                return False
        return True
