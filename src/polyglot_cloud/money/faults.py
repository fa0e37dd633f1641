"""What can be wrong with a ledger. Each message tells a person what is wrong and what to do."""


class LedgerError(Exception):
    """The root."""


class LedgerBusy(LedgerError):
    """Another process has the ledger."""


class LedgerUnwritable(LedgerError):
    """Nothing can be written: a full disk, a read-only file, no permission."""


class LedgerNewer(LedgerError):
    """A later version of this program wrote it."""


class LedgerDamaged(LedgerError):
    """It is no database, or not the one that was here before."""


class LedgerClosed(LedgerError):
    """An entry came after `close()`."""
