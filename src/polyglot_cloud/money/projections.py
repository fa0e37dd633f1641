"""How attempts, balances and alerts follow from the journal: a few statements over a run of entries.

SQLite does the work, with Python's lock let go, so a busy event loop does not feel it. Each statement holds for any cutting of the
journal into runs: an attempt's state only rises (held, unknown, freed, released, settled), its first settlement counts, its bound only
sinks. So what follows step by step is what follows from the whole, and `rebuild` may take another stride.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from polyglot_cloud.money.compiled import Compiled
from polyglot_cloud.money.entries import Kind
from polyglot_cloud.money.schema import KEEP, PROJECTED, PROJECTIONS, alerts, attempts, balances, journal, kept, limits

STRIDE = 20_000
"""Entries that one transaction takes where nobody waits for another."""

_RUN = and_(journal.c.seq > bindparam("after"), journal.c.seq <= bindparam("upto"))


def _of(kind: str) -> ColumnElement[bool]:
    return and_(_RUN, journal.c.kind == kind)


def _among(column: ColumnElement[Any], *words: str) -> ColumnElement[bool]:
    """Written out: the list of an ordinary IN is only known when SQLAlchemy runs the statement itself."""
    return column.in_([literal_column(f"'{word}'") for word in words])


def _fact(path: str, type_: Any = Text) -> ColumnElement[Any]:
    return func.json_extract(journal.c.facts, path, type_=type_)


def _held() -> Insert:
    named = ("call", "tenant", "key", "run", "agent", "provider", "model", "budgets")
    taken = {
        **{name: _fact(f"$.{name}") for name in named},
        "bound": journal.c.nano,
        "held_at": journal.c.at,
        "held_seq": journal.c.seq,
    }
    source = select(journal.c.attempt, literal("held"), *taken.values()).where(_of("held")).order_by(journal.c.seq)
    statement = insert(attempts).from_select(["attempt", "state", *taken], source)
    return statement.on_conflict_do_update(  # a settlement may come first, where a hold had to wait for a full disk
        index_elements=["attempt"],
        set_={name: statement.excluded[name] for name in taken},
        where=attempts.c.held_seq.is_(None),
    )


def _tightened() -> Update:
    lowest = (
        select(journal.c.attempt, func.min(journal.c.nano).label("nano"))
        .where(_of("tightened"))
        .group_by(journal.c.attempt)
        .subquery()
    )
    return (
        update(attempts)
        .where(attempts.c.attempt == lowest.c.attempt)
        .values(bound=func.min(attempts.c.bound, lowest.c.nano))
    )


def _moved(kind: str, state: str, *before: str) -> Update:
    first = _first(kind)
    return (
        update(attempts)
        .where(attempts.c.attempt == first.c.attempt, _among(attempts.c.state, *before))
        .values(state=state, ended_at=first.c.at, ended_seq=first.c.seq, outcome=first.c.outcome)
    )


def _first(kind: str) -> Subquery:
    """Each attempt's first entry of a kind in this run. With min(), SQLite takes the other columns from that very row."""
    return (
        select(
            journal.c.attempt,
            func.min(journal.c.seq).label("seq"),
            journal.c.at,
            _fact("$.outcome").label("outcome"),
        )
        .where(_of(kind))
        .group_by(journal.c.attempt)
        .subquery()
    )


def _settled() -> Insert:
    taken = {
        "answered": _fact("$.model"),
        "outcome": _fact("$.outcome"),
        "input": func.coalesce(_fact("$.usage.input", Integer), 0),
        "output": func.coalesce(_fact("$.usage.output", Integer), 0),
        "cost": journal.c.nano,
        "cost_source": _fact("$.cost_source"),
        "ended_at": journal.c.at,
        "ended_seq": journal.c.seq,
    }
    source = (
        select(journal.c.attempt, literal("settled"), *taken.values()).where(_of("settled")).order_by(journal.c.seq)
    )
    statement = insert(attempts).from_select(["attempt", "state", *taken], source)
    return statement.on_conflict_do_update(
        index_elements=["attempt"],
        set_={name: statement.excluded[name] for name in ("state", *taken)},
        where=attempts.c.state != "settled",
    )


def _repriced() -> Update:
    last = (
        select(
            journal.c.attempt,
            func.max(journal.c.seq).label("seq"),
            journal.c.nano,
            _fact("$.cost_source").label("source"),
        )
        .where(_of("repriced"))
        .group_by(journal.c.attempt)
        .subquery()
    )
    return (
        update(attempts)
        .where(attempts.c.attempt == last.c.attempt, attempts.c.state == "settled")
        .values(cost=last.c.nano, cost_source=func.coalesce(last.c.source, attempts.c.cost_source))
    )


def _alerted() -> Insert:
    names = ("budget", "start", "percent")
    source = select(*(_fact(f"$.{name}") for name in names), journal.c.at).where(_of("alerted"))
    return insert(alerts).from_select([*names, "at"], source).on_conflict_do_nothing()


def _limited() -> Insert:
    last = (
        select(
            _fact("$.scope").label("scope"),
            journal.c.nano,
            _fact("$.alerts").label("alerts"),
            journal.c.at,
            func.max(journal.c.seq),
        )
        .where(_of("limited"))
        .group_by(literal_column("1"))
        .subquery()
    )
    source = select(last.c.scope, last.c.nano, last.c.alerts, last.c.at).where(literal_column("1") == 1)
    statement = insert(limits).from_select(["scope", "nano", "alerts", "at"], source)
    return statement.on_conflict_do_update(
        index_elements=["scope"], set_={name: statement.excluded[name] for name in ("nano", "alerts", "at")}
    )


def contributions(source: FromClause = attempts) -> Select[Any]:
    """(budget, start, scope, spent, held) of attempts, summed: what each adds to the budgets that it was held under."""
    budget = func.json_each(source.c.budgets).table_valued("value")
    spent = case((source.c.state == "settled", source.c.cost), else_=0)
    held = case((_among(source.c.state, "held", "unknown"), source.c.bound), else_=0)
    id_, start, scope = (func.json_extract(budget.c.value, f"$.{name}") for name in ("id", "start", "scope"))
    return (
        select(id_, start, func.coalesce(func.min(scope), ""), func.sum(spent), func.sum(held))
        .select_from(source.join(budget, literal(value=True)))
        .group_by(id_, start)
    )


def _booked(sign: int) -> Insert:
    touched = select(journal.c.attempt).where(_RUN)
    sums = contributions().where(attempts.c.attempt.in_(touched)).subquery()
    id_, start, scope, spent, held = sums.c
    # SQLite takes "ON" after a bare FROM for a join's: hence the condition
    signed = select(id_, start, scope, sign * spent, sign * held).where(literal_column("1") == 1)
    statement = insert(balances).from_select(["budget", "start", "scope", "spent", "held"], signed)
    return statement.on_conflict_do_update(
        index_elements=["budget", "start"],
        set_={
            "spent": balances.c.spent + statement.excluded.spent,
            "held": balances.c.held + statement.excluded.held,
        },
    )


_MONEY: tuple[Kind, ...] = ("held", "tightened", "unknown", "freed", "released", "settled", "repriced")
STEPS: tuple[tuple[Sequence[Kind], Insert | Update], ...] = (
    (_MONEY, _booked(-1)),
    (["held"], _held()),
    (["tightened"], _tightened()),
    (["unknown"], _moved("unknown", "unknown", "held")),
    (["freed"], _moved("freed", "freed", "held", "unknown")),
    (["released"], _moved("released", "released", "held", "unknown", "freed")),
    (["settled"], _settled()),
    (["repriced"], _repriced()),
    (_MONEY, _booked(+1)),
    (["alerted"], _alerted()),
    (["limited"], _limited()),
)
"""In this order, each where the run has an entry of one of its kinds."""


_KINDS = Compiled(select(journal.c.kind).where(_RUN).distinct())
_REACHED = Compiled(KEEP)
_COMPILED = [(frozenset(kinds), Compiled(statement)) for kinds, statement in STEPS]


def reached(connection: Connection) -> int:
    """The seq up to which the projections have got."""
    return int(kept(connection, PROJECTED) or 0)


def project(connection: Connection, after: int, upto: int) -> None:
    """Takes the entries after `after`, up to and with `upto`, into the projections, within the caller's transaction."""
    present = {kind for (kind,) in _KINDS.run(connection, after=after, upto=upto)}
    for kinds, step in _COMPILED:
        if not kinds.isdisjoint(present):
            step.run(connection, after=after, upto=upto)
    _REACHED.run(connection, name=PROJECTED, value=str(upto))


def clear(connection: Connection) -> None:
    """Forgets all projections, within the caller's transaction."""
    for table in PROJECTIONS:
        connection.execute(delete(table))
    connection.execute(KEEP, {"name": PROJECTED, "value": "0"})
