"""Entry point of the Job's pods: plan in, one fragment out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.index import IndexLimits, ShardReport, bounded_log
from supportbundle.collect.base import ClusterReader, RunContext
from supportbundle.collect.registry import REGISTRY
from supportbundle.collect.spool import Spool
from supportbundle.collector.budget import Budget
from supportbundle.collector.inputs import MountedSecrets, Mounts, load_known_secrets
from supportbundle.collector.logbook import Logbook
from supportbundle.collector.quoting import Quoting
from supportbundle.collector.requests import RequestLog
from supportbundle.collector.run import ShardRun, interrupt_when, report, seconds_left
from supportbundle.collector.sampling import Sampler
from supportbundle.collector.sink import FragmentSink
from supportbundle.collector.slots import Slots
from supportbundle.collector.start import StartLine
from supportbundle.collector.upload import Uploader, open_session
from supportbundle.errors import SupportBundleError
from supportbundle.kube.client import Client, connect
from supportbundle.kube.login import Login, in_pod
from supportbundle.kube.ratelimit import RateLimit
from supportbundle.model.plan import Plan, Shard
from supportbundle.model.trouble import place_of
from supportbundle.sanitize import BUILTIN, Archives, Room, Sanitizer
from supportbundle.sanitize.rules.custom import extended

log = logging.getLogger("supportbundle.collector")
UPLOAD_PATIENCE = 110.0
"""Seconds; ends before the Job's own grace does, so that the last words are the collector's."""
CPU_THREADS = 2
PROGRESS_SECONDS = 2.0
TERMINATION_LOG = Path("/dev/termination-log")
LEAST_ROOM, MOST_ROOM = 64 << 20, 1 << 30
"""Bytes of the scratch volume for archives being opened, else as many as for results, which get half the volume: a pod
that fills it is evicted with all it has."""
MOST_SPOOLED = 512 << 20
"""Bytes of the scratch volume for zips of products, beside what is said above."""

API_REQUESTS = 50.0
"""Requests a second to the API server, of all collectors of a bundle together; twice as many at once."""
BINDING_SECONDS = 5.0
"""For so long 403 may only mean that the API server has not seen the new RoleBinding yet."""

OUTAGE_SECONDS = 60.0
"""For so long an API server that is away may come back; the limits of tasks and bundle hold all the same."""


def main() -> int:
    """Run the shard that the Job's index names. Returns the exit code: 0, or 1 when a retry may help."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    book = Logbook()
    logging.getLogger("supportbundle").addHandler(book)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it logs failures with their messages
    try:
        asyncio.run(run_shard(Mounts(), int(os.environ["JOB_COMPLETION_INDEX"]), book))
    except SupportBundleError as error:
        return _give_up(str(error))
    except Exception as error:  # noqa: BLE001 - the last words must be said
        log.error("unexpected failure: %s", place_of(error))  # noqa: TRY400 - a message may quote a target
        return _give_up(f"Unexpected failure ({type(error).__name__}); see the pod's log.")
    return 0


def _give_up(cause: str) -> int:
    """The last words, where the kubelet shows them in the pod's status; that is what the bundle's status quotes."""
    log.error("%s", cause)
    with contextlib.suppress(OSError):
        TERMINATION_LOG.write_text(cause, encoding="utf-8")
    return 1


async def run_shard(mounts: Mounts, index: int, book: Logbook) -> None:
    """Collect, pack and store one shard.

    Raises:
        SupportBundleError: no result could be stored.
    """
    plan = mounts.plan()
    shard = plan.shards[index]
    told = asyncio.Event()
    if plan.hands_in:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    login = in_pod()
    async with open_session(mounts.uploads()) as session, _cluster(login, plan) as cluster:
        uploader = Uploader(session, mounts.uploads, index)
        fragment = mounts.scratch / "fragment"
        async with reporting_run(plan, shard, cluster, mounts, fragment, book) as run:
            listener = asyncio.create_task(interrupt_when(told, run))
            reporter = asyncio.create_task(report(run, uploader.put_progress, first=1, every=PROGRESS_SECONDS))
            await run.run(seconds_left(plan, index, datetime.now(UTC)))
            reporter.cancel()
            listener.cancel()
        await uploader.put_fragment(fragment, UPLOAD_PATIENCE)
    log.info("shard %d is stored, %d bytes", index, fragment.stat().st_size)


def _cluster(login: Login, plan: Plan) -> contextlib.AbstractAsyncContextManager[Client]:
    share = API_REQUESTS / max(1, min(plan.parallelism, len(plan.shards)))
    rate = RateLimit(per_second=share, burst=max(1, round(2 * share)))
    return connect(login, rate=rate, settle_seconds=BINDING_SECONDS, patience_seconds=OUTAGE_SECONDS)


@contextlib.asynccontextmanager
async def reporting_run(
    plan: Plan, shard: Shard, cluster: ClusterReader, mounts: Mounts, fragment: Path, book: Logbook
) -> AsyncIterator[ShardRun]:
    """A run whose fragment is complete, footer included, when the context ends."""
    known, slots, wanted = load_known_secrets(mounts, plan), Slots(), plan.sanitization
    room = Room(min(MOST_ROOM, max(LEAST_ROOM, shard.budget)))
    sanitizer = Sanitizer.build(
        known.values,
        extended(BUILTIN, wanted.rules),
        keep_shape=wanted.keep_shape,
        pseudonyms=mounts.pseudonyms(wanted.pseudonyms),
        archives=Archives(scratch=mounts.scratch, room=room),
    )
    requests = RequestLog()
    started = datetime.now(UTC)
    limits = IndexLimits.for_shards(len(plan.shards))
    writer = FragmentWriter(fragment, shard=shard.index, modified=plan.created_at, limits=limits)
    with ThreadPoolExecutor(CPU_THREADS) as pool, writer:
        sampler = Sampler(plan.dry_run) if plan.dry_run else None
        sink = FragmentSink(
            sampler.count if sampler else writer.append,
            Quoting(sanitizer, known.values),
            scratch=mounts.scratch,
            pool=pool,
            budget=Budget(shard.budget),
            slots=slots,
            clock=lambda: datetime.now(UTC),
            archive=plan.archive,
        )
        context = RunContext(
            namespace=plan.bundle.namespace,
            cluster=requests.around(cluster) if plan.archive.request_log else cluster,
            sink=sink,
            secrets=MountedSecrets(mounts),
            debug=plan.debug,
            start=StartLine(shard.tasks, slots),
            spool=Spool(mounts.scratch, min(MOST_SPOOLED, max(LEAST_ROOM, shard.budget))),
        )
        yield ShardRun(shard, REGISTRY, context, sink, slots, known.missing)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        log.info("shard %d: %d bytes kept, %d gaps, %d MiB at most", shard.index, sink.bytes, len(sink.gaps), peak)
        log_text = bounded_log(sink.clean(book.text()).splitlines())
        ended = datetime.now(UTC)
        stats = dict(sampler.stats((ended - started).total_seconds())) if sampler else {}
        writer.close(
            ShardReport(started_at=started, finished_at=ended, log=log_text, stats=stats),
            sink.gaps,
            requests.lines(sink.clean),
        )
