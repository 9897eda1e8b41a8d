"""What kopf watches, and which queue each event feeds. A kind that is watched is one function and a line at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import kopf

from supportbundle.model import names
from supportbundle.reconcile.approvals import bundle_key, is_open
from supportbundle.reconcile.heard import Heard
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.schedules.service import Scheduling
from supportbundle.workqueue import WorkQueue

PAGE = 100
"""Objects of one list request: each is held as Python objects, some ten times the size of its text."""
IDLE_SECONDS = 0.1
"""kopf keeps a task and the last event for each object until it has heard nothing of it for so long; 5 s by default, in
which an operator that starts reads thousands of bundles. Our handlers take no time and need no such task.
"""
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fed:
    """What is told of events. `bundles` is fed by `heard`."""

    bundles: WorkQueue[Key]
    approvals: WorkQueue[Key]
    templates: WorkQueue[str]
    scheduling: Scheduling
    heard: Heard


async def watch(fed: Fed, namespaces: tuple[str, ...], ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Feed what changes in these namespaces, or in all where none is named, until `stop`."""
    await kopf.operator(
        registry=_registry(fed),
        settings=_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        ready_flag=ready,
        stop_flag=stop,
        # Else kopf asks for the user's name, which a container's numeric user does not have.
        identity=names.MANAGED_BY,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
    )


def _bundles(fed: Fed, event: str | None, body: Body) -> None:
    fed.heard.bundle(event, body)
    fed.scheduling.bundle_seen(body)


def _jobs(fed: Fed, event: str | None, body: Body) -> None:
    fed.heard.job(event, body)


def _approvals(fed: Fed, event: str | None, body: Body) -> None:
    # What somebody wrote into an approval may name another's bundle: again only those that we have seen count.
    if (named := bundle_key(body)) in fed.heard:
        fed.bundles.add(named)
    if event != "DELETED" and is_open(body):
        fed.approvals.add(key_of(body))


def _schedules(fed: Fed, event: str | None, body: Body) -> None:
    fed.scheduling.schedule_seen(event, body)


def _templates(fed: Fed, event: str | None, body: Body) -> None:
    if event != "DELETED":
        fed.templates.add(body["metadata"]["name"])


OURS: Mapping[str, Callable[[Fed, str | None, Body], None]] = {
    names.PLURAL: _bundles,
    names.APPROVALS: _approvals,
    names.SCHEDULES: _schedules,
    names.TEMPLATES: _templates,
}


def _registry(fed: Fed) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's calling convention
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    for plural, tell in OURS.items():
        kopf.on.event(names.GROUP, names.VERSION, plural, id=plural, registry=registry)(_told(tell, fed))
    ours = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
    kopf.on.event("batch", "v1", "jobs", labels=ours, registry=registry)(_told(_jobs, fed))
    return registry


def _told(tell: Callable[[Fed, str | None, Body], None], fed: Fed) -> Callable[..., Any]:
    async def handler(event: Mapping[str, Any], body: Body, **_: Any) -> None:  # noqa: ANN401 - kopf's calling convention
        tell(fed, event["type"], body)

    return handler


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = PAGE
    settings.watching.label_selectors["batch", "v1", "jobs"] = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1, 2, 4, 8, 16, 32)
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.persistence.finalizer = f"{names.GROUP}/unused"
    return settings
