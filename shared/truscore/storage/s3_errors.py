"""Which of our errors an S3 server's answer is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError

from truscore.storage.errors import AccessRefused, ObjectMissing, StoreError, StoreUnavailable

_MISSING = {"NoSuchKey", "NoSuchBucket", "NoSuchObject", "ResourceNotFound"}
_REFUSED = {
    "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccountProblem",
    "AllAccessDisabled", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed",
}  # fmt: skip
_BUSY = {"InternalError", "SlowDown", "SlowDownWrite", "SlowDownRead", "ServiceUnavailable", "RequestTimeout"}


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Errors of the client library leave as ours, naming the address."""
    try:
        yield
    except S3Error as error:
        raise _from_s3(uri, error) from error
    except MaxRetryError as error:
        raise StoreUnavailable(uri, f"the store does not answer: {error.reason}") from error
    except (HTTPError, ServerError, InvalidResponseError) as error:
        raise StoreUnavailable(uri, f"the store does not answer properly: {error}") from error
    except MinioException as error:
        raise StoreError(uri, f"the request failed: {error}") from error


def _from_s3(uri: str, error: S3Error) -> StoreError:
    code, answer = error.code, f"{error.code}: {error.message}"
    status = getattr(error.response, "status", 0)
    if code in _MISSING:
        return ObjectMissing(uri, f"there is no such object or bucket ({answer})")
    if code in _REFUSED or status in {401, 403}:
        return AccessRefused(uri, f"the store refuses our key ({answer})")
    if code == "PreconditionFailed":
        return StoreUnavailable(uri, "the object changed while it was being fetched")
    if code in _BUSY or status >= 500:
        return StoreUnavailable(uri, f"the store cannot serve us now ({answer})")
    return StoreError(uri, f"the store refuses the request ({answer})")
