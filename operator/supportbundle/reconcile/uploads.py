"""The URLs that a run's shards may write to: presigned, renewed while the run lasts, never shown to anybody."""

from __future__ import annotations

from datetime import timedelta

from supportbundle.model import names
from supportbundle.model.plan import Plan, ShardUpload, SignedPut, Uploads
from supportbundle.storage.base import Store

LIFETIME = timedelta(hours=1)
RENEW_AFTER = timedelta(minutes=15)
"""The kubelet shows a changed Secret within about 90 s; an identity's session may end before LIFETIME does."""


def sign_uploads(plan: Plan, store: Store, prefix: str, ca_bundle: str | None) -> Uploads:
    """One write-once URL and one progress URL for each shard. Pure computation, but needs the credentials."""
    return Uploads(
        shards={
            shard.index: ShardUpload(
                fragment=_put(store, names.fragment_key(prefix, shard.index), write_once=True),
                progress=_put(store, names.progress_key(prefix, shard.index), write_once=False),
            )
            for shard in plan.shards
        },
        ca_bundle=ca_bundle,
    )


def _put(store: Store, key: str, *, write_once: bool) -> SignedPut:
    signed = store.presign_put(key, write_once=write_once, expires=LIFETIME)
    return SignedPut(url=signed.url, headers=dict(signed.headers))
