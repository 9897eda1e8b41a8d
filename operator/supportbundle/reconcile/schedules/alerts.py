"""From a call of Alertmanager to signals: which schedules wait for these alerts, and about what.

The schedules are asked of the API server at each call, so a call that comes while the operator starts finds them too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

from supportbundle.decide.occasions import Signal, Verdict
from supportbundle.decide.triggers import owner_of_pod, signal_of_alert
from supportbundle.errors import Invalid, NotFound
from supportbundle.model.alert import Alert, AlertGroup, AlertStatus
from supportbundle.model.gap import printable
from supportbundle.model.schedule import Schedule, TriggerType, parse_schedule
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.inbox import Inbox
from supportbundle.reconcile.schedules.watching import with_cron_job

MAX_NAMESPACES: Final = 50
"""Of one call; alerts of further ones are answered as unknown."""
AT_ONCE: Final = 50
"""Signals of one call that are delivered together."""


async def fire(group: AlertGroup, deps: Deps, inbox: Inbox) -> Counter[Verdict]:
    """Tell every schedule that waits for one of these alerts; returns what became of them.

    An alert that no schedule waits for counts once, as unknown. One that is resolved does not count.

    Raises:
        SupportBundleError: something is not answered; all may be delivered again, and nothing is doubled.
    """
    firing = [alert for alert in group.alerts if alert.status == AlertStatus.FIRING]
    namespaces = list(dict.fromkeys(alert.namespace for alert in firing if alert.namespace))[:MAX_NAMESPACES]
    waiting = {namespace: await _schedules(namespace, deps) for namespace in namespaces}
    verdicts: Counter[Verdict] = Counter()
    found: dict[tuple[Key, str, str], Signal] = {}
    for alert in firing:
        matched = await _signals(alert, waiting.get(alert.namespace or "", {}), deps)
        verdicts[Verdict.UNKNOWN] += not matched
        for key, signal in matched.items():
            name = (key, signal.trigger, signal.owner)
            if name not in found or found[name].at < signal.at:
                found[name] = signal
    signals = list(found.items())
    for start in range(0, len(signals), AT_ONCE):
        part = signals[start : start + AT_ONCE]
        verdicts.update(await asyncio.gather(*(inbox.deliver(name[0], signal) for name, signal in part)))
    return verdicts


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
