"""What the ledger costs: entries a second, the time from append to commit, verifying a long one. Run by hand:

PYTHONPATH=src python benchmarks/ledger.py                     # throughput and latency
PYTHONPATH=src python benchmarks/ledger.py verify 200000       # writes so many entries, verifies them, tells time and memory
PYTHONPATH=src python benchmarks/ledger.py import              # what SQLAlchemy adds to the start of a process that opens a ledger
"""

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal

BUDGETS = [
    {"id": "day", "scope": "process", "start": 1_795_305_600},
    {"id": "key", "scope": "key:key_1", "start": 1_795_305_600},
]
ASKED = {
    "call": "call_0123456789abcdef", "tenant": "acme", "key": "key_0123456789ab", "run": "run-1", "agent": "coder", "provider": "openai",
    "model": "gpt-5", "wire_model": "gpt-5", "client_dialect": "openai_chat", "upstream_dialect": "openai_chat", "face": "openai",
    "budgets": BUDGETS,
}  # fmt: skip
ANSWERED = {
    "model": "gpt-5-2026-01-01", "outcome": "complete", "status": 200, "usage": {"input": 1200, "output": 350, "cached": 1000},
    "price": {"from": "2026-01-01", "source": "https://example.com/pricing"}, "cost_source": "rates",
    "timings": {"first_ms": 320, "total_ms": 2140}, "losses": [], "edits": [],
}  # fmt: skip


def pair(name: str) -> tuple[Entry, Entry]:
    return Entry("held", name, 5_000_000, ASKED), Entry("settled", name, 1_230_000, ANSWERED)


async def latency(journal: Journal, at_once: int, appends: int) -> None:
    """Each worker appends, waits for the commit, and appends again, as a call does with its hold and its settlement."""
    taken: list[int] = []
    commits, began = journal.commits, time.perf_counter()

    async def worker(number: int) -> None:
        for turn in range(appends // at_once // 2):
            for entry in pair(f"{at_once}_{number}_{turn}_{began}"):
                start = time.perf_counter_ns()
                await journal.append(entry)
                taken.append(time.perf_counter_ns() - start)

    await asyncio.gather(*(worker(number) for number in range(at_once)))
    elapsed = time.perf_counter() - began
    taken.sort()
    p50, p99 = (taken[int(len(taken) * share)] / 1000 for share in (0.5, 0.99))
    print(
        f"{at_once:4} at once: p50 {p50:6.0f} us, p99 {p99:6.0f} us, {len(taken) / elapsed:7,.0f} entries/s,"
        f" {len(taken) / (journal.commits - commits):.1f} entries a commit"
    )


async def throughput(journal: Journal, pairs: int) -> None:
    began = time.perf_counter()
    for start in range(0, pairs, 1000):
        last = [journal.append(*pair(f"t_{began}_{number}")) for number in range(start, min(pairs, start + 1000))][-1]
        await last
    taken = time.perf_counter() - began
    costs: list[float] = []
    for number in range(2000):
        start_ns = time.perf_counter_ns()
        journal.append(pair(f"c_{began}_{number}")[0])
        costs.append((time.perf_counter_ns() - start_ns) / 1000)
    await journal.refresh()
    print(f"{2 * pairs / taken:,.0f} entries/s committed; append itself p50 {statistics.median(costs):.1f} us")


async def measured(journal: Journal) -> None:
    for at_once in (1, 64):
        await latency(journal, at_once, 20_000 if at_once > 1 else 5000)
    await throughput(journal, 30_000)


def long(journal: Journal, entries: int) -> None:
    """Fills a ledger, then verifies it in a process of its own, so that the memory told is that of the verifying."""
    began = time.perf_counter()
    for start in range(0, entries // 2, 1000):
        journal.write(*(entry for number in range(start, start + 1000) for entry in pair(f"v{number}")))
    journal.close()
    size = journal.path.stat().st_size / 2**20
    print(f"{journal.seq:,} entries written and projected in {time.perf_counter() - began:.1f} s, {size:.0f} MB")
    program = (
        "import sys, pathlib; from polyglot_cloud.money.verify import verify; print(verify(pathlib.Path(sys.argv[1])))"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, str(journal.path)], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"verified in {time.perf_counter() - began:.1f} s, {peak:.0f} MB at most")


def imported() -> None:
    for module in ("polyglot_cloud.money.journal", "polyglot_cloud.money.writer"):
        program = (
            f"import resource, time; began = time.perf_counter(); import {module};"
            " print(f'{time.perf_counter() - began:.3f} s, {resource.getrusage(0).ru_maxrss / 1024:.0f} MB')"
        )
        for _ in range(3):
            told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
            print(module, told.stdout.strip())


def main() -> None:
    if sys.argv[1:] == ["import"]:
        imported()
        return
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "ledger.db")
        if sys.argv[1:2] == ["verify"]:
            long(journal, int(sys.argv[2]))
        else:
            asyncio.run(measured(journal))
            journal.close()


if __name__ == "__main__":
    main()
