"""The one place where HTTP failures of the API server become our errors."""

from __future__ import annotations

import orjson

from supportbundle.errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    SupportBundleError,
    TooLarge,
    Unavailable,
)
from supportbundle.model.gap import printable

MESSAGE_CHARS = 700
SUCCESS = range(200, 300)
_OUR_FAULT = range(400, 500)
_STATUS: dict[int, type[SupportBundleError]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: Expired,
    413: TooLarge,
    429: Unavailable,
}
_NEXT = {
    Forbidden: "Grant the right that the message names to the account that it names.",
    Unavailable: "Try again later; if it stays, look at the API server.",
}


def failure(status: int, body: bytes, what: str) -> SupportBundleError:
    """The error of a response that is not 2xx.

    Args:
        status: the HTTP status.
        body: the (bounded) body: a metav1.Status, or plain text from a proxy or kubelet.
        what: the request in the reader's words, such as `GET /api/v1/pods`.
    """
    kind = _STATUS.get(status) or (Invalid if status in _OUR_FAULT else Unavailable)
    return kind(f"{what} was answered with {status}: {_message(body)}", _NEXT.get(kind, ""))


def unreachable(error: BaseException, what: str) -> Unavailable:
    """A connection that was not made, broke, or did not answer in time."""
    detail = str(error) or type(error).__name__
    return Unavailable(f"{what} failed: {printable(detail, MESSAGE_CHARS)}.", "Try again later.")


def _message(body: bytes) -> str:
    """The API server's own words. Its message may quote a pod's bytes, so it is made printable."""
    try:
        parsed = orjson.loads(body)
        text = parsed.get("message", "") if isinstance(parsed, dict) else ""
    except orjson.JSONDecodeError:
        text = ""
    return printable(str(text) or body.decode("utf-8", "replace").strip() or "no message", MESSAGE_CHARS)
