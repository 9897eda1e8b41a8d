"""From a call of Alertmanager to signals: which schedules wait for these alerts, and about what.

The schedules are asked of the API server at each call, so a call that comes while the operator starts finds them too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from supportbundle.decide.occasions import Signal, Verdict
from supportbundle.decide.triggers import owner_of_pod, signal_of_alert
from supportbundle.errors import Forbidden, Invalid, NotFound, SupportBundleError
from supportbundle.model.alert import Alert, AlertGroup, AlertStatus
from supportbundle.model.gap import printable
from supportbundle.model.schedule import Schedule, TriggerType, parse_schedule
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.inbox import Inbox
from supportbundle.reconcile.schedules.watching import with_cron_job
from supportbundle.reconcile.scope import Scope

log = logging.getLogger(__name__)
MAX_NAMESPACES: Final = 50
"""Of one call; alerts of further ones are answered as unknown."""
AT_ONCE: Final = 50
"""Signals of one call that are delivered together."""


async def fire(group: AlertGroup, deps: Deps, inbox: Inbox) -> Counter[Verdict]:
    """Tell every schedule that waits for one of these alerts; returns what became of them.

    An alert that no schedule waits for counts once, as unknown; so does one of a namespace that is not the operator's,
    for an Alertmanager serves many. One that is resolved does not count. What fails holds nothing else up.

    Raises:
        SupportBundleError: something is not answered; all may be delivered again, and nothing is doubled.
    """
    found: dict[tuple[Key, str, str], Signal] = {}
    verdicts: Counter[Verdict] = Counter()
    failed: list[BaseException] = []
    firing = [alert for alert in group.alerts if alert.status == AlertStatus.FIRING]
    waiting = await _waiting(firing, deps, failed)
    for alert in firing:
        if (schedules := waiting.get(alert.namespace or "", {})) is None:
            continue
        try:
            matched = await _signals(alert, schedules, deps)
        except SupportBundleError as error:
            failed.append(error)
            continue
        verdicts[Verdict.UNKNOWN] += not matched
        for key, signal in matched.items():
            name = (key, signal.trigger, signal.owner)
            if name not in found or found[name].at < signal.at:
                found[name] = signal
    signals = list(found.items())
    for start in range(0, len(signals), AT_ONCE):
        part = signals[start : start + AT_ONCE]
        answers = (inbox.deliver(name[0], signal) for name, signal in part)
        for answer in await asyncio.gather(*answers, return_exceptions=True):
            if isinstance(answer, BaseException):
                failed.append(answer)
            else:
                verdicts[answer] += 1
    if failed:
        raise failed[0]
    return verdicts


async def _waiting(
    firing: Iterable[Alert], deps: Deps, failed: list[BaseException]
) -> dict[str, dict[Key, Schedule] | None]:
    """The schedules that wait for alerts, by namespace; None where they could not be read, and why is in `failed`."""
    scope = Scope(deps.config.watch_namespaces)
    names = dict.fromkeys(alert.namespace for alert in firing if alert.namespace and alert.namespace in scope)
    found: dict[str, dict[Key, Schedule] | None] = {}
    for namespace in list(names)[:MAX_NAMESPACES]:
        try:
            found[namespace] = await _schedules(namespace, deps)
        except (Forbidden, NotFound) as error:  # no repetition grants a right, and others' alerts come in the same call
            log.warning("the alerts of %s fire nothing: %s", namespace, error)
        except SupportBundleError as error:
            found[namespace] = None
            failed.append(error)
    return found


async def _schedules(namespace: str, deps: Deps) -> dict[Key, Schedule]:
    """The namespace's schedules that wait for alerts; one that cannot be read says so itself."""
    found: dict[Key, Schedule] = {}
    async for obj in deps.client.items(paths.schedules(namespace)):
        try:
            schedule = parse_schedule(obj)
        except Invalid:
            continue
        if any(trigger.type == TriggerType.ALERT for trigger in schedule.spec.triggers):
            meta = schedule.metadata
            found[Key(meta.namespace, meta.name, meta.uid)] = schedule
    return found


async def _signals(alert: Alert, schedules: Mapping[Key, Schedule], deps: Deps) -> dict[Key, Signal]:
    """One signal for each schedule that waits for this alert."""
    owner = f"Alert/{printable(alert.name, 253)}"[:320]
    found: dict[Key, Signal] = {}
    for key, schedule in schedules.items():
        for trigger in schedule.spec.triggers:
            if key not in found and (signal := signal_of_alert(trigger, alert, owner, deps.clock())):
                found[key] = signal
    if not found or alert.pod is None or alert.namespace is None:
        return found
    try:
        pod = await deps.client.get(paths.named("pods", alert.namespace, alert.pod))
    except NotFound:
        return {key: _about(signal, owner, ()) for key, signal in found.items()}
    workload = owner_of_pod(pod)
    about = {key: _about(signal, workload, signal.pods) for key, signal in found.items()}
    return {key: await with_cron_job(signal, key.namespace, deps.client) for key, signal in about.items()}


def _about(signal: Signal, owner: str, pods: tuple[str, ...]) -> Signal:
    return Signal(signal.trigger, owner, signal.at, pods, signal.message)
