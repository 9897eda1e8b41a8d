"""Progress is a hint: nothing that goes wrong with it may stop the next one."""

from __future__ import annotations

import aiohttp

from support.build import NOW
from supportbundle.collector.upload import Uploader
from supportbundle.errors import Corrupt
from supportbundle.model.plan import Progress, Uploads

PROGRESS = Progress(shard=0, tasks_done=0, targets_done=0, bytes=0, at=NOW)


def torn() -> Uploads:
    raise Corrupt("The run's Secret holds no usable upload URLs.")


async def test_a_secret_that_cannot_be_read_for_a_moment_costs_one_word_of_progress() -> None:
    async with aiohttp.ClientSession() as session:
        await Uploader(session, torn, 0).put_progress(PROGRESS)


async def test_a_secret_without_this_shard_costs_no_more() -> None:
    async with aiohttp.ClientSession() as session:
        await Uploader(session, lambda: Uploads(shards={}), 0).put_progress(PROGRESS)
