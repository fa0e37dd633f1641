"""scripts/record: says what it would cost, asks, and records.

Exit status: 0 recorded, or only shown; 1 a case could not be recorded, or there was nothing to record; 2 the command line or the settings
are wrong; 3 the answer to "Proceed?" was no.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import httpx
from scripts.recording import cases, folder, scrub, turns
from scripts.recording.cost import dollars
from scripts.recording.exchange import Recorder, Unexpected
from scripts.recording.planning import Choice, Job, Plan, Planner

from polyglot_cloud import __version__, catalog, cli, server
from polyglot_cloud.app import DIALECTS, choices, provider_of, utc_today
from polyglot_cloud.catalog import BrokenCatalog, Catalog
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.settings import Access, Secret, SettingsError, load
from polyglot_cloud.transport import open_transport

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures"
DONE, FAILED, WRONG, DECLINED = 0, 1, 2, 3
WRONG_KEY = "polyglot-no-such-key"
SANDBOX = "the built-in sandbox"


@dataclass(frozen=True, slots=True)
class World:
    """What the outside is to the recorder: replaced in tests, never patched. `ask` gives the answer to a question."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    ask: Callable[[str], str] = input
    transport: Callable[[], httpx.AsyncBaseTransport] = open_transport
    today: Callable[[], date] = utc_today


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a run works with."""

    catalog: Catalog
    accesses: Mapping[str, Access]
    table: cases.Table
    today: date
    sandbox: bool
    out: Path

    @property
    def keys(self) -> Iterator[str]:
        return (access.key.reveal() for access in self.accesses.values() if access.key)

    @property
    def known(self) -> Iterator[str]:
        """What the settings name as the account's own."""
        return (text for access in self.accesses.values() for text in access.account.values())

    def host(self, provider: str) -> str:
        if self.sandbox:
            return SANDBOX
        own = self.accesses[provider].base_url_variable is None
        return "the provider's own API" if own else "a base URL of the settings"


def main(arguments: Sequence[str] | None = None, world: World | None = None) -> int:
    """Returns the exit status."""
    world = world or World()
    options = parser().parse_args(arguments)
    with ExitStack() as stack:
        try:
            desk, companions = prepared(options, world, stack)
            plan = planned(desk, options)
        except (SettingsError, BrokenCatalog, ValueError) as error:
            print(f"record: {error}", file=sys.stderr)
            return WRONG
        print(shown(plan, desk))
        if options.dry_run:
            return DONE
        if not plan.jobs:
            return FAILED
        if not (options.yes or desk.sandbox or agreed(world.ask)):
            print("Nothing was asked of anybody.")
            return DECLINED
        try:
            return server.run(recorded(plan, desk, world.transport(), companions))
        except KeyboardInterrupt:
            print("Stopped. What was recorded until then is there.", file=sys.stderr)
            return FAILED


def parser() -> argparse.ArgumentParser:
    table = argparse.ArgumentParser(
        prog="scripts/record",
        description="Records test fixtures from the real clouds as they stand on the wire. Says first what it may cost.",
        epilog="Keys and base URLs come from the environment or .env, as the gateway's do (docs/settings.md).",
    )
    table.add_argument(
        "--sandbox", action="store_true", help="record from the built-in stand-ins: no key, no network, no cost"
    )
    table.add_argument("--dry-run", action="store_true", help="show what would be asked and what it may cost, and stop")
    table.add_argument("--yes", action="store_true", help="do not ask before spending")
    table.add_argument(
        "--provider", action="append", default=[], metavar="NAME", help="of this provider only; may be repeated"
    )
    table.add_argument(
        "--dialect", action="append", default=[], metavar="NAME", help="in this dialect only; may be repeated"
    )
    table.add_argument("--case", action="append", default=[], metavar="NAME", help="this case only; may be repeated")
    table.add_argument("--model", help="ask this model, whatever the catalog says it can do")
    table.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR", help="instead of tests/fixtures")
    return table


def prepared(options: argparse.Namespace, world: World, stack: ExitStack) -> tuple[Desk, list[server.Companion]]:
    """Raises SettingsError, BrokenCatalog, and ValueError for a word that selects nothing."""
    settings = load(world.environ)
    rows = catalog.load(overlay=settings.catalog)
    accesses = settings.credentials(list(rows.providers.values()))
    rows = rows.choosing(choices(accesses, settings.aliases))
    table = cases.load()
    known_words("provider", options.provider, rows.providers)
    known_words("dialect", options.dialect, table.stream)
    known_words("case", options.case, {case.name for case in table.cases})
    companions: list[server.Companion] = []
    if options.sandbox:
        accesses, companions = cli.sandboxed(accesses, stack)
    return Desk(rows, accesses, table, world.today(), options.sandbox, options.out), companions


def known_words(what: str, given: Sequence[str], known: Mapping[str, object] | set[str]) -> None:
    strange = [word for word in given if word not in known]
    if strange:
        raise ValueError(f"there is no {what} {', '.join(strange)}; there are {', '.join(sorted(known))}")


def planned(desk: Desk, options: argparse.Namespace) -> Plan:
    planner = Planner(desk.catalog, desk.table, DIALECTS, desk.today, desk.sandbox)
    missing = {name: access.missing_key_message for name, access in desk.accesses.items() if access.key is None}
    choice = Choice(tuple(options.provider), tuple(options.dialect), tuple(options.case), options.model)
    return planner.plan(choice, missing)


def agreed(ask: Callable[[str], str]) -> bool:
    try:
        return ask("Proceed? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False


# --- what is shown before ---


def shown(plan: Plan, desk: Desk) -> str:
    head = ("PROVIDER", "DIALECT", "CASE", "MODEL", "CALLS", "AT MOST")
    lines = [head, *(row(job) for job in plan.jobs)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text += ["", *(f"Skipped {reason}" for reason in plan.skipped), total(plan, desk)]
    return "\n".join(text)


def row(job: Job) -> tuple[str, ...]:
    return job.provider, job.case.dialect, job.case.name, job.model, str(len(job.case.modes)), dollars(job.most)


def total(plan: Plan, desk: Desk) -> str:
    if not plan.jobs:
        return "There is nothing to record."
    bound = f"{dollars(plan.most)} for {plan.calls} calls"
    if desk.sandbox:
        return f"The sandbox costs nothing. The same from the real clouds would cost at most {bound}."
    return (
        f"At most {bound}, at the prices of {desk.today} in the catalog: every byte sent counted as a token, every token allowed"
        " counted as said. The true cost is a small part of it."
    )


# --- recording ---


async def recorded(
    plan: Plan, desk: Desk, transport: httpx.AsyncBaseTransport, companions: Sequence[server.Companion]
) -> int:
    """Asks one case after another; what fails is told and does not stop the rest."""
    recorder = Recorder(transport, desk.table)
    scrubbers = {name: scrub.Scrubber(desk.known) for name in desk.accesses}
    failed = 0
    async with running(companions), transport:
        for job in plan.jobs:
            try:
                print(await one(job, desk, recorder, scrubbers[job.provider]), flush=True)
            except (GatewayError, Unexpected, turns.NoCall, folder.NotOurs, scrub.SecretFound) as error:
                failed += 1
                print(f"FAILED   {' '.join(job.key)}: {error}", flush=True)
    print(f"{len(plan.jobs) - failed} recorded, {failed} failed. They are in {desk.out}.")
    return FAILED if failed else DONE


async def one(job: Job, desk: Desk, recorder: Recorder, scrubber: scrub.Scrubber) -> str:
    access = desk.accesses[job.provider]
    if job.case.wrong_key:
        access = replace(access, key=Secret(WRONG_KEY))
    exchange = await recorder.record(job.case, provider_of(desk.catalog, access), job.model)
    source = folder.Source(job.provider, desk.host(job.provider), job.model, desk.today, __version__)
    contents = folder.files(job.case, exchange, source, desk.table, scrubber)
    place = desk.out / job.case.dialect / f"{'sandbox_' if desk.sandbox else ''}{job.provider}_{job.case.name}"
    folder.write(place, contents, desk.keys)
    sizes = ", ".join(f"{name} {len(data)}" for name, data in contents.items() if name != "origin.json")
    return f"recorded {place.parent.name}/{place.name}: {sizes}"


@asynccontextmanager
async def running(companions: Sequence[server.Companion]) -> AsyncIterator[None]:
    """The stand-ins, while the block runs. They share this loop."""
    if not companions:
        yield
        return
    stop, ready = server.Stop(), asyncio.Event()
    serving = server.serve(companions[0].app, [], companions=companions, stop=stop, on_ready=lambda _: ready.set())
    async with asyncio.TaskGroup() as group:
        group.create_task(serving)
        await ready.wait()
        yield
        stop.ask()


if __name__ == "__main__":
    sys.exit(main())
