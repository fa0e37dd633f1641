"""What a user's own catalog needs so that a call to a model can be bounded and priced, as lines to paste.

The figures in them are stand-ins that a person has to replace: the dearest that the catalog knows of the same provider, so that a budget
counts too much rather than too little until then.
"""

import json
from datetime import date
from decimal import Decimal

from polyglot_cloud.catalog.resolve import Catalog
from polyglot_cloud.neutral import NEEDS
from polyglot_cloud.rows import Model

_PICO_IN_A_RATE = 10**6  # a dollar per million tokens
_OUTPUT = 128_000
_WINDOW = 1_000_000


def lacks(row: Model | None, today: date) -> str:
    """What is not known of a model that a call's bound is worked out from, as the end of a sentence."""
    if row is None:
        return "the catalog does not have this model"
    missing = ["price"] if row.price_on(today) is None else []
    missing += ["limit of input"] if (row.max_input or row.context_window) is None else []
    missing += ["limit of output"] if row.max_output is None else []
    return f"the catalog has no {' and no '.join(missing or ['bound'])} for this model"


def lines_for(provider: str, model: str, row: Model | None, catalog: Catalog, today: date) -> str:
    """The entry in TOML. For a model that the catalog has: three lines, or one more for each limit that is missing."""
    lines = ["[[model]]", f"id = {json.dumps(row.id if row else model)}"]
    if row is None or sum(each.id == row.id for each in catalog.rows) > 1:
        lines.append(f"provider = {json.dumps(provider)}")
    if row is None:
        lines += [f"offers = [{_offers(provider, catalog)}]", 'source = "ours"', f"checked = {today}"]
    if row is None or (row.max_input or row.context_window) is None:
        lines.append(f"context_window = {_WINDOW}")
    if row is None or row.max_output is None:
        lines.append(f"max_output = {_OUTPUT}")
    if row is None or row.price_on(today) is None:
        rates = _dearest(provider, catalog, today)
        lines.append(f'price = [{{ effective_from = {today}, source = "ours", standard = {{ {rates} }} }}]')
    return "\n".join(lines)


def _offers(provider: str, catalog: Catalog) -> str:
    """As the provider's other models are asked, the first that can be; else whatever its dialects have."""
    known = [row for row in catalog.rows if row.provider == provider and row.offers and row.status == "active"]
    spoken = catalog.providers[provider].dialects
    offers = (
        {offer.dialect: offer.needs for offer in known[0].offers} if known else dict.fromkeys(spoken, frozenset(NEEDS))
    )
    return ", ".join(
        f"{{ dialect = {json.dumps(dialect)}, needs = {json.dumps([need for need in NEEDS if need in needs])} }}"
        for dialect, needs in offers.items()
    )


def _dearest(provider: str, catalog: Catalog, today: date) -> str:
    prices = [price for row in catalog.rows if (price := row.price_on(today)) and row.provider == provider] or [
        price for row in catalog.rows if (price := row.price_on(today))
    ]
    most = {kind: max(price.rates.pico_per_token[kind] for price in prices) for kind in ("input", "output")}
    return ", ".join(f"{kind} = {Decimal(pico) / _PICO_IN_A_RATE:f}" for kind, pico in most.items())
