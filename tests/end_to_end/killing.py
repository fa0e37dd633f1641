"""The gateway is killed under load, again and again, and what its clients got is compared with what its ledger has.

`scripts/kill_test 50` does it by hand; the suite has time for a few.
"""

import argparse
import asyncio
import itertools
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from end_to_end.conftest import Gateway, start, stop
from polyglot_cloud.amounts import shown, usd
from polyglot_cloud.money.receipts import Receipts
from polyglot_cloud.money.store import Store
from polyglot_cloud.money.verify import verify

AT_ONCE = 16
HELLO = [{"role": "user", "content": "Tell me of the sea."}]
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "/v1/chat/completions", {"model": "gpt-6.1-terra", "messages": HELLO, "max_completion_tokens": 60}),
    ("anthropic", "/v1/messages", {"model": "claude-sonnet-5-5", "messages": HELLO, "max_tokens": 60}),
    ("grok", "/v1/chat/completions", {"model": "grok-4.7", "messages": HELLO, "max_tokens": 60}),
    ("gemini", "/v1/chat/completions", {"model": "gemini-3.8-flash", "messages": HELLO, "max_tokens": 60}),
]


@dataclass
class Seen:
    """What clients got: receipts of answers of which at least a byte of the body came, and what whole ones cost, in nano-dollars."""

    receipts: set[str] = field(default_factory=set)
    cost: int = 0
    answers: int = 0
    refusals: int = 0
    others: list[str] = field(default_factory=list)


class Siege:
    """One folder with one ledger, and the processes that are killed over it, one after the other."""

    def __init__(self, folder: Path, limit: str, seed: int) -> None:
        self.folder, self.limit, self.dice = folder, usd(limit), random.Random(seed)
        self.environ = {
            "POLYGLOT_BUDGET_USD_PER_DAY": limit,
            "POLYGLOT_BUDGET_USD_PER_RUN": limit,
            "POLYGLOT_BUDGET_ZONE": "Etc/GMT-14",
        }
        self.ledger = folder / "artifacts" / "sandbox.sqlite3"
        self.receipts = folder / "artifacts" / "costs" / "sandbox"
        self.seen = Seen()
        self.swept = 0

    def begin(self) -> Gateway:
        return start(self.folder, "--sandbox", environ=self.environ)

    def kill_once(self, most: int = 150) -> None:
        """Kills it upon some answer, and looks at what is left."""
        gateway = self.begin()
        process = gateway.process
        assert process is not None
        assert process.stdout is not None
        self.check_restart()
        asyncio.run(self.load(gateway, self.dice.randint(1, most)))
        process.wait()
        process.stdout.close()
        self.check()

    async def load(self, gateway: Gateway, upon: int) -> None:
        """Calls from many clients until the answer number `upon` has begun to come; then the process is no more."""
        countdown = itertools.count(1)
        async with asyncio.TaskGroup() as group, httpx.AsyncClient(timeout=30) as http:
            await asyncio.wait([group.create_task(self.client(http, gateway, countdown, upon)) for _ in range(AT_ONCE)])

    async def client(self, http: httpx.AsyncClient, gateway: Gateway, countdown: Iterator[int], upon: int) -> None:
        while True:
            provider, path, body = self.dice.choice(CALLS)
            body = {**body, "stream": self.dice.random() < 0.5}
            headers = {"x-run-id": f"run-{self.dice.randrange(5)}"}
            try:
                async with http.stream("POST", gateway.root(provider) + path, json=body, headers=headers) as reply:
                    await self.read(reply, gateway, countdown, upon)
            except httpx.TransportError:
                return

    async def read(self, reply: httpx.Response, gateway: Gateway, countdown: Iterator[int], upon: int) -> None:
        assert gateway.process is not None
        first = True
        async for _ in reply.aiter_raw():
            if first:
                first = False
                self.note(reply)
                if next(countdown) == upon:
                    os.kill(gateway.process.pid, signal.SIGKILL)
        self.seen.cost += usd(reply.headers.get("x-polyglot-cost-usd", "0"))

    def note(self, reply: httpx.Response) -> None:
        if reply.status_code == 200:
            self.seen.answers += 1
            self.seen.receipts.add(reply.headers["x-polyglot-receipt"])
        elif reply.status_code in {402, 429}:
            self.seen.refusals += 1
        else:
            self.seen.others.append(f"{reply.status_code} {reply.headers}")

    # --- what must be so ---

    def check(self) -> None:
        """As the process left it, before another one looks."""
        assert self.seen.others == [], self.seen.others
        rows = self.rows("SELECT attempt FROM journal WHERE kind = 'held'")
        missing = self.seen.receipts - {row[0] for row in rows}
        assert not missing, f"{len(missing)} answers have no row: {sorted(missing)[:3]}"
        found = verify(self.ledger)
        assert found.fault is None, found.fault

    def check_restart(self) -> None:
        """The next process has made `unknown` what the last one left open, and nothing is overspent."""
        if not self.rows("SELECT 1 FROM journal LIMIT 1"):
            return
        states = dict(self.rows("SELECT state, COUNT(*) FROM attempts GROUP BY state"))
        assert "held" not in states, states
        self.swept = states.get("unknown", 0)
        for budget, spent, held in self.rows("SELECT budget, spent, held FROM balances"):
            assert spent + held <= self.limit, f"{budget}: {shown(spent)} and {shown(held)} of {shown(self.limit)}"
        assert self.seen.cost <= self.limit

    def rows(self, query: str) -> list[Any]:
        if not self.ledger.exists():
            return []
        with closing(sqlite3.connect(self.ledger)) as file:
            return file.execute(query).fetchall()

    def finish(self) -> None:
        """A last process that ends well; then the receipts, written as they came, are those that the ledger makes anew."""
        gateway = self.begin()
        self.check_restart()
        assert stop(gateway) == 0
        self.check()
        lines = self.lines()
        receipts = Receipts(self.receipts, Store(self.ledger))
        try:
            assert receipts.catch_up() == 0, "the last process left receipts out"
            receipts.rebuild()
        finally:
            receipts.close()
        assert self.lines() == lines
        ended = self.rows("SELECT COUNT(*) FROM attempts WHERE state IN ('settled', 'released')")[0][0]
        assert sum(data.count(b"\n") for data in lines.values()) == ended

    def lines(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.receipts.glob("*.jsonl")}

    # --- what must be found ---

    def check_tampering(self) -> dict[str, str]:
        """Who changes a byte, takes a row away or cuts the end off is found out."""
        (last,) = self.rows("SELECT MAX(seq) FROM journal")[0]
        middle = max(1, last // 2)
        return {
            "a flipped byte": self.tampered(lambda path: flip(path, middle)),
            "a removed row": self.tampered(lambda path: execute(path, f"DELETE FROM journal WHERE seq = {middle}")),
            "a cut tail": self.tampered(lambda path: execute(path, f"DELETE FROM journal WHERE seq > {last - 3}")),
        }

    def tampered(self, how: Any) -> str:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.ledger.name
            shutil.copy(self.ledger, copy)
            shutil.copy(self.ledger.with_name(self.ledger.name + ".head"), folder)
            how(copy)
            fault = verify(copy).fault
        assert fault is not None
        return fault


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(statement)


def flip(path: Path, seq: int) -> None:
    """One bit of the facts of an entry, in the file itself."""
    with closing(sqlite3.connect(path)) as file:
        (facts,) = file.execute(f"SELECT facts FROM journal WHERE seq = {seq}").fetchone()
    data, text = bytearray(path.read_bytes()), facts.encode()
    assert text in data
    at = data.index(text) + len(text) // 2
    data[at] ^= 1
    path.write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=50)
    parser.add_argument("--limit", default="20.00", help="of the process, in US dollars a day")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="polyglot-kills-") as folder, suppress(KeyboardInterrupt):
        siege = Siege(Path(folder), options.limit, options.seed)
        for number in range(1, options.kills + 1):
            siege.kill_once()
            seen = siege.seen
            print(
                f"kill {number}: {seen.answers} answers, all with a row; {seen.refusals} over budget; {siege.swept} unknown so far",
                flush=True,
            )
        siege.finish()
        (settled, spent), (unknown, held) = (
            siege.rows(f"SELECT COUNT(*), COALESCE(SUM({column}), 0) FROM attempts WHERE state = '{state}'")[0]
            for state, column in (("settled", "cost"), ("unknown", "bound"))
        )
        print(
            f"{settled} attempts settled, {shown(spent)}; {unknown} unknown, {shown(held)}; limit {shown(siege.limit)}"
        )
        print("receipts rebuilt: equal to what was written as it came")
        for what, fault in siege.check_tampering().items():
            print(f"{what}: {fault}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
