"""The operator process: kopf watches, the queue works. Only this module knows kopf.

kopf serves as the informer: an event only puts a key into the queue. Its create and update handlers, timers and
daemons are not used, for they write finalizers and annotations into users' objects.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import kopf

from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.metrics import Metrics
from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase
from supportbundle.probes import health_app, metrics_app, serving
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.key import Key, key_of, owner_of
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck
from supportbundle.reconcile.setup import ensure_bucket, ensure_default_destination
from supportbundle.reconcile.stores import Stores
from supportbundle.reconcile.sweep import sweep_for_ever
from supportbundle.workqueue import WorkQueue

log = logging.getLogger(__name__)
HEALTH_PORT = 8080
METRICS_PORT = 9090
STUCK_SECONDS = 1800.0
"""All workers would have to be in one step for so long; even a store that swallows requests lets go in 3 minutes."""
BLOCKING_THREADS = 8


async def operate(config: OperatorConfig, namespace: str) -> None:
    """Run until a signal stops the process. A dead watch or worker ends it, so that Kubernetes starts it anew.

    Raises:
        InvalidRule: a sanitizing rule of the settings cannot be used.
    """
    await RuleCheck()(config.sanitization.rules)
    queue: WorkQueue[Key] = WorkQueue(time.monotonic)
    metrics = Metrics()
    ready = asyncio.Event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(_apps(queue, metrics, ready)))
        client = await stack.enter_async_context(connect(await configured()))
        deps = await _deps(client, config, namespace, metrics, stack)
        await ensure_default_destination(deps)
        reconciler = Reconciler(deps)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(queue.work(reconciler.run)) for _ in range(config.workers)]
            tasks.append(group.create_task(ensure_bucket(deps)))
            tasks.append(group.create_task(sweep_for_ever(deps, queue.add, config.sweep_seconds)))
            await kopf.operator(
                registry=_registry(queue),
                settings=_settings(),
                standalone=True,
                clusterwide=True,
                ready_flag=ready,
                # Else kopf asks for the user's name, which a container's numeric user does not have.
                identity=names.MANAGED_BY,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
            )
            for task in tasks:
                task.cancel()


async def _deps(
    client: Client, config: OperatorConfig, namespace: str, metrics: Metrics, stack: AsyncExitStack
) -> Deps:
    kube_system = await client.get(paths.CLUSTER_ID_SOURCE)
    return Deps(
        client=client,
        stores=Stores(client, namespace, time.monotonic, config.staging),
        guard=Guard(client, config.policy_names, time.monotonic),
        config=config,
        planners=REGISTRY,
        metrics=metrics,
        cluster_id=kube_system["metadata"]["uid"],
        namespace=namespace,
        pool=stack.enter_context(ThreadPoolExecutor(BLOCKING_THREADS, "s3")),
    )


def _apps(queue: WorkQueue[Key], metrics: Metrics, ready: asyncio.Event) -> dict[int, Any]:
    def live() -> str:
        age = queue.stalled_seconds()
        return f"no bundle has made a step for {age:.0f} s, though some wait" if age > STUCK_SECONDS else ""

    def refresh() -> None:
        metrics.queue_depth.set(queue.depth)
        metrics.queue_oldest.set(queue.oldest_seconds())

    return {
        HEALTH_PORT: health_app(live, lambda: live() or ("" if ready.is_set() else "the watch has not started")),
        METRICS_PORT: metrics_app(refresh),
    }


def _registry(queue: WorkQueue[Key]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    known: set[Key] = set()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's calling convention
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def bundle(event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - as above
        key = key_of(body)
        if not _is_open(body) or event["type"] == "DELETED":
            known.discard(key)
        else:
            known.add(key)
        if _is_open(body):
            queue.add(key)

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
