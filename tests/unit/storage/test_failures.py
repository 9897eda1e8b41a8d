"""Every way in which botocore fails becomes one of our errors, and quotes nothing."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from urllib3.exceptions import ProtocolError

from supportbundle.errors import (
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    StoreDenied,
    SupportBundleError,
    Unavailable,
)
from supportbundle.storage.failures import translated

URL = "https://store.example/bucket/key?X-Amz-Signature=5ec2e7"


def refused(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": URL}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutObject",
    )


ANSWERS = [
    ("AccessDenied", 403, StoreDenied),
    ("403", 403, StoreDenied),
    ("InvalidAccessKeyId", 403, StoreDenied),
    ("SignatureDoesNotMatch", 403, StoreDenied),
    ("ExpiredToken", 400, StoreDenied),
    ("NoSuchBucket", 404, StoreDenied),
    ("PermanentRedirect", 301, StoreDenied),
    ("AuthorizationHeaderMalformed", 400, StoreDenied),
    ("NoSuchKey", 404, NotFound),
    ("404", 404, NotFound),
    ("PreconditionFailed", 412, Conflict),
    ("ConditionalRequestConflict", 409, Conflict),
    ("InvalidRange", 416, Corrupt),
    ("SlowDown", 503, Unavailable),
    ("RequestTimeTooSkewed", 403, Unavailable),
    ("RequestTimeout", 400, Unavailable),
    ("TooManyRequests", 429, Unavailable),
    ("InternalError", 200, Unavailable),
    ("", 500, Unavailable),
    ("NotImplemented", 501, Invalid),
    ("EntityTooSmall", 400, Invalid),
    ("", 0, Invalid),
]


@pytest.mark.parametrize(("code", "status", "expected"), ANSWERS)
def test_a_refusal_becomes_our_error(code: str, status: int, expected: type[SupportBundleError]) -> None:
    with pytest.raises(SupportBundleError) as failure, translated("writing", "k"):
        raise refused(code, status)
    assert type(failure.value) is expected
    assert "writing of 'k'" in str(failure.value)
    assert code in str(failure.value)


RAISED = [
    (EndpointConnectionError(endpoint_url=URL), Unavailable),
    (ConnectTimeoutError(endpoint_url=URL), Unavailable),
    (ReadTimeoutError(endpoint_url=URL), Unavailable),
    (ResponseStreamingError(error=URL), Unavailable),
    (ProtocolError(URL), Unavailable),
    (ConnectionResetError(URL), Unavailable),
    (CredentialRetrievalError(provider="web-identity", error_msg=URL), Unavailable),
    (NoCredentialsError(), StoreDenied),
    (ParamValidationError(report=URL), Invalid),
]


@pytest.mark.parametrize(("raised", "expected"), RAISED, ids=lambda value: type(value).__name__)
def test_what_is_raised_on_our_side_becomes_our_error(raised: Exception, expected: type[SupportBundleError]) -> None:
    with pytest.raises(SupportBundleError) as failure, translated("reading"):
        raise raised
    assert type(failure.value) is expected


@pytest.mark.parametrize("raised", [refused("SignatureDoesNotMatch", 403), refused(URL, 400), *(r for r, _ in RAISED)])
def test_no_message_quotes_an_url(raised: Exception) -> None:
    with pytest.raises(SupportBundleError) as failure, translated("reading", "k"):
        raise raised
    assert "5ec2e7" not in str(failure.value)
    assert failure.value.__suppress_context__


@pytest.mark.parametrize("code", ["\x1b[2J", "x" * 500, "two words", "ключ"])
def test_a_code_that_is_no_word_is_not_shown(code: str) -> None:
    with pytest.raises(Invalid, match="no proper code") as failure, translated("reading"):
        raise refused(code, 400)
    assert code not in str(failure.value)


def test_a_bad_request_to_head_is_about_credentials() -> None:
    with pytest.raises(StoreDenied, match="credentials"), translated("looking up", "k", bodiless=True):
        raise refused("400", 400)


def test_success_and_bugs_pass_untouched() -> None:
    with translated("reading"):
        pass
    with pytest.raises(ZeroDivisionError), translated("reading"):
        raise ZeroDivisionError
