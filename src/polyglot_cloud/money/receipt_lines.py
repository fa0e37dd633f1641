"""A receipt as a line of a file, and the name of that file. Pure.

The line is the swarm's (the gateway on port 6120 reads and sums such files): its keys in its order, Python's spacing, then ours.
"""

import hashlib
import json
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

DEFAULT = "default"
"""The file of calls that name no run."""
LONGEST = 200
"""Bytes of a name: file systems take 255, and a name is written with a suffix or two."""
MARK = 32
"""Digits of an entry's hash that stand in its line: enough to tell another ledger's entry from this one's."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # the swarm writes UTC without saying so
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}_.-".encode())
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


@lru_cache(maxsize=4096)
def file_name(run: str | None) -> str:
    """A name for a run's file: the run's id where that is a plain name, and never the name of another run or a place elsewhere.

    What is no letter, digit, "_", "-" or "." is written as % and two digits for each byte, so is a dot in front; a long id is cut and
    told from others by its SHA-256. On a file system that does not tell "a" from "A", runs that differ only in that share a file.
    """
    if run is None:
        return f"{DEFAULT}.jsonl"
    raw = run.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    if name in {"", DEFAULT} or name.startswith("."):
        name = f"%{raw[0]:02X}{name[1:]}" if raw else "%"
    if len(name) > LONGEST - 80:
        name = f"{name[: LONGEST - 80]}%-{hashlib.sha256(raw).hexdigest()}"  # "%-" stands in no other name
    return f"{name}.jsonl"


def line(receipt: Receipt) -> bytes:
    """The line with its end."""
    written = _correction(receipt) if receipt.kind == "repriced" else _ended(receipt)
    return _encode(written).encode("ascii") + b"\n"


_encode = json.JSONEncoder().encode


def _ended(receipt: Receipt) -> dict[str, Any]:
    facts = receipt.facts
    usage, cost = facts.get("usage") or {}, receipt.nano if receipt.kind == "settled" else 0
    fallback = facts.get("fallback_from")
    status = _STATUS.get(facts.get("outcome", ""), "error")
    written = _theirs(receipt, facts.get("model"))
    written["input_tokens"] = usage.get("input", 0)
    written["output_tokens"] = usage.get("output", 0)
    written["cost_usd"] = _usd(cost)
    written["latency_ms"] = int((facts.get("timings") or {}).get("total_ms", 0))
    written["status"] = "fallback" if fallback and status == "success" else status
    # the swarm's last three keys are there only where there is something to say
    for name, said in (
        ("error_message", facts.get("error")),
        ("fallback_from", fallback),
        ("metadata", receipt.held.get("metadata")),
    ):
        if said is not None:
            written[name] = said
    _add_ours(written, receipt, cost)
    return written


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
    _add_ours(written, receipt, difference)
    written["corrects"] = receipt.facts.get("replaces")
    return written


def _theirs(receipt: Receipt, answered: str | None) -> dict[str, Any]:
    held = receipt.held
    moment = _EPOCH + timedelta(microseconds=receipt.at)
    return {
        "request_id": held.get("call") or receipt.attempt,
        "run_id": held.get("run"),
        "agent": held.get("agent") or "",
        "timestamp": moment.isoformat(timespec="microseconds"),
        "provider": held.get("registration") or held.get("provider") or "",
        "model": answered or held.get("wire_model") or held.get("model") or "",
    }


def _add_ours(written: dict[str, Any], receipt: Receipt, cost: int) -> None:
    held, facts = receipt.held, receipt.facts
    written["receipt"] = receipt.attempt
    written["entry"] = receipt.seq
    written["hash"] = receipt.hash[: MARK // 2].hex()
    written["cost_nano"] = cost
    for name in _OURS:
        if said := held.get(name):
            written[name] = said
    if asked := held.get("model"):
        written["asked"] = asked
    if (status := facts.get("status")) is not None:
        written["http_status"] = status
    for name in _OURS_AT_THE_END:
        if said := facts.get(name):
            written[name] = said


def _usd(nano: int) -> float:
    """In the swarm's own precision, half a micro-dollar away from zero; `cost_nano` has it whole."""
    micro = (abs(nano) + 500) // 1000 / 1_000_000
    return -micro if nano < 0 else micro
