"""polyglot-cloud swarm: how the swarm's services stand as the running gateway sees them, and ports given up to the real ones.

`status` asks /health of a listener. `release` speaks to the process that serves, with the secret that it wrote into a file beside its
database: whoever may read that file may end the process as well.
"""

import argparse
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from polyglot_cloud.hive import SERVED, control_file, table
from polyglot_cloud.routes.swarm_control import PATH
from polyglot_cloud.settings import Settings
from polyglot_cloud.swarm.announcer import TITLES
from polyglot_cloud.swarm.link import Peer, Unreachable, open_client
from polyglot_cloud.swarm.offers import endpoint

WITHIN = 5.0
"""Seconds for an answer."""

Tell = Callable[[argparse.Namespace, "Place"], Awaitable[str]]


class NotRunning(Exception):
    """There is no process that could be asked; the text says where one was looked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway should run: `ports` of its listeners, and the databases that it may have."""

    settings: Settings
    ports: Sequence[int]
    databases: Sequence[Path]


def add(commands: Any, common: Callable[[argparse.ArgumentParser], None], run: Callable[..., int]) -> None:
    group = commands.add_parser("swarm", help="the swarm's services: who serves them, and giving them up")
    actions = group.add_subparsers(title="commands", required=True, metavar="status | release")
    status = actions.add_parser(
        "status", help="who serves the Router, the Gateway and the Registry, and what is registered"
    )
    release = actions.add_parser(
        "release", help="give the ports that we serve up to the real services, without a restart"
    )
    release.add_argument("service", nargs="*", choices=[*SERVED, []], help="of these only (default: of all)")
    for parser, tell in ((status, tell_status), (release, tell_release)):
        parser.add_argument("--json", action="store_true")
        common(parser)
        parser.set_defaults(run=run, tell=tell)


async def tell_status(options: argparse.Namespace, place: Place) -> str:
    """Raises NotRunning."""
    found = await _health(place)
    return json.dumps(found, indent=2) + "\n" if options.json else table(found)


async def _health(place: Place) -> Mapping[str, Any]:
    async with open_client([]) as client:
        for port in place.ports:
            try:
                answer = await Peer(client, endpoint(place.settings.host, port), WITHIN).ask("GET", "/health")
            except Unreachable:
                continue
            found = answer.field("swarm")
            if isinstance(found, Mapping):
                return found
    ports = ", ".join(map(str, place.ports))
    raise NotRunning(f"No gateway answers on {place.settings.host} at {ports}. Is it running, and with these settings?")


async def tell_release(options: argparse.Namespace, place: Place) -> str:
    """Raises NotRunning."""
    given = await _released(place, options.service)
    if options.json:
        return json.dumps({"released": given}) + "\n"
    if not given:
        return "Nothing of that was served here.\n"
    return "".join(f"{TITLES[name]}: given up. Its port is free.\n" for name in given)


async def _released(place: Place, services: Sequence[str]) -> list[str]:
    files = [path for path in map(control_file, place.databases) if path.exists()]
    async with open_client([]) as client:
        for path in files:
            for url, secret in _ways(path):
                given = await _asked(Peer(client, url, WITHIN, partial(_bearer, secret)), services)
                if given is not None:
                    return given
    looked = " or ".join(str(control_file(database)) for database in place.databases)
    stale = " (what it says is old: nobody answers there)" if files else ""
    raise NotRunning(f"No gateway serves the swarm: that would stand in {looked}{stale}.")


def _bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def _ways(path: Path) -> list[tuple[str, str]]:
    """(url, secret) of the ports that the process had; none where the file is not what we wrote."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [(str(url), str(found["secret"])) for url in found["urls"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


async def _asked(peer: Peer, services: Sequence[str]) -> list[str] | None:
    """None where that is not the process: the file is an older one's."""
    try:
        answer = await peer.ask("POST", PATH, {"services": list(services)})
    except Unreachable:
        return None
    given = answer.field("released")
    return given if answer.status == 200 and isinstance(given, list) else None
