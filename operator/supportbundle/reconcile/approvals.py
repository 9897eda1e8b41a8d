"""SupportBundleApprovals: which of them speak of a bundle, and what each is told in its own status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from supportbundle.decide.approval import LINK_READY, Answer, answer, decisive, is_early, unchecked
from supportbundle.decide.world import ApprovalFacts, World
from supportbundle.errors import Conflict, Invalid, NotFound
from supportbundle.model import names
from supportbundle.model.approval import Approval, ApprovalCondition, ApprovalConditionType, parse_approval
from supportbundle.model.bundle import Bundle, parse_bundle
from supportbundle.model.destination import ApprovalRule, Destination
from supportbundle.model.plan import dump
from supportbundle.model.status import Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.guard import Checks
from supportbundle.reconcile.key import Key

log = logging.getLogger(__name__)


async def read_approvals(
    bundle: Bundle, destination: Destination, deps: Deps
) -> tuple[ApprovalFacts | None, tuple[Approval, ...]]:
    """What was decided about a staged bundle, and all that was said of it; nothing where nobody is asked."""
    rule, status = destination.spec.approval, bundle.status
    if status.staged is None or not rule.required:
        return None, ()
    if status.approval is not None:
        return decisive((), status, rule), ()
    words: list[Approval] = []
    async for obj in deps.client.items(paths.every("supportbundleapprovals", bundle.metadata.namespace)):
        word = _parsed(obj)
        if word is None or word.spec.bundle.uid != bundle.metadata.uid or word.spec.bundle.name != bundle.metadata.name:
            continue
        if word.answer is None and not await deps.guard.saw(Checks.APPROVALS, word.created):
            await tell(word, unchecked(), deps)
        elif is_early(word, status):
            if said := answer(word, bundle, rule):
                await tell(word, said, deps)
        elif not word.refused:
            words.append(word)
    return decisive(words, status, rule), tuple(words)


async def answer_all(world: World, status: Status, deps: Deps) -> None:
    """Tell everybody what became of their word, once the bundle's status says it."""
    seen = world.bundle.model_copy(update={"status": status})
    rule = world.destination.spec.approval if world.destination else None
    for word in world.words:
        if said := answer(word, seen, rule):
            await tell(word, said, deps)


async def tell(word: Approval, said: Answer, deps: Deps) -> None:
    """Write the condition if it says anything new. Whoever deletes an approval wants no answer."""
    before = word.answer
    if before and (before.status, before.reason, before.message) == (said.status, said.reason, said.message):
        return
    same = before is not None and before.status == said.status
    condition = ApprovalCondition(
        type=ApprovalConditionType.ACCEPTED,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=before.last_transition_time if same and before else deps.clock(),
    )
    try:
        path = paths.named("supportbundleapprovals", word.namespace, word.name)
        await deps.client.patch(f"{path}/status", {"status": {"conditions": [dump(condition)]}})
    except NotFound:
        return


def is_open(obj: Mapping[str, Any]) -> bool:
    """Whether an approval waits for an answer, or has a link that must go one day."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return not conditions or conditions[0].get("reason") == LINK_READY


def bundle_key(obj: Mapping[str, Any]) -> Key:
    """The bundle that an approval speaks of, as its author has written it: to be compared, never acted upon."""
    named = (obj.get("spec") or {}).get("bundle") or {}
    return Key(obj["metadata"]["namespace"], named.get("name", ""), named.get("uid", ""))


class Answers:
    """Answers approvals that no step of a bundle will: of bundles that are gone, over, or ask for none.

    Its keys are those of approvals.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def run(self, key: Key) -> float | None:
        """One approval.

        Raises:
            SupportBundleError: it could not be answered; the caller retries.
        """
        deps = self._deps
        try:
            obj = await deps.client.get(paths.named("supportbundleapprovals", key.namespace, key.name))
        except NotFound:
            return None
        word = _parsed(obj)
        if word is None or obj["metadata"]["uid"] != key.uid or not is_open(obj):
            return None
        bundle = await self._bundle(word)
        if said := answer(word, bundle, await self._rule(bundle)):
            await tell(word, said, deps)
        return None

    async def _bundle(self, word: Approval) -> Bundle | None:
        try:
            return parse_bundle(await self._deps.client.get(paths.bundle(word.namespace, word.spec.bundle.name)))
        except (NotFound, Invalid):
            return None

    async def _rule(self, bundle: Bundle | None) -> ApprovalRule | None:
        if bundle is None:
            return None
        try:
            destination = await self._deps.stores.destination(bundle.spec.destination.name)
        except (Conflict, Invalid, NotFound):
            return None
        return destination.spec.approval


def _parsed(obj: Mapping[str, Any]) -> Approval | None:
    try:
        return parse_approval(obj)
    except Invalid as error:
        log.warning("%s/%s: %s", names.APPROVALS, obj["metadata"]["name"], error)
        return None
