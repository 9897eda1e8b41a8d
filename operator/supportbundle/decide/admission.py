"""Whether an admission policy has checked what somebody wrote, and how that stays known when policies come anew. Pure.

The API server tells when an object was created, but not when its spec was changed. So the status keeps which generation
was there while which policies were in force: a later one was written under these, as long as they are the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from supportbundle.model.bundle import Metadata
from supportbundle.model.schedule import Admission

SPREAD: Final = timedelta(seconds=2)
"""How long API servers may take to enforce a new policy."""


def admission(meta: Metadata, before: Admission | None, since: datetime, now: datetime) -> Admission:
    """What is known of this generation; `since` is when the present policies came into force.

    While they are so young that an API server may not enforce them yet, nothing that is seen counts for later: then
    `policies_since` is that of before.
    """
    if before and before.generation == meta.generation and before.policies_since and since < before.policies_since:
        return before  # `since` was heard before the policies came anew, which is known by now
    checked = _checked(meta, before, since)
    if now >= since + SPREAD:
        return Admission(generation=meta.generation, checked=checked, policies_since=since)
    return Admission(
        generation=meta.generation, checked=checked, policies_since=before.policies_since if before else None
    )


def _checked(meta: Metadata, before: Admission | None, since: datetime) -> bool:
    if meta.creation_timestamp >= since + SPREAD:
        return True
    if before is None:
        return False
    if before.generation == meta.generation:
        return before.checked
    return before.policies_since == since
