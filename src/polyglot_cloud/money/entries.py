"""Entries of the journal, and the chain of hashes that holds them together. Pure.

    held       money reserved before an attempt; nano: the bound
    tightened  the bound was lowered; nano: the new bound
    settled    what the attempt truly cost; nano: the cost. The first one counts
    released   the hold is gone and nothing was spent
    unknown    nobody knows what became of the attempt; its bound stays counted
    freed      an operator let an unknown one go
    overrun    by how much a cost was above its bound; the settlement has it already
    repriced   what a settled attempt costs by a corrected price; nano: the new cost
    alerted    an alert was told; nano: what was spent
    delivered, undelivered    the webhook has taken an alert; or it was given up
    limited    a run got a limit of its own; nano: the limit. The last one counts

The chain: each entry's hash is SHA-256 (with a key: HMAC-SHA256) over the hash before it and the entry's canonical bytes, which are
the JSON array [seq, at, kind, attempt, nano, facts], compact, with sorted members.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from polyglot_cloud import wire

Kind = Literal[
    "held", "tightened", "settled", "released", "unknown", "freed", "overrun", "repriced", "alerted", "delivered", "undelivered",
    "limited",
]  # fmt: skip
KINDS: frozenset[Kind] = frozenset(Kind.__args__)  # type: ignore[attr-defined]  # Literal's members, typed nowhere in typing
Outcome = Literal["complete", "truncated", "cancelled", "failed", "timed_out", "refused"]

GENESIS = bytes(32)
"""What stands for the hash before the first entry."""
LARGEST = 2**63 - 1
"""SQLite's integers have 64 bits: nine thousand million dollars in nano-dollars."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal.

    attempt  the id of the attempt that it is about, "" where it is about none
    nano     nano-dollars, as its kind says
    facts    JSON. Of `held`: call, tenant, key, run, agent, provider, model, wire_model, client_dialect, upstream_dialect, face and
             budgets, a list of {id, scope, start}: each budget that it was held under, with its window's start in Unix seconds. Of
             `settled`: model, usage, price, cost_source, timings, outcome, status, losses, edits, and where there was one
             fallback_from and error. Of `repriced`: replaces (the seq of the entry that it corrects), was (the cost before),
             model, price, cost_source, who, and where it is so unpriced and estimated. Of `alerted`: budget, scope, period,
             percent, limit, start, end. Of `delivered` and `undelivered`: alert (the seq of the alert's entry), tries, and
             status or why. Of `limited`: scope, tenant, run, alerts
    at       Unix microseconds; the journal's own clock where it is 0
    seq      1, 2, 3, ... given by the journal
    """

    kind: Kind
    attempt: str
    nano: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    at: int = 0
    seq: int = 0


def spelled(facts: Mapping[str, Any]) -> str:
    """Facts as they are stored. Raises ValueError for what is no JSON."""
    try:
        return wire.canonical(facts).decode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"an entry's facts must be JSON: {error}") from None


NOTHING = spelled({})


Line = tuple[Kind, str, int, str, int]
"""An entry on its way into the journal: kind, attempt, nano, its facts as they are spelled, and when (Unix microseconds)."""


def line_of(entry: Entry, now: int) -> Line:
    """`now` counts for an entry that does not say when. Raises ValueError for what no journal can hold."""
    if entry.kind not in KINDS:
        raise ValueError(f"an entry has no kind {entry.kind!r}; there are {', '.join(sorted(KINDS))}")
    if not 0 <= entry.nano <= LARGEST:
        raise ValueError(f"an entry's amount is 0 to {LARGEST} nano-dollars, not {entry.nano}")
    if not entry.attempt.isprintable():  # a NUL ends a text in SQLite's own functions, and UTF-8 has no lone surrogates
        raise ValueError(f"an attempt's id is printable text, not {entry.attempt!r}")
    return entry.kind, entry.attempt, entry.nano, spelled(entry.facts), entry.at or now


class AttemptIds:
    """`att_`, the time in microseconds and 44 random bits, in hex. What is new stands behind what is old in every index, so that adding it
    touches few pages of a large ledger. The bits are drawn in lots: a system call for each would cost more than the rest of it.
    """

    LOT = 256
    DIGITS = 11

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._drawn: list[str] = []

    def next(self) -> str:
        if not self._drawn:
            drawn = secrets.token_hex(self.DIGITS * self.LOT // 2)
            self._drawn = [drawn[at : at + self.DIGITS] for at in range(0, len(drawn), self.DIGITS)]
        return f"att_{self._clock():013x}{self._drawn.pop()}"


def canonical(seq: int, at: int, kind: str, attempt: str, nano: int, facts: str) -> bytes:
    """The bytes that are hashed. `facts` is what `spelled` gave."""
    return wire.encode((seq, at, kind, attempt, nano))[:-1] + b"," + facts.encode() + b"]"


Link = Callable[[bytes, bytes], bytes]
"""(the hash before, the canonical bytes) -> the hash."""


def linker(key: bytes | None) -> Link:
    """How this chain is hashed: with a key nobody without it can make another chain that fits."""
    return _hashed if key is None else lambda before, data: hmac.digest(key, before + data, "sha256")


def _hashed(before: bytes, data: bytes) -> bytes:
    return hashlib.sha256(before + data).digest()
