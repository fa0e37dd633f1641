"""The command line. Reads it, calls, prints; no logic of its own."""

import argparse
import asyncio
import gc
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud import __version__, app, catalog, checkup, server, treasury
from polyglot_cloud.app import Application, Parts, choices, create_app, transport_choice, utc_today
from polyglot_cloud.asgi import App
from polyglot_cloud.booking import Prices
from polyglot_cloud.catalog import BrokenCatalog, Catalog
from polyglot_cloud.commands import ledger as ledger_commands
from polyglot_cloud.commands import quote as quote_command
from polyglot_cloud.commands import reprice as reprice_command
from polyglot_cloud.commands import swarm as swarm_commands
from polyglot_cloud.commands import tenancy as tenancy_commands
from polyglot_cloud.cycle import Pace
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.hive import Hive, Home, mode_of
from polyglot_cloud.hosts import is_loopback, is_wildcard
from polyglot_cloud.logs import written_aside
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.probe import probe
from polyglot_cloud.routes.service import Face
from polyglot_cloud.settings import Access, Origin, Secret, Settings, SettingsError, load
from polyglot_cloud.sockets import BindError, Bound, Port, open_ports
from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.tenancy import TenancyError
from polyglot_cloud.transport import BadTransport, Choice, open_transport

COMMANDS = "serve | check | models | quote | tenants | keys | ledger | receipts | costs | reprice | swarm"
TOLD = (
    SettingsError, BrokenCatalog, BadTransport, BindError, TenancyError, LedgerError, ledger_commands.NothingToDo, quote_command.NoQuote,
    server.Crashed, StoreUnusable, swarm_commands.NotRunning,
)  # fmt: skip
"""Errors whose text is all that a person needs."""
_PORT_FLAG = re.compile(r"--port-([A-Za-z0-9_-]+?)(?:=(.*))?")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 well, 1 something is wrong, 2 the command line itself is."""
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    flags = port_flags(parser, rest)
    flags |= {name: getattr(options, name, None) for name in ("host", "log_level", "catalog", "retired", "env_file")}
    try:
        status: int = options.run(options, flags)
    except BrokenPipeError:
        # the reader had enough (`| head`); what is left in the buffer must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TOLD as error:
        print(f"polyglot-cloud: {error}", file=sys.stderr)
        return 1
    return status


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="polyglot-cloud",
        description="One door to four clouds: OpenAI, Anthropic, Google Gemini and xAI Grok behind OpenAI-compatible endpoints.",
        epilog="Settings stand in the environment or in .env: docs/settings.md lists them. Flags win.",
    )
    parser.add_argument("--version", action="version", version=f"polyglot-cloud {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar=COMMANDS)

    serve = commands.add_parser(
        "serve", help="start the gateway", epilog="--port-PROVIDER N moves one listener: --port-openai 9100"
    )
    serve.add_argument(
        "--sandbox",
        action="store_true",
        help="answer from built-in stand-ins of the four clouds: no key, no network, no cost",
    )
    serve.add_argument("--host", help="address to bind (default 127.0.0.1)")
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    serve.add_argument(
        "--retired", choices=["refuse", "successor", "pass"], help="what a retired model asked for by name gets"
    )
    _common(serve)
    serve.set_defaults(run=run_serve)

    check = commands.add_parser("check", help="show keys, addresses, models and settings, and what is wrong")
    check.add_argument(
        "--online", action="store_true", help="ask each provider's models endpoint as well (costs nothing)"
    )
    check.add_argument("--json", action="store_true")
    _common(check)
    check.set_defaults(run=run_check)

    models = commands.add_parser("models", help="print the catalog")
    models.add_argument("provider", nargs="?", help="of this provider only")
    models.add_argument("--json", action="store_true")
    _common(models)
    models.set_defaults(run=run_models)

    quote_command.add(commands, _common, run_quote)
    tenancy_commands.add(commands, _common, run_tenancy)
    ledger_commands.add(commands, _common, run_ledger)
    reprice_command.add(commands, _common, run_reprice)
    swarm_commands.add(commands, _common, run_swarm)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--catalog", metavar="FILE", help="a catalog of your own, laid over the built-in one")
    parser.add_argument("--env-file", metavar="FILE", help="instead of .env")


def port_flags(parser: argparse.ArgumentParser, rest: Sequence[str]) -> dict[str, Any]:
    """`--port-NAME N`: one flag per provider, and a user's catalog may bring more of them than the parser knows."""
    flags: dict[str, Any] = {}
    words = iter(rest)
    for word in words:
        match = _PORT_FLAG.fullmatch(word)
        value = (match[2] if match[2] is not None else next(words, None)) if match else None
        if match is None or value is None:
            parser.error(f"unrecognized argument: {word}")
        flags[f"port_{match[1].lower().replace('-', '_')}"] = value
    return flags


def configured(flags: Mapping[str, Any]) -> tuple[Settings, Catalog, dict[str, Access]]:
    """Raises SettingsError and BrokenCatalog."""
    settings = load(os.environ, flags=flags)
    rows = catalog.load(overlay=settings.catalog)
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    settings.configuration(list(rows.providers.values()))  # its faults forbid a start
    return settings, rows.choosing(choices(accesses, settings.aliases)), accesses


# --- serve ---


def run_serve(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings, rows, accesses = configured(flags)
    with ExitStack() as stack:
        stack.enter_context(written_aside(settings.log_level))
        companions: list[server.Companion] = []
        if options.sandbox:
            accesses, companions = sandboxed(accesses, stack)
        choice = transport_choice(settings, accesses, os.environ)
        house = stack.enter_context(
            treasury.opened(settings, list(rows.providers.values()), sandbox=options.sandbox, choice=choice)
        )
        mode = mode_of(settings, sandbox=options.sandbox, till=house.till is not None)
        hive = Hive(settings, mode, lambda text: print(text, flush=True))
        parts = Parts(
            transport=open_transport(choice),
            till=house.till,
            directory=house.directory,
            swarm=hive.status,
            auto=hive.auto,
        )
        application = create_app(settings, rows, accesses, parts)
        database, _ = treasury.places(settings, sandbox=options.sandbox)
        home = Home(application, rows, accesses, database, limits_of(settings), house.receipts)
        stack.enter_context(hive.furnished(home))
        notes = [*openings(settings), *exposure(settings), *([choice.told] if choice.told else []), *house.notes]
        notes += hive.notes
        notes += [str(problem) for problem in settings.problems(list(rows.providers.values()))]
        notes += [str(problem) for access in accesses.values() for problem in access.problems if access.key]
        admin = administered(settings, house.administration, stack)
        companions += [admin.companion] if admin else []

        def on_ready(bound: list[Bound]) -> None:
            settle()
            row = admin.row if admin else None
            print(start_up(application, accesses, bound, notes, admin=row, sandbox=options.sandbox), flush=True)
            hive.ready(bound)

        server.run(
            server.serve(
                application.app,
                [Port(name, access.port) for name, access in accesses.items() if access.port is not None],
                host=settings.host,
                keyed=house.keyed,
                providers=list(accesses),
                lifespan=house.watching(hive.living(application.lifespan())),
                drain=application.parts.drain,
                companions=companions,
                limits=limits_of(settings),
                on_ready=on_ready,
            )
        )
    return 0


def settle() -> None:
    """What stands by now stays for good, so the collector of cycles need not walk over it again, which would hold all calls up for tens of
    milliseconds; and what a call makes is mostly gone before a later look at it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def limits_of(settings: Settings) -> server.Limits:
    return replace(server.DEFAULT_LIMITS, drain_timeout=settings.drain_timeout, pace=Pace(grace=settings.body_timeout))


@dataclass(frozen=True, slots=True)
class Administered:
    """The administration, as it is served, and its row in the table at the start."""

    companion: server.Companion
    row: tuple[str, str, str, str]


def administered(settings: Settings, admin: App | None, stack: ExitStack) -> Administered | None:
    """On loopback, whatever POLYGLOT_HOST is. Raises BindError."""
    if admin is None:
        return None
    port = Port("the administration", settings.admin_port, "POLYGLOT_ADMIN_PORT")
    (opening,) = open_ports("127.0.0.1", [port])
    listening = stack.enter_context(opening.sockets[0])
    listening.setblocking(False)
    key = f"found (POLYGLOT_ADMIN_KEY, {settings.origin('POLYGLOT_ADMIN_KEY')})"  # a file in the current folder may have opened it
    row = "administration", f"{opening.bound().url}/admin", "", key
    return Administered(server.Companion("the administration", admin, listening), row)


def sandboxed(accesses: Mapping[str, Access], stack: ExitStack) -> tuple[dict[str, Access], list[server.Companion]]:
    """The stand-ins on free loopback ports, and the accesses that lead to them: real keys are left where they are."""
    from polyglot_cloud.sandbox import CLOUDS  # noqa: PLC0415  # only a sandboxed start pays for it

    changed, companions = dict(accesses), []
    for name, cloud in CLOUDS.items():
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.setblocking(False)
        companions.append(server.Companion(f"sandbox of {name}", cloud.app, listening))
        changed[name] = replace(
            accesses[name],
            key=Secret(cloud.key),
            key_variable=None,
            key_origin=Origin("sandbox"),
            base_url=f"http://127.0.0.1:{listening.getsockname()[1]}{cloud.base_path}",
            base_url_variable=None,
            base_url_origin=Origin("sandbox"),
            headers={},
            problems=(),
        )
    return changed, companions


def start_up(
    application: Application,
    accesses: Mapping[str, Access],
    bound: Sequence[Bound],
    notes: Sequence[str],
    *,
    sandbox: bool,
    admin: tuple[str, str, str, str] | None = None,
) -> str:
    """One table of what listens where, and what is worth knowing."""
    faces = application.faces()
    lines = [("PROVIDER", "URL", "DEFAULT MODEL", "KEY")]
    lines += [
        (each.provider, f"{each.url}/v1", faces[each.provider].default or "none", key_word(accesses[each.provider]))
        for each in bound
    ]
    lines += [admin] if admin else []
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = [
        "",
        *(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ),
        "",
    ]
    if sandbox:
        text.append("  Sandbox: built-in stand-ins answer; nothing leaves this machine, nothing costs anything.")
    text += [f"  {note}" for each in bound for note in face_notes(faces[each.provider])]
    text += [f"  {note}" for note in notes]
    first = bound[0].url if bound else ""
    text.append(f"  Any model of any provider: {first}/v1/any/chat/completions    What is here: {first}/docs")
    return "\n".join(text) + "\n"


def openings(settings: Settings) -> list[str]:
    """Doors that settings opened: said at every start, since a file in the current folder may have said so."""
    opened = {
        "POLYGLOT_ALLOWED_ORIGINS": settings.allowed_origins,
        "POLYGLOT_ALLOWED_HOSTS": settings.allowed_hosts,
        "POLYGLOT_MEDIA_HOSTS_ALLOWED": settings.media_hosts_allowed,
    }
    words = {
        "POLYGLOT_ALLOWED_ORIGINS": "Web pages of {} may call",
        "POLYGLOT_ALLOWED_HOSTS": "Requests for {} are let in",
        "POLYGLOT_MEDIA_HOSTS_ALLOWED": "URLs of clients may lead to {}",
    }
    return [
        f"{words[name].format(', '.join(value))} ({name}, {settings.origin(name)})."
        for name, value in opened.items()
        if value
    ]


def exposure(settings: Settings) -> list[str]:
    """What an address that others reach means: every request there is asked for a key, or there would be no start."""
    if is_loopback(settings.host):
        return []
    found = [f"Others can reach {settings.host}. Keys and prompts travel in the clear there: put TLS in front of it."]
    if is_wildcard(settings.host) and not settings.allowed_hosts:
        found.append(
            f"{settings.host} is no name that clients call: list those they do in POLYGLOT_ALLOWED_HOSTS, or all but loopback is refused."
        )
    return found


def key_word(access: Access) -> str:
    if access.key is None:
        return "missing"
    return f"found ({access.key_variable or access.key_origin})"


def face_notes(face: Face) -> list[str]:
    return [f"{face.row.name}: {problem}" for problem in face.problems]


# --- check, models ---


def run_check(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    try:
        settings, rows, accesses = configured(flags)
    except SettingsError as error:
        report = checkup.refused(error)
    else:
        ask = probe_with(rows, accesses, transport_choice(settings, accesses, os.environ)) if options.online else None
        report = asyncio.run(checkup.examine(settings, list(rows.providers.values()), accesses, resolver(rows), ask))
    print(report.as_json() if options.json else report.text(), end="")
    return report.exit_status


def resolver(rows: Catalog) -> checkup.Resolve:
    def resolve(provider: str, name: str) -> checkup.Resolution:
        try:
            found = rows.resolve(name, provider=provider, today=utc_today(), retired="successor")
        except GatewayError as error:
            return checkup.Resolution(None, problem=error.message)
        if found.substituted_from:
            return checkup.Resolution(
                found.wire_model, problem=f"{found.substituted_from} is retired; {found.wire_model} answers for it"
            )
        note = None if found.priced else "no price is known"
        return checkup.Resolution(found.wire_model, note=note)

    return resolve


def probe_with(rows: Catalog, accesses: Mapping[str, Access], choice: Choice) -> checkup.Probe:
    async def ask(access: Access) -> checkup.ProbeResult:
        found = await probe(app.provider_of(rows, accesses[access.name]), choice)
        return checkup.ProbeResult(found.reachable, found.message, found.milliseconds)

    return ask


def run_models(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings = load(os.environ, flags=flags)
    rows = catalog.load(overlay=settings.catalog)
    if options.provider and options.provider not in rows.providers:
        print(
            f"polyglot-cloud: there is no provider {options.provider}; there are {', '.join(rows.providers)}",
            file=sys.stderr,
        )
        return 1
    lines = catalog.table(rows, utc_today(), options.provider)
    print(catalog.as_json(lines) if options.json else catalog.as_text(lines))
    return 0


# --- quote ---


def run_quote(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings, rows, accesses = configured(flags)
    transport = open_transport(transport_choice(settings, accesses, os.environ))
    purse = treasury.glance(settings, list(rows.providers.values()))
    application = create_app(settings, rows, accesses, Parts(transport=transport, purse=purse))
    print(asyncio.run(quote_command.tell(options, application.app, list(accesses))), end="")
    return 0


# --- tenants, keys ---


def run_tenancy(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings = load(os.environ, flags=flags)
    rows = list(catalog.load(overlay=settings.catalog).providers.values())
    with closing(tenancy_commands.Desk.at(settings.data_dir, settings.configuration(rows), rows)) as desk:
        print(options.tell(options, desk), end="")
    return 0


# --- ledger, receipts, costs ---


def run_ledger(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings = load(os.environ, flags=flags)
    place = ledger_commands.Place(
        *treasury.places(settings, sandbox=options.sandbox), key=treasury.ledger_key(settings)
    )
    told = options.tell(options, place)
    print(told.text, end="")
    return int(told.status)


def run_reprice(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings, rows, _ = configured(flags)
    prices = Prices(rows, utc_today)
    place = ledger_commands.Place(*treasury.places(settings, sandbox=options.sandbox))
    told = reprice_command.tell(
        options, place, lambda *of: prices.priced_on(*of)[1], reprice_command.asked_at_the_terminal
    )
    print(told.text, end="")
    return told.status


# --- the swarm ---


def run_swarm(options: argparse.Namespace, flags: Mapping[str, Any]) -> int:
    settings, _, accesses = configured(flags)
    ports = [access.port for access in accesses.values() if access.port]
    databases = [treasury.places(settings, sandbox=sandbox)[0] for sandbox in (False, True)]
    print(asyncio.run(options.tell(options, swarm_commands.Place(settings, ports, databases))), end="")
    return 0
