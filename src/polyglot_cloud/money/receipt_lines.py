"""A receipt as a line of a file, and the name of that file. Pure.

The line is the swarm's (the gateway on port 6120 reads and sums such files): its keys in its order, Python's spacing, then ours.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

DEFAULT = "default"
"""The file of calls that name no run."""
LONGEST = 200
"""Bytes of a name: file systems take 255, and a name is written with a suffix or two."""
MARK = 32
"""Digits of an entry's hash that stand in its line: enough to tell another ledger's entry from this one's."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {"complete": "success", "timed_out": "timeout"}
_OURS = ("tenant", "key", "face", "client_dialect", "upstream_dialect", "wire_model")
_OURS_AT_THE_END = ("cost_source", "price", "usage", "timings", "outcome", "losses", "edits", "estimated")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a line is made of: an entry that ended an attempt or corrected its price, and the facts of the attempt's beginning.

    `kind` is settled, released or repriced; `at` is in Unix microseconds, `nano` the entry's amount.
    """

    seq: int
    at: int
    kind: str
    attempt: str
    nano: int
    facts: dict[str, Any]
    hash: bytes
    held: dict[str, Any]

    @property
    def run(self) -> str | None:
        run: str | None = self.held.get("run")
        return run


def file_name(run: str | None) -> str:
    """A name for a run's file: the run's id where that is a plain name, and never the name of another run or a place elsewhere.

    What is no letter, digit, "_", "-" or "." is written as % and two digits for each byte, so is a dot in front; a long id is cut and
    told from others by its SHA-256. On a file system that does not tell "a" from "A", runs that differ only in that share a file.
    """
    if run is None:
        return f"{DEFAULT}.jsonl"
    raw = run.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if re.match(rb"[A-Za-z0-9_.-]", bytes([byte])) else f"%{byte:02X}" for byte in raw)
    if name in {"", DEFAULT} or name.startswith("."):
        name = f"%{raw[0]:02X}{name[1:]}" if raw else "%"
    if len(name) > LONGEST - 80:
        name = f"{name[: LONGEST - 80]}%-{hashlib.sha256(raw).hexdigest()}"  # "%-" stands in no other name
    return f"{name}.jsonl"


def line(receipt: Receipt) -> bytes:
    """The line with its end."""
    spelled = _correction(receipt) if receipt.kind == "repriced" else _ended(receipt)
    return json.dumps(spelled).encode("ascii") + b"\n"


def _ended(receipt: Receipt) -> dict[str, Any]:
    held, facts = receipt.held, receipt.facts
    usage, cost = facts.get("usage") or {}, receipt.nano if receipt.kind == "settled" else 0
    fallback = facts.get("fallback_from")
    status = _STATUS.get(facts.get("outcome", ""), "error")
    written = {
        **_theirs(receipt, facts.get("model")),
        "input_tokens": usage.get("input", 0),
        "output_tokens": usage.get("output", 0),
        "cost_usd": _usd(cost),
        "latency_ms": int((facts.get("timings") or {}).get("total_ms", 0)),
        "status": "fallback" if fallback and status == "success" else status,
        "error_message": facts.get("error"),
        "fallback_from": fallback,
        "metadata": held.get("metadata"),
    }
    return {**_said(written), **_ours(receipt, cost)}


def _correction(receipt: Receipt) -> dict[str, Any]:
    """The difference that a price fix makes, so that the sum over the file is right again."""
    difference = receipt.nano - int(receipt.facts.get("was", 0))
    written = {
        **_theirs(receipt, receipt.facts.get("model")),
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": _usd(difference),
        "latency_ms": 0,
        "status": "success",
    }
    return {**written, **_ours(receipt, difference), "corrects": receipt.facts.get("replaces")}


def _theirs(receipt: Receipt, answered: str | None) -> dict[str, Any]:
    held = receipt.held
    moment = (_EPOCH + timedelta(microseconds=receipt.at)).replace(tzinfo=None)
    return {
        "request_id": held.get("call") or receipt.attempt,
        "run_id": receipt.run,
        "agent": held.get("agent") or "",
        "timestamp": moment.isoformat(timespec="microseconds"),
        "provider": held.get("provider") or "",
        "model": answered or held.get("wire_model") or held.get("model") or "",
    }


def _said(written: dict[str, Any]) -> dict[str, Any]:
    """Without the swarm's last three keys where there is nothing to say; its `run_id` may be null."""
    return {name: value for name, value in written.items() if value is not None or name == "run_id"}


def _ours(receipt: Receipt, cost: int) -> dict[str, Any]:
    told = {
        "receipt": receipt.attempt,
        "entry": receipt.seq,
        "hash": receipt.hash.hex()[:MARK],
        "cost_nano": cost,
        **{name: receipt.held.get(name) for name in _OURS},
        "asked": receipt.held.get("model"),
        "http_status": receipt.facts.get("status"),
        **{name: receipt.facts.get(name) for name in _OURS_AT_THE_END},
    }
    return {name: value for name, value in told.items() if value not in (None, [], {})}


def _usd(nano: int) -> float:
    """In the swarm's own precision; `cost_nano` has it whole."""
    return float((Decimal(nano) / 10**9).quantize(Decimal("0.000001"), ROUND_HALF_UP))
