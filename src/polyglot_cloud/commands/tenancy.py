"""polyglot-cloud tenants and keys: their options, and what each of them does and tells.

Times are written as 2027-01-01, 2027-01-01T12:00:00Z or, from now on, 30d; budgets as 10/day or 10.50/month@Europe/Berlin.
"""

import argparse
import getpass
import json
import re
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_cloud import grants
from polyglot_cloud.administration import documents, spans
from polyglot_cloud.commands import shown
from polyglot_cloud.grants import LIMITS, PERIODS, Cap, Grant
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Configuration
from polyglot_cloud.settings.tables import meant
from polyglot_cloud.settings.values import usd
from polyglot_cloud.tenancy import UNCHANGED, Declared, TenancyError

if TYPE_CHECKING:
    from polyglot_cloud.tenancy import Store

DATABASE = "polyglot.sqlite3"
"""The till's database, in POLYGLOT_DATA_DIR."""
PARTS = ("providers", "models", "faces", "aliases", "limits", "budgets", "tags")

_BUDGET = re.compile(r"([^/]+)/([a-z]+)(?:@(.+))?")

Common = Callable[[argparse.ArgumentParser], None]
Tell = Callable[[argparse.Namespace, "Desk"], str]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the commands work, and as whom. `now` is in Unix microseconds."""

    store: "Store"
    providers: Sequence[str]
    now: Callable[[], int]
    by: str

    @classmethod
    def at(cls, folder: Path, declared: Configuration, rows: Collection[ProviderRow]) -> "Desk":
        """Raises TenancyError where the database cannot be used."""
        from polyglot_cloud.tenancy import Store, connect  # noqa: PLC0415  # they import SQLAlchemy

        store = Store(connect(folder / DATABASE), clock=_now, declared=Declared(declared.tenants, declared.keys))
        return cls(store, [row.name for row in rows], _now, f"cli {getpass.getuser()}@{socket.gethostname()}")

    def close(self) -> None:
        self.store.close()


def _now() -> int:
    return time.time_ns() // 1000


# --- the command line ---


def add(commands: Any, common: Common, run: Callable[..., int]) -> None:
    """Adds `tenants` and `keys` to the parser's commands. `run` is called with options whose `tell` gives the text to print."""
    tenants = _group(
        commands, "tenants", "create | list | show | update | delete", "who calls, and what they may spend"
    )
    _add_tenants(_Adding(tenants, common, run))
    keys = _group(
        commands,
        "keys",
        "create | list | show | update | rotate | revoke | expire | import | audit",
        "what callers show",
    )
    _add_keys(_Adding(keys, common, run))


def _group(commands: Any, name: str, metavar: str, text: str) -> Any:
    return commands.add_parser(name, help=text).add_subparsers(title="commands", required=True, metavar=metavar)


@dataclass(frozen=True, slots=True)
class _Adding:
    group: Any
    common: Common
    run: Callable[..., int]

    def command(self, name: str, tell: Tell, text: str, *positional: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self.group.add_parser(name, help=text)
        for each in positional:
            parser.add_argument(each)
        parser.add_argument("--json", action="store_true")
        self.common(parser)
        parser.set_defaults(run=self.run, tell=tell)
        return parser


def _add_tenants(adding: _Adding) -> None:
    create = adding.command("create", create_tenant, "make a tenant", "name")
    create.add_argument("--parent", metavar="TENANT", help="whose budgets and permissions bind this one too")
    _grants(create)
    adding.command("list", list_tenants, "all tenants")
    adding.command("show", show_tenant, "one tenant with its keys", "name")
    update = adding.command("update", update_tenant, "change what is given; each part is replaced as a whole", "name")
    parents = update.add_mutually_exclusive_group()
    parents.add_argument("--parent", metavar="TENANT")
    parents.add_argument("--no-parent", action="store_true")
    _grants(update, clear=True)
    delete = adding.command("delete", delete_tenant, "its keys end; the ledger keeps what it spent", "name")
    delete.add_argument("--with-keys", action="store_true", help="revoke the keys that still hold")


def _add_keys(adding: _Adding) -> None:
    create = adding.command("create", create_key, "make a key, and show it once")
    create.add_argument("--tenant", required=True)
    create.add_argument("--expires", metavar="TIME")
    _grants(create)
    listing = adding.command("list", list_keys, "all keys, revoked ones too; never their secrets")
    listing.add_argument("--tenant")
    adding.command("show", show_key, "one key", "id")
    _grants(
        adding.command("update", update_key, "change what is given; each part is replaced as a whole", "id"), clear=True
    )
    rotate = adding.command("rotate", rotate_key, "a new secret under the same id, shown once", "id")
    rotate.add_argument(
        "--grace", default="0s", metavar="SPAN", help="how long the old one still holds: 24h (default: not at all)"
    )
    adding.command("revoke", revoke_key, "ends a key now and for good; a running gateway knows within a second", "id")
    expire = adding.command("expire", expire_key, "sets when a key ends", "id")
    expire.add_argument("at", metavar="TIME", help="2027-01-01, 30d, or never")
    taking = adding.command(
        "import", import_key, "take over a key that clients have, by its hash (LiteLLM keeps the same)"
    )
    taking.add_argument("--tenant", required=True)
    taking.add_argument(
        "--sha256", required=True, metavar="HEX", help="of the whole key, as in LiteLLM's table of tokens"
    )
    taking.add_argument("--expires", metavar="TIME")
    _grants(taking)
    audit = adding.command("audit", show_audit, "the last changes of tenants and keys: who, what, when")
    audit.add_argument("--last", type=int, default=50, metavar="N")


def _grants(parser: argparse.ArgumentParser, *, clear: bool = False) -> None:
    parser.add_argument("--title", help="a name for people")
    for option, destination, metavar, text in (
        ("--provider", "providers", "NAME", "may use this provider; repeat for more (default: all)"),
        ("--model", "models", "MODEL", "may use this model, or those that begin so: gpt-6* (default: all)"),
        ("--face", "faces", "NAME", "may call this provider's face, or `any` (default: all)"),
        ("--alias", "aliases", "NAME=PROVIDER/MODEL", "a name of its own for a model"),
        ("--limit", "limits", "NAME=NUMBER", f"one of {', '.join(LIMITS)}"),
        ("--budget", "budgets", "USD/PERIOD[@ZONE]", f"10/day; periods: {', '.join(PERIODS)}"),
        ("--tag", "tags", "WORD", "for reports"),
    ):
        parser.add_argument(option, dest=destination, metavar=metavar, action="append", help=text)
    if clear:
        parser.add_argument("--clear", action="append", choices=PARTS, default=[], help="takes this part away")


# --- tenants ---


def create_tenant(options: argparse.Namespace, desk: Desk) -> str:
    grant = _grant(options, desk, Grant())
    new = desk.store.create_tenant(
        options.name, by=desk.by, title=options.title or "", parent=options.parent, grant=grant
    )
    return _told(
        options,
        documents.tenant(new),
        f"The tenant {new.id} is there. A key for it: polyglot-cloud keys create --tenant {new.id}",
    )


def list_tenants(options: argparse.Namespace, desk: Desk) -> str:
    found = desk.store.tenants()
    if options.json:
        return _json([documents.tenant(each) for each in found])
    return (
        shown.table(shown.TENANT_HEAD, [shown.tenant_line(each) for each in found])
        if found
        else "There are no tenants.\n"
    )


def show_tenant(options: argparse.Namespace, desk: Desk) -> str:
    found, keys = desk.store.tenant(options.name), desk.store.keys(options.name)
    if options.json:
        return _json({**documents.tenant(found), "keys": [documents.key(each, desk.now()) for each in keys]})
    lines = shown.lines(documents.tenant(found))
    return lines + "\n" + shown.keys_table(keys, desk.now()) if keys else lines


def update_tenant(options: argparse.Namespace, desk: Desk) -> str:
    grant = _grant(options, desk, desk.store.tenant(options.name).grant)
    parent = None if options.no_parent else UNCHANGED if options.parent is None else options.parent
    new = desk.store.update_tenant(options.name, by=desk.by, title=options.title, parent=parent, grant=grant)
    return _told(options, documents.tenant(new), f"The tenant {new.id} is changed.")


def delete_tenant(options: argparse.Namespace, desk: Desk) -> str:
    gone = desk.store.delete_tenant(options.name, by=desk.by, with_keys=options.with_keys)
    return _told(options, documents.tenant(gone), f"The tenant {gone.id} is deleted.")


# --- keys ---


def create_key(options: argparse.Namespace, desk: Desk) -> str:
    grant = _grant(options, desk, Grant())
    new = desk.store.create_key(
        options.tenant, by=desk.by, title=options.title or "", grant=grant, expires_at=_expiry(options.expires, desk)
    )
    return _told(options, documents.secret(new, desk.now()), shown.once(new))


def list_keys(options: argparse.Namespace, desk: Desk) -> str:
    if options.tenant is not None:
        desk.store.tenant(options.tenant)
    found = desk.store.keys(options.tenant)
    if options.json:
        return _json([documents.key(each, desk.now()) for each in found])
    return shown.keys_table(found, desk.now()) if found else "There are no keys.\n"


def show_key(options: argparse.Namespace, desk: Desk) -> str:
    document = documents.key(desk.store.key(options.id), desk.now())
    return _json(document) if options.json else shown.lines(document)


def update_key(options: argparse.Namespace, desk: Desk) -> str:
    grant = _grant(options, desk, desk.store.key(options.id).grant)
    new = desk.store.update_key(options.id, by=desk.by, title=options.title, grant=grant)
    return _told(options, documents.key(new, desk.now()), f"The key {new.id} is changed.")


def rotate_key(options: argparse.Namespace, desk: Desk) -> str:
    new = desk.store.rotate_key(options.id, by=desk.by, grace=_read(options.grace, "--grace", spans.span))
    return _told(options, documents.secret(new, desk.now()), shown.once(new))


def revoke_key(options: argparse.Namespace, desk: Desk) -> str:
    gone = desk.store.revoke_key(options.id, by=desk.by)
    return _told(options, documents.key(gone, desk.now()), f"The key {gone.id} is revoked.")


def expire_key(options: argparse.Namespace, desk: Desk) -> str:
    new = desk.store.expire_key(options.id, _expiry(options.at, desk), by=desk.by)
    when = f"ends at {documents.moment(new.expires_at)}" if new.expires_at is not None else "has no end"
    return _told(options, documents.key(new, desk.now()), f"The key {new.id} {when}.")


def import_key(options: argparse.Namespace, desk: Desk) -> str:
    grant = _grant(options, desk, Grant())
    new = desk.store.import_key(
        options.tenant,
        options.sha256,
        by=desk.by,
        title=options.title or "",
        grant=grant,
        expires_at=_expiry(options.expires, desk),
    )
    return _told(options, documents.key(new, desk.now()), f"The key {new.id} of the tenant {new.tenant} is taken over.")


def show_audit(options: argparse.Namespace, desk: Desk) -> str:
    found = desk.store.audit(max(1, options.last))
    if options.json:
        return _json([documents.audited(each) for each in found])
    return (
        shown.table(shown.AUDIT_HEAD, [shown.audit_line(each) for each in found])
        if found
        else "Nothing was changed yet.\n"
    )


def _told(options: argparse.Namespace, document: dict[str, Any], text: str) -> str:
    return _json(document) if options.json else text + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


# --- words of the command line ---


def _grant(options: argparse.Namespace, desk: Desk, old: Grant) -> Grant:
    """The grant with the parts that were given; each replaces what was there. Raises TenancyError."""
    faces = [*desk.providers, "any"]
    given: dict[str, Any] = {
        "providers": _words(options.providers, "--provider", lambda text: _known(text, desk.providers)),
        "models": _words(options.models, "--model", grants.model_pattern),
        "faces": _words(options.faces, "--face", lambda text: _known(text, faces)),
        "aliases": _pairs(options.aliases, "--alias", grants.word, lambda text: _alias_target(text, desk.providers)),
        "limits": _pairs(options.limits, "--limit", lambda text: _known(text, LIMITS), _number),
        "budgets": _words(options.budgets, "--budget", _cap),
        "tags": _words(options.tags, "--tag", grants.word),
    }
    changes = {part: value for part, value in given.items() if value is not None}
    if len({cap.period for cap in given["budgets"] or ()}) < len(given["budgets"] or ()):
        raise TenancyError("--budget stands twice for one period; keep one")
    for part in getattr(options, "clear", ()):
        if part in changes:
            raise TenancyError(f"--clear {part} takes away what another option gives")
        changes[part] = getattr(Grant(), part)
    return replace(old, **changes)


def _words(texts: Sequence[str] | None, option: str, read: Callable[[str], Any]) -> tuple[Any, ...] | None:
    if texts is None:
        return None
    return tuple(dict.fromkeys(_read(text, option, read) for text in texts))


def _pairs(
    texts: Sequence[str] | None, option: str, read_name: Callable[[str], str], read: Callable[[str], Any]
) -> dict[str, Any] | None:
    if texts is None:
        return None
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        found[_read(name, option, read_name)] = _read(value, option, read)
    return found


def _read(text: str, option: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise TenancyError(f"{option} {error}") from None


def _known(text: str, words: Collection[str]) -> str:
    if text not in words:
        raise ValueError(f"must name one that is there{meant(text, words)}")
    return text


def _alias_target(text: str, providers: Collection[str]) -> str:
    _known(grants.alias_target(text).partition("/")[0], providers)
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def _cap(text: str) -> Cap:
    match = _BUDGET.fullmatch(text)
    if match is None:
        raise ValueError("must be an amount and a period: 10/day, or 10.50/month@Europe/Berlin")
    period = next((each for each in PERIODS if each == match[2]), None)
    if period is None:
        raise ValueError(f"must be for one of {', '.join(PERIODS)}")
    return Cap(period, usd(match[1]), grants.zone(match[3]) if match[3] else None)


def _expiry(text: str | None, desk: Desk) -> int | None:
    """Unix microseconds; None for never. Raises TenancyError."""
    return None if text is None else _read(text, "the end of a key", lambda value: spans.end(value, desk.now()))
