"""The life of the process: stand by, lead, work, give the Lease back. A part that dies ends all of it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NoReturn

from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.errors import LostLeadership
from supportbundle.handlers.apps import apps
from supportbundle.handlers.watches import PAGE, Fed, watch
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.metrics import Metrics
from supportbundle.probes import serving
from supportbundle.reconcile import paths
from supportbundle.reconcile.apiservers import ApiServers
from supportbundle.reconcile.approvals import Answers
from supportbundle.reconcile.census import Census
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.election import Candidate, Election
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.heard import Heard
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck
from supportbundle.reconcile.schedules.service import Scheduling
from supportbundle.reconcile.schedules.webhook import PORT as WEBHOOK_PORT
from supportbundle.reconcile.schedules.webhook import Bell, alert_app
from supportbundle.reconcile.setup import ensure_bucket, ensure_default_destination, ensure_templates
from supportbundle.reconcile.stores import Stores
from supportbundle.reconcile.storewatch import watch_stores
from supportbundle.reconcile.sweep import sweep_for_ever
from supportbundle.reconcile.templates import TemplateKeeper
from supportbundle.storage.addresses import Guard as AddressGuard
from supportbundle.storage.measured import measured
from supportbundle.workqueue import WorkQueue

log = logging.getLogger(__name__)
BLOCKING_THREADS = 8


async def operate(config: OperatorConfig, environ: Mapping[str, str]) -> None:
    """Stand by until this pod leads, then work until a signal stops the process.

    A dead watch or worker ends it, so that Kubernetes starts it anew; so does the loss of the Lease, at once.

    Raises:
        InvalidRule: a sanitizing rule of the settings cannot be used.
    """
    await RuleCheck()(config.sanitization.rules)
    queue: WorkQueue[Key] = WorkQueue(time.monotonic)
    metrics, census = Metrics(), Census()
    ready, stop = asyncio.Event(), asyncio.Event()
    _set_at_signals(stop)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(await configured(), observe=metrics.kube_request, page=PAGE))
        candidate = _candidate(config, environ)
        election = Election(client, candidate)
        bell = Bell()
        doors = {WEBHOOK_PORT: alert_app(bell)} if config.alertmanager_webhook else {}
        await stack.enter_async_context(serving(apps(queue, metrics, census, election, ready) | doors))
        pool = stack.enter_context(ThreadPoolExecutor(BLOCKING_THREADS, "s3"))
        if not await stack.enter_async_context(election.led(stop)):
            return
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(_keep(election))
            servers = ApiServers(client)
            await servers.refresh()
            deps = replace(
                await _deps(client, config, candidate.namespace, metrics, pool, servers),
                census=census,
                fence=election.check,
            )
            await ensure_default_destination(deps)
            await ensure_templates(deps)
            scheduling = Scheduling(deps)
            bell.fire = scheduling.fire
            fed = Fed(
                queue,
                WorkQueue(time.monotonic),
                WorkQueue(time.monotonic),
                scheduling,
                Heard(queue, census, deps.clock),
            )
            tasks = [group.create_task(work) for work in (*_work(fed, deps), servers.keep_fresh())]
            tasks.append(group.create_task(_watch(fed, config.watch_namespaces, ready, stop)))
            await asyncio.wait({tasks[-1], group.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            bell.fire = None
            for task in (*tasks[:-1], keeping):
                task.cancel()
            # kopf takes 5 s to end: nobody works any more, so nobody needs to wait for that.
            await asyncio.gather(*tasks[:-1], keeping, return_exceptions=True)
            await election.give_back()


def _work(fed: Fed, deps: Deps) -> Iterator[Coroutine[Any, Any, None]]:
    """Everything that runs for ever beside the watch."""
    reconciler = Reconciler(deps, wake=fed.bundles.add)
    yield from (fed.bundles.work(reconciler.run) for _ in range(deps.config.workers))
    yield fed.approvals.work(Answers(deps).run)
    yield fed.templates.work(TemplateKeeper(deps).run)
    yield fed.scheduling.run()
    yield ensure_bucket(deps)
    yield watch_stores(deps)
    yield sweep_for_ever(deps, fed.bundles.add, deps.config.sweep_seconds)


async def _watch(fed: Fed, namespaces: tuple[str, ...], ready: asyncio.Event, stop: asyncio.Event) -> None:
    watching = asyncio.ensure_future(watch(fed, namespaces, ready, stop))
    started = asyncio.ensure_future(ready.wait())
    await asyncio.wait({watching, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    _set_at_signals(stop)  # kopf has taken the signals for itself
    await watching


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
    servers: ApiServers,
) -> Deps:
    kube_system = await client.get(paths.CLUSTER_ID_SOURCE)
    return Deps(
        client=client,
        stores=Stores(
            client,
            namespace,
            time.monotonic,
            config.staging,
            guard=AddressGuard(servers=servers.known),
            wrap=lambda store: measured(store, metrics.store_request),
        ),
        guard=Guard(client, config.policy_names, time.monotonic),
        config=config,
        planners=REGISTRY,
        metrics=metrics,
        cluster_id=kube_system["metadata"]["uid"],
        namespace=namespace,
        pool=pool,
        api_servers=servers.known,
    )
