"""Turns whatever botocore raises into the product's errors.

Messages name the operation, the key and the server's error *code*, never its message or the exception's text: those may
quote URLs, signatures or key ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from supportbundle.errors import Conflict, Corrupt, Invalid, NotFound, StoreDenied, SupportBundleError, Unavailable

_CREDENTIALS = "Check the destination's credentials: the keys in its Secret, or the identity of the operator's pod."
_BUCKET = "Check the destination's bucket, region and endpoint."
_RIGHTS = (
    "Allow the destination's credentials s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload below "
    "its prefix, s3:ListBucket and s3:ListBucketMultipartUploads on its bucket."
)
_CLOCK = "Set the clock of the operator's node, by NTP for instance; the operator tries again."
_WAIT = "The operator tries again; if it lasts, check the destination's endpoint and network policies."

_WRONG_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidIdentityToken",
    "TokenRefreshRequired",
    "XAdminUserNotFound",  # versitygw's word for an access key that it does not know, with status 404
}
_WRONG_BUCKET = {"NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName"}
_WRONG_CLOCK = {"RequestTimeTooSkewed"}
"""No right would help, and a clock is set without anybody touching the bundle; S3 allows 15 minutes."""
_CODE = re.compile(r"[A-Za-z0-9.]{1,60}", re.ASCII)
_LATER = {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "InternalError", "ServiceUnavailable"}


@contextmanager
def translated(operation: str, key: str = "", *, bodiless: bool = False) -> Iterator[None]:
    """Run a call of boto3; what it raises leaves as one of ours, without the original in the traceback.

    `bodiless` says that the answer (to HEAD) names no code: a 400 is then what S3 says of an expired token.
    """
    from botocore.exceptions import (  # noqa: PLC0415 - importing boto3 costs 30 MiB; only users of a store pay
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )
    from botocore.exceptions import ConnectionError as NotConnected  # noqa: PLC0415 - as above
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - raised by botocore's streaming bodies

    what = f"{operation} of {key!r}" if key else operation
    try:
        yield
    except ClientError as error:
        failure = _refused(what, error.response, bodiless=bodiless)
    except (NoCredentialsError, PartialCredentialsError):
        failure = StoreDenied(f"{what}: there are no credentials for object storage.", _CREDENTIALS)
    except (HTTPClientError, NotConnected, HTTPError, OSError) as error:
        failure = Unavailable(f"{what}: object storage did not answer ({type(error).__name__}).", _WAIT)
    except BotoCoreError as error:
        failure = _unsent(what, error)
    else:
        return
    raise failure from None


def _unsent(what: str, error: Exception) -> SupportBundleError:
    """A failure on our side of the wire: credentials that cannot be fetched pass, the rest is configuration."""
    name = type(error).__name__
    if "Credential" in name or "Token" in name or "Metadata" in name:
        return Unavailable(f"{what}: credentials for object storage could not be fetched ({name}).", _CREDENTIALS)
    if "Read" in name or "Stream" in name or "Checksum" in name:
        return Unavailable(f"{what}: the answer of object storage was cut short ({name}).", _WAIT)
    return Invalid(f"{what}: object storage cannot be asked like this ({name}).", _BUCKET)


def _refused(what: str, response: Any, *, bodiless: bool) -> SupportBundleError:  # noqa: ANN401 - botocore's
    code = str(response.get("Error", {}).get("Code", ""))
    if not _CODE.fullmatch(code):
        code = "no proper code"
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    shown = f"{what}: object storage answered {code} ({status})."
    if code in _WRONG_CREDENTIALS or (bodiless and status == HTTPStatus.BAD_REQUEST):
        return StoreDenied(shown, _CREDENTIALS)
    if code in _WRONG_CLOCK:
        return Unavailable(f"{shown} The clocks of the two differ by more than it allows.", _CLOCK)
    if code in _WRONG_BUCKET or status in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT}:
        return StoreDenied(shown, _BUCKET)
    if (
        code in _LATER
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED)
    ):
        return Unavailable(shown, _WAIT)
    return _by_status(shown, status)


def _by_status(shown: str, status: int) -> SupportBundleError:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return StoreDenied(shown, _RIGHTS)
        case HTTPStatus.NOT_FOUND:
            return NotFound(shown)
        case HTTPStatus.PRECONDITION_FAILED | HTTPStatus.CONFLICT:
            return Conflict(shown, "Somebody else wrote first.")
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return Corrupt(shown, "The object is shorter than what was recorded of it.")
        case _:
            return Invalid(shown, _BUCKET)
