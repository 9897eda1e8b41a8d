"""The operator process: kopf watches, the queue works. Only this module knows kopf.

kopf serves as the informer: an event only puts a key into the queue. Its create and update handlers, timers and
daemons are not used, for they write finalizers and annotations into users' objects.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NoReturn

import kopf

from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.errors import LostLeadership
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.metrics import Metrics
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.probes import health_app, metrics_app, serving
from supportbundle.reconcile import paths
from supportbundle.reconcile.census import Census
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.election import Candidate, Election
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.key import Key, key_of, owner_of
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck
from supportbundle.reconcile.schedules.service import Scheduling
from supportbundle.reconcile.setup import ensure_bucket, ensure_default_destination, ensure_templates
from supportbundle.reconcile.stores import Stores
from supportbundle.reconcile.sweep import sweep_for_ever
from supportbundle.reconcile.templates import TemplateKeeper
from supportbundle.storage.measured import measured
from supportbundle.workqueue import WorkQueue

log = logging.getLogger(__name__)
HEALTH_PORT = 8080
METRICS_PORT = 9090
STUCK_SECONDS = 1800.0
"""All workers would have to be in one step for so long; even a store that swallows requests lets go in 3 minutes."""
BLOCKING_THREADS = 8


async def operate(config: OperatorConfig, environ: Mapping[str, str]) -> None:
    """Stand by until this pod leads, then work until a signal stops the process.

    A dead watch or worker ends it, so that Kubernetes starts it anew; so does the loss of the Lease, at once.

    Raises:
        InvalidRule: a sanitizing rule of the settings cannot be used.
    """
    await RuleCheck()(config.sanitization.rules)
    queue: WorkQueue[Key] = WorkQueue(time.monotonic)
    templates: WorkQueue[str] = WorkQueue(time.monotonic)
    metrics = Metrics()
    census = Census()
    ready = asyncio.Event()
    stop = asyncio.Event()
    _set_at_signals(stop)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(await configured(), observe=metrics.kube_request))
        candidate = _candidate(config, environ)
        election = Election(client, candidate)
        await stack.enter_async_context(serving(_apps(queue, metrics, census, election, ready)))
        pool = stack.enter_context(ThreadPoolExecutor(BLOCKING_THREADS, "s3"))
        if not await stack.enter_async_context(election.led(stop)):
            return
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(_keep(election))
            base = await _deps(client, config, candidate.namespace, metrics, pool)
            deps = replace(base, census=census, fence=election.check)
            await ensure_default_destination(deps)
            await ensure_templates(deps)
            reconciler, scheduling = Reconciler(deps), Scheduling(deps)
            await stack.enter_async_context(serving(scheduling.apps()))
            tasks = [group.create_task(queue.work(reconciler.run)) for _ in range(config.workers)]
            tasks.append(group.create_task(templates.work(TemplateKeeper(deps).run)))
            tasks.append(group.create_task(ensure_bucket(deps)))
            tasks.append(group.create_task(sweep_for_ever(deps, queue.add, config.sweep_seconds)))
            tasks.append(group.create_task(scheduling.run()))
            registry = _registry(queue, templates, scheduling, census)
            watching = group.create_task(_watch(registry, config.watch_namespaces, ready, stop))
            await asyncio.wait({watching, group.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for task in (*tasks, keeping):
                task.cancel()
            # kopf takes 5 s to end: nobody works any more, so nobody needs to wait for that.
            await asyncio.gather(*tasks, keeping, return_exceptions=True)
            await election.give_back()


async def _watch(
    registry: kopf.OperatorRegistry, namespaces: tuple[str, ...], ready: asyncio.Event, stop: asyncio.Event
) -> None:
    """Put what changes in these namespaces, or in all where none is named, into the queues, until `stop`."""
    operator = asyncio.ensure_future(
        kopf.operator(
            registry=registry,
            settings=_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=ready,
            stop_flag=stop,
            # Else kopf asks for the user's name, which a container's numeric user does not have.
            identity=names.MANAGED_BY,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
        )
    )
    started = asyncio.ensure_future(ready.wait())
    await asyncio.wait({operator, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    _set_at_signals(stop)  # kopf has taken the signals for itself
    await operator


def _candidate(config: OperatorConfig, environ: Mapping[str, str]) -> Candidate:
    """Name and uid of the pod; elsewhere something that nobody else calls itself."""
    pod, uid = environ.get("POD_NAME", socket.gethostname()), environ.get("POD_UID", str(uuid.uuid4()))
    return Candidate(environ.get("POD_NAMESPACE", "supportbundle-system"), config.lease_name, f"{pod}_{uid}")


def _set_at_signals(stop: asyncio.Event) -> None:
    """As process 1 of its container, a standby would not even notice a SIGTERM otherwise."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _keep(election: Election) -> None:
    try:
        await election.keep()
    except LostLeadership as error:
        _die(error)


def _die(error: LostLeadership) -> NoReturn:
    """Threads in the middle of a request to the store would hold up an orderly end for minutes."""
    log.error("%s", error)
    logging.shutdown()
    os._exit(1)


async def _deps(
    client: Client,
    config: OperatorConfig,
    namespace: str,
    metrics: Metrics,
    pool: ThreadPoolExecutor,
) -> Deps:
    kube_system = await client.get(paths.CLUSTER_ID_SOURCE)
    return Deps(
        client=client,
        stores=Stores(client, namespace, time.monotonic, lambda store: measured(store, metrics.store_request)),
        guard=Guard(client, config.policy_names, time.monotonic),
        config=config,
        planners=REGISTRY,
        metrics=metrics,
        cluster_id=kube_system["metadata"]["uid"],
        namespace=namespace,
        pool=pool,
    )


def _apps(
    queue: WorkQueue[Key], metrics: Metrics, census: Census, election: Election, ready: asyncio.Event
) -> dict[int, Any]:
    def live() -> str:
        age = queue.stalled_seconds()
        return f"no bundle has made a step for {age:.0f} s, though some wait" if age > STUCK_SECONDS else ""

    def at_work() -> str:
        """A standby that sees the Lease is ready: it is what a rolling update waits for."""
        if not election.leading:
            return election.trouble
        return live() or ("" if ready.is_set() else "the watch has not started")

    def refresh() -> None:
        metrics.queue_depth.set(queue.depth)
        metrics.queue_oldest.set(queue.oldest_seconds())
        metrics.queue_stalled.set(queue.stalled_seconds())
        metrics.leader.set(election.leading)
        for phase, count in census.by_phase().items() if election.leading else ():
            metrics.bundles.labels(phase).set(count)

    return {HEALTH_PORT: health_app(live, at_work), METRICS_PORT: metrics_app(refresh)}


def _registry(
    queue: WorkQueue[Key], templates: WorkQueue[str], scheduling: Scheduling, census: Census
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    known: set[Key] = set()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's calling convention
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def bundle(event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        key = key_of(body)
        if event["type"] == "DELETED":
            census.miss(key.uid)
        else:
            census.see(key.uid, parse_status(body).phase)
        if not _is_open(body) or event["type"] == "DELETED":
            known.discard(key)
        else:
            known.add(key)
        if _is_open(body):
            queue.add(key)
        scheduling.bundle_seen(body)

    @kopf.on.event(names.GROUP, names.VERSION, names.SCHEDULES, registry=registry)
    async def schedule(event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        scheduling.schedule_seen(event["type"], body)

    @kopf.on.event(names.GROUP, names.VERSION, names.TEMPLATES, registry=registry)
    async def template(event: Mapping[str, Any], name: str, **_: Any) -> None:  # noqa: ANN401 - as above
        if event["type"] != "DELETED":
            templates.add(name)

    @kopf.on.event("batch", "v1", "jobs", labels={names.LABEL_MANAGED_BY: names.MANAGED_BY}, registry=registry)
    async def job(body: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        # Anybody may make a Job that claims an owner: only bundles that we have seen ourselves count.
        if (owner := owner_of(body)) in known:
            queue.add(owner)

    return registry


def _is_open(body: Mapping[str, Any]) -> bool:
    """Whether something is to be done; most bundles are over, and are dropped here without a request."""
    status = parse_status(body)
    return not status.finished or (status.phase == Phase.READY and status.artifact is not None)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1, 2, 4, 8, 16, 32)
    settings.persistence.finalizer = f"{names.GROUP}/unused"
    return settings
