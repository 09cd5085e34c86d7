"""The object store's failures in the words and exit codes of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.cli.context import CliError, Code


@contextmanager
def store_explained() -> Iterator[None]:
    from truscore.storage import InvalidUri, ObjectMissing, StoreError

    try:
        yield
    except InvalidUri as error:
        raise CliError(Code.USAGE, str(error)) from error
    except ObjectMissing as error:
        raise CliError(Code.NOT_FOUND, str(error)) from error
    except StoreError as error:
        raise CliError(Code.UNREACHABLE, str(error)) from error
