"""What can go wrong with an object, each with the address it went wrong at."""

from __future__ import annotations


class StoreError(Exception):
    """Something went wrong at `uri`; `retryable` says whether the same call may succeed later."""

    retryable = False

    def __init__(self, uri: str, message: str) -> None:
        super().__init__(f"{uri}: {message}")
        self.uri = uri
        self.message = message

    def __reduce__(self) -> tuple[type[StoreError], tuple[str, str]]:
        # Exceptions cross process boundaries (the validator reads in a child): keep both arguments.
        return type(self), (self.uri, self.message)


class InvalidUri(StoreError):
    """The address is not "s3://bucket/key" or its key would be unsafe as a path."""


class ObjectMissing(StoreError):
    """There is no such object, or no such bucket."""


class AccessRefused(StoreError):
    """The server knows us not, or not for this object."""


class StoreUnavailable(StoreError):
    """The server did not answer properly before the deadline."""

    retryable = True


class DigestMismatch(StoreError):
    """The bytes are not those that were promised."""


class ObjectChanged(StoreError):
    """What lies there is not what a conditional write was to replace: somebody was quicker."""


class TooLarge(StoreError):
    """The object is larger than the caller accepts."""


class NoSpace(StoreError):
    """The local disk cannot take the object; nothing half-written was left behind."""

    retryable = True
