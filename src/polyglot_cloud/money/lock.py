"""One process at a time: a lock of the system, which goes when the process does, however it ends."""

import fcntl
import os
from pathlib import Path

from polyglot_cloud.money.faults import LedgerBusy


class Lock:
    """Held from the moment it is made until `release()` or the end of the process. Raises OSError, and LedgerBusy with who has it.

    what    what is locked, for the message: "The ledger /var/lib/x/ledger.db"
    beside  the locked file; the lock itself is on one of its name with ".lock". That stays where it is: taking it away would let two
            processes lock two files of one name
    """

    def __init__(self, what: str, beside: Path) -> None:
        self._file = os.open(beside.with_name(beside.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 40).decode("ascii", "replace").strip()
            os.close(self._file)
            raise LedgerBusy(
                f"{what} is in use by another process{f' ({holder})' if holder else ''}. Stop that one, or give this one a folder of its"
                " own: two processes cannot write there."
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"pid {os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._file)
