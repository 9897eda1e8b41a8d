"""The whole error tree: every failure says what happened, what to do next, and whether waiting helps.

SupportBundleError
├── Invalid             the request can never work as written
│   ├── InvalidRule     a sanitizing rule that somebody wrote
│   ├── InvalidTemplate a template that its author must correct
│   ├── InvalidParameters  what a bundle gives to a template
│   └── StagingMissing  a destination takes finished zips only, and there is no other place to make them
├── Forbidden           a right is missing; a retry helps only while a new binding spreads
├── NotFound            the named thing is not there
│   └── SecretNotFound  a Secret, or a key of it, that a collector uses
├── Conflict            somebody else wrote first; read again and repeat
├── Expired             what we held (a page token, a version) is too old; start that read over
├── Unavailable         a server did not answer or said "later"
├── HTTPStatus          a target pod answered, but not with 2xx; the reason names the status
├── DeadlineExceeded    the time allowed for one item or one bundle is over
├── TooLarge            a size limit was reached
├── Unsanitizable       content that could not be proven clean; it never leaves the collector
├── Corrupt             bytes from a tenant's namespace that do not hold what they claim
└── StoreDenied         object storage refused the credentials, the bucket or the request
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class SupportBundleError(Exception):
    """Base of all expected failures.

    `reason` is the CamelCase word used in conditions, Events, gaps and metrics; `retriable` says whether the same
    call may succeed later without anybody changing anything; `next_step` is one sentence for the person who reads it.
    """

    reason: str = "Error"
    retriable: ClassVar[bool] = False

    def __init__(self, cause: str, next_step: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.cause} {self.next_step}".strip()


class Invalid(SupportBundleError):
    """The request can never work as written."""

    reason = "Invalid"


class InvalidRule(Invalid):
    """A sanitizing rule that cannot work, or does not do what its examples say."""

    reason = "InvalidRule"


class InvalidTemplate(Invalid):
    """A template that no bundle can use until its author corrects it."""

    reason = "InvalidTemplate"


class InvalidParameters(Invalid):
    """What a bundle gives to a template does not fit it."""

    reason = "InvalidParameters"


class StagingMissing(Invalid):
    """There is no store in which the bundles of a destination could be put together."""

    reason = "StagingMissing"


class Forbidden(SupportBundleError):
    """The API server answered 401 or 403."""

    reason = "Forbidden"
    retriable = True


class NotFound(SupportBundleError):
    """The named object, key or path does not exist (any more)."""

    reason = "NotFound"


class SecretNotFound(NotFound):
    """A Secret, or the key of one, that a collector uses is not there."""

    reason = "SecretNotFound"


class Conflict(SupportBundleError):
    """The object exists already, or was changed since it was read."""

    reason = "Conflict"
    retriable = True


class LostLeadership(SupportBundleError):
    """Another pod of the operator may be working by now, so this one must change nothing more."""

    reason = "LostLeadership"
    retriable = True


class Expired(SupportBundleError):
    """The API server answered 410: a `continue` token or resourceVersion is older than it remembers."""

    reason = "Expired"
    retriable = True


class Unavailable(SupportBundleError):
    """No answer, a broken connection, a 429 or a 5xx."""

    reason = "Unavailable"
    retriable = True


class HTTPStatus(SupportBundleError):
    """A target pod answered with a status other than 2xx; `reason` is `HTTP503` and the like."""

    def __init__(self, status: int, cause: str, next_step: str = "") -> None:
        super().__init__(cause, next_step)
        self.status = status
        self.reason = f"HTTP{status}"


class DeadlineExceeded(SupportBundleError):
    """An item used up its time."""

    reason = "Timeout"


class TooLarge(SupportBundleError):
    """An item used up its bytes."""

    reason = "TooLarge"


class Unsanitizable(SupportBundleError):
    """Content could not be sanitized, or the leak check found a secret in the result."""

    reason = "Unsanitizable"


class Corrupt(SupportBundleError):
    """A fragment, footer or plan does not hold what it claims."""

    reason = "Corrupt"


class StoreDenied(SupportBundleError):
    """Object storage refused: wrong credentials, missing bucket, forbidden operation."""

    reason = "StoreDenied"


@contextmanager
def full_volume_is(cause: str, next_step: str) -> Iterator[None]:
    """A volume without room is a limit that was reached, not a defect: TooLarge in these words."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TooLarge(cause, next_step) from error
