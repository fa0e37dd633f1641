"""The end of the chain, kept outside the database, so that a tail which was cut off is missed."""

import os
from dataclasses import dataclass
from pathlib import Path

from polyglot_cloud import wire
from polyglot_cloud.money.faults import LedgerDamaged


@dataclass(frozen=True, slots=True)
class Head:
    """An entry's number and its hash."""

    seq: int
    hash: bytes


def place(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + ".head")


def load(ledger: Path) -> Head | None:
    """None where no copy has been made yet. Raises LedgerDamaged where it cannot be read."""
    path = place(ledger)
    try:
        value = wire.decode_object(path.read_bytes())
        return Head(int(value["seq"]), bytes.fromhex(value["hash"]))
    except FileNotFoundError:
        return None
    except (wire.InvalidJson, KeyError, TypeError, ValueError):
        raise LedgerDamaged(
            f"{path} holds no end of a chain. It was changed by hand or its disk is broken; take it away once `polyglot-cloud ledger"
            " verify` finds the ledger sound."
        ) from None


def save(ledger: Path, head: Head) -> None:
    """Writes the copy: on the disk, whole, or not at all. Raises OSError.

    What the copy says must be as durable as the copy itself, else a power cut would look like a cut tail: the write-ahead log goes
    to the disk first.
    """
    _flush(ledger.with_name(ledger.name + "-wal"))
    path = place(ledger)
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(wire.canonical({"seq": head.seq, "hash": head.hash.hex()}) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(file)
    finally:
        os.close(file)
