"""Models of other hosts, as they are registered at the Router: their registration is all that is known of them.

Each becomes a catalog of one, with one provider that has no key, so that a call there is bounded, booked and streamed like any other. Such
a host is taken for one that speaks OpenAI's Chat and tells its usage; its price is the registration's.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from polyglot_cloud.catalog import Catalog
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.neutral import NEEDS
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.providers import Account, Provider
from polyglot_cloud.rows import Model, Offer, Price, ProviderRow, Rates
from polyglot_cloud.swarm import directory
from polyglot_cloud.swarm.offers import CHAT

LONG_AGO = date(2000, 1, 1)
_PICO = 10**12
SOURCE = "its registration at the swarm's Provider Router"


class Keyless(Provider):
    """A host that is never shown a credential: neither a vendor's key nor the client's."""

    def headers(self) -> dict[str, str]:
        return {}


def provider_name(registration: directory.Provider) -> str:
    """What stands for it in the ledger. No provider of a catalog has a colon in its name."""
    return f"swarm:{registration.name}"


def pipeline_to(pipeline: Pipeline, registration: directory.Provider, chat: Dialect) -> Pipeline:
    """The way to this one model."""
    name = provider_name(registration)
    endpoint = registration.endpoint.rstrip("/")
    row = ProviderRow(name, registration.name, "", endpoint, (), (), "", "", (CHAT,), {}, "")
    catalog = Catalog.of({name: row}, [_model(name, registration)])
    return pipeline.beside(catalog, {name: Keyless(name, Account(endpoint, None), {CHAT: chat})})


def _model(provider: str, registration: directory.Provider) -> Model:
    """It writes no more than it can hold: nobody says more of it."""
    rates = {
        "input": pico(registration.cost_per_input_token),
        "output": pico(registration.cost_per_output_token),
    }
    return Model(
        id=registration.model,
        provider=provider,
        kind="chat",
        status="active",
        source=SOURCE,
        checked=LONG_AGO,
        offers=(Offer(CHAT, frozenset(NEEDS)),),
        context_window=registration.context_window,
        max_input=registration.context_window,
        max_output=registration.context_window,
        prices=(Price(LONG_AGO, Rates(rates), (), SOURCE),),
    )


def pico(dollars: float) -> int:
    """Pico-dollars of what is told in US dollars."""
    return int((Decimal(str(dollars)) * _PICO).to_integral_value(ROUND_HALF_UP))
