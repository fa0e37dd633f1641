"""A process that forks writers to be killed: it imports once, so that a kill costs milliseconds.

Reads a ledger's path a line from its standard input. For each it forks a writer, which tells its pid, then each entry that was
acknowledged, until it is killed; then the process tells "gone".
"""

import asyncio
import os
import sys
from pathlib import Path

from money.ledgers import held, settled
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.receipts import Follower, Receipts
from polyglot_cloud.money.store import Store

AT_ONCE = 16


def tell(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def work(journal: Journal, name: str) -> None:
    number = 0
    while True:
        number += 1
        attempt = f"{name}_{number}"
        await journal.append(held(attempt, 500 + number, run=f"run{number % 3}"))
        tell(f"held {attempt} {500 + number}")
        await journal.append(settled(attempt, number))
        tell(f"settled {attempt} {number}")


async def load(path: Path) -> None:
    journal = Journal(path)
    Follower(Receipts(path.parent / "costs", Store(path)), journal)
    await asyncio.gather(*(work(journal, f"{os.getpid()}_{worker}") for worker in range(AT_ONCE)))


for command in sys.stdin:
    child = os.fork()
    if child == 0:
        tell(f"pid {os.getpid()}")
        asyncio.run(load(Path(command.strip())))
    os.waitpid(child, 0)
    tell("gone")
