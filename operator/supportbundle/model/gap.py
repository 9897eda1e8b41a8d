"""A gap: something that was wanted and is not in the bundle, and why. Honesty is a data type here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from supportbundle.errors import SupportBundleError
from supportbundle.model.base import Value

MESSAGE_LIMIT = 900
"""Characters; a warning with all its fields stays below the 1 KiB that the status allows for each."""


class Gap(Value):
    """`target` is `pod/container`, `pod`, or a namespace-wide thing; `reason` is a CamelCase word."""

    target: Annotated[str, StringConstraints(max_length=600)] = ""
    collector: Annotated[str, StringConstraints(max_length=63)] = ""
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] = ""

    @classmethod
    def of(cls, error: SupportBundleError, *, target: str, collector: str) -> Gap:
        """The gap that an expected failure leaves."""
        return cls.say(error.reason, str(error), target=target, collector=collector)

    @classmethod
    def say(cls, reason: str, message: str, *, target: str = "", collector: str = "") -> Gap:
        """A gap from untrusted text: control characters are shown escaped, everything is cut to its bound."""
        return cls(
            target=printable(target, 600),
            collector=printable(collector, 63),
            reason=reason,
            message=printable(message, MESSAGE_LIMIT),
        )


class Covered(Value):
    """A gap that leaves nothing open: `by` is the collector whose files stand in for what it misses."""

    gap: Gap
    by: str


def printable(text: str, limit: int) -> str:
    """`text` without control characters or lone surrogates (terminal escapes come from target pods), cut to `limit`."""
    safe = "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text[:limit])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
