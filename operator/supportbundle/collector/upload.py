"""One write-once PUT of the fragment, and small PUTs of progress, to presigned URLs; no bucket credentials here."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp

from supportbundle.errors import Corrupt, StoreDenied, SupportBundleError, Unavailable
from supportbundle.model.plan import Progress, ShardUpload, SignedPut, Uploads

log = logging.getLogger(__name__)
PUT_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=15, sock_read=120)
PROGRESS_TIMEOUT = aiohttp.ClientTimeout(total=5)
FIRST_RETRY = 0.5
LAST_RETRY = 5.0


class Uploader:
    """`uploads` is called before each try: the operator renews the URLs while a run lasts."""

    def __init__(self, session: aiohttp.ClientSession, uploads: Callable[[], Uploads], shard: int) -> None:
        self._session = session
        self._uploads = uploads
        self._shard = shard

    async def put_fragment(self, file: Path, patience: float) -> None:
        """Store the fragment, retrying for `patience` seconds through outages and expired URLs.

        Raises:
            Unavailable: no answer in all that time.
            StoreDenied: the store kept refusing.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + patience
        delay = FIRST_RETRY
        while True:
            try:
                return await self._put_once(file)
            except SupportBundleError as error:
                if loop.time() + delay > give_up:
                    raise
                log.warning("upload failed, next try in %.1f s: %s", delay, error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    async def put_progress(self, progress: Progress) -> None:
        """Say how far the shard is. A hint: failing to say it is no failure."""
        body = progress.model_dump_json(by_alias=True).encode()
        try:
            put = self._signed().progress
            async with self._session.put(put.url, data=body, headers=put.headers, timeout=PROGRESS_TIMEOUT):
                pass
        except (SupportBundleError, aiohttp.ClientError, TimeoutError, OSError):
            log.debug("progress was not stored")

    async def _put_once(self, file: Path) -> None:
        put: SignedPut = self._signed().fragment
        try:
            with file.open("rb") as body:
                async with self._session.put(put.url, data=body, headers=put.headers, timeout=PUT_TIMEOUT) as answer:
                    status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of a client error can hold the URL, whose query is a credential.
            raise Unavailable(f"Object storage did not answer ({type(error).__name__}).") from None
        if status == 412:  # noqa: PLR2004 - Precondition Failed: an earlier try, or pod, has stored this shard
            log.info("the fragment is stored already")
        elif status in {401, 403, 404}:
            raise StoreDenied(f"Object storage refused the upload with status {status}.")
        elif status >= 300:  # noqa: PLR2004 - anything but success
            raise Unavailable(f"Object storage answered {status}.")

    def _signed(self) -> ShardUpload:
        shards = self._uploads().shards
        if self._shard not in shards:
            raise Corrupt(f"The run's Secret holds no upload URLs for shard {self._shard}.")
        return shards[self._shard]


def open_session(uploads: Uploads) -> aiohttp.ClientSession:
    """A session that trusts the store's own CA if it has one, and honours the pod's proxy settings."""
    context = ssl.create_default_context()
    if uploads.ca_bundle:
        context.load_verify_locations(cadata=uploads.ca_bundle)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context), trust_env=True, skip_auto_headers=("Content-Type",)
    )
