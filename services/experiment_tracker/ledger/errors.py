"""What can go wrong with a ledger."""


class LedgerError(Exception):
    """Any failure of a ledger."""


class LedgerUnavailable(LedgerError):
    """It did not answer, or could not do it now; the same may succeed later."""


class LedgerRefused(LedgerError):
    """It will never take this; the text says what and why."""
