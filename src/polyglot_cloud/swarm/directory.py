"""The Provider Router (6103): who serves which model at what price, and who is selected for a request.

What is asked is answered out of memory; every change is written first, and is seen when it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from polyglot_cloud.swarm.moments import Clock, now, stamp
from polyglot_cloud.swarm.names import PARKED
from polyglot_cloud.swarm.requests import Field

if TYPE_CHECKING:
    from polyglot_cloud.swarm.store import Store

Optimization = Literal["cost", "latency", "balanced"]
OPTIMIZATIONS: tuple[Optimization, ...] = ("cost", "latency", "balanced")

REGISTRATION = (
    Field("name", required=True, low=1, high=100),
    Field("model", required=True, low=1, high=100),
    Field("context_window", "int", required=True, low=1, high=2_000_000),
    Field("cost_per_input_token", "float", required=True, low=0),
    Field("cost_per_output_token", "float", required=True, low=0),
    Field("endpoint", required=True),
    Field("features", "strings", default=()),
    Field("slo", "object", nullable=True),
    Field("metadata", "object", nullable=True),
)
REQUIREMENTS = Field(
    "requirements",
    required=True,
    fields=(
        Field("model", required=True),
        Field("context_window", "int", nullable=True),
        Field("features", "strings", nullable=True),
    ),
)
OPTIMIZATION = Field("optimization", default="cost", choices=OPTIMIZATIONS)
SELECTION = (
    REQUIREMENTS,
    OPTIMIZATION,
    Field("max_cost_usd", "float", nullable=True),
    Field("max_latency_ms", "int", nullable=True),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One registration. Costs are USD per token; `slo` may hold latency_p95_ms, and nothing in it was checked."""

    name: str
    model: str
    context_window: int
    cost_per_input_token: float
    cost_per_output_token: float
    endpoint: str
    features: tuple[str, ...]
    slo: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    created_at: int
    updated_at: int
    active: bool = True

    @property
    def latency(self) -> float | None:
        """The promised p95 in milliseconds; None where there is none that can be compared."""
        told = (self.slo or {}).get("latency_p95_ms")
        known = isinstance(told, int | float) and not isinstance(told, bool) and told > 0
        return told if known else None

    def shown(self) -> dict[str, Any]:
        """As the Router's answers have it."""
        return {
            "name": self.name,
            "model": self.model,
            "context_window": self.context_window,
            "cost_per_input_token": self.cost_per_input_token,
            "cost_per_output_token": self.cost_per_output_token,
            "endpoint": self.endpoint,
            "features": list(self.features),
            "slo": self.slo,
            "metadata": self.metadata,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "status": "active" if self.active else "inactive",
        }


# --- selecting ---


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request needs of a provider. An empty `model` is any, no or 0 `context_window` any length; the maxima hold from 0 on."""

    model: str = ""
    context_window: int | None = None
    features: Sequence[str] | None = None
    optimization: Optimization = "cost"
    max_cost_usd: float | None = None
    max_latency_ms: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Wanted":
        """`values` are what `read_body(SELECTION, ...)` gives."""
        return cls(
            **values["requirements"],
            optimization=values["optimization"],
            max_cost_usd=values["max_cost_usd"],
            max_latency_ms=values["max_latency_ms"],
        )


@dataclass(frozen=True, slots=True)
class Selected:
    """`alternatives` are the next two by cost; the winner is never among them."""

    provider: Provider
    alternatives: tuple[Provider, ...]
    reason: str


class NothingFits(LookupError):
    """No provider does what is wanted. The message is the `detail` of the 404."""


def select(providers: Iterable[Provider], wanted: Wanted) -> Selected:
    """Who of these, in the order in which they came, serves a request. Raises NothingFits."""
    fitting = sorted((provider for provider in providers if _can(provider, wanted)), key=_cost)
    if not fitting:
        features = None if wanted.features is None else list(wanted.features)
        raise NothingFits(
            f"No providers found matching requirements: model={wanted.model!r} context_window={wanted.context_window!r}"
            f" features={features!r}"
        )
    fitting = _kept(fitting, _affordable(wanted.max_cost_usd), "budget")
    fitting = _kept(fitting, _fast(wanted.max_latency_ms), "latency")
    winner, reason = _winner(fitting, wanted.optimization)
    return Selected(winner, tuple([each for each in fitting if each is not winner][:2]), reason)


def _can(provider: Provider, wanted: Wanted) -> bool:
    return (
        (not wanted.model or provider.model == wanted.model)
        and (not wanted.context_window or provider.context_window >= wanted.context_window)
        and (not wanted.features or set(provider.features).issuperset(wanted.features))
    )


def _cost(provider: Provider) -> float:
    return (provider.cost_per_input_token + provider.cost_per_output_token) / 2


def _kept(fitting: list[Provider], fits: Callable[[Provider], bool], constraint: str) -> list[Provider]:
    kept = [provider for provider in fitting if fits(provider)]
    if not kept:
        raise NothingFits(f"No providers found within {constraint} constraints")
    return kept


def _affordable(most: float | None) -> Callable[[Provider], bool]:
    """By the cost of 1000 tokens in and 500 out, told exactly: who may spend 0.0105 gets what costs 0.0105."""
    if most is None:
        return lambda _: True
    bound = _exact(most)
    return lambda provider: (
        1000 * _exact(provider.cost_per_input_token) + 500 * _exact(provider.cost_per_output_token) <= bound
    )


@lru_cache(maxsize=4096)  # the same prices are asked for with each selection
def _exact(amount: float) -> Decimal:
    return Decimal(str(amount))


def _fast(most: int | None) -> Callable[[Provider], bool]:
    """Only who promised a latency can miss one."""
    return lambda provider: most is None or provider.latency is None or provider.latency <= most


def _winner(fitting: list[Provider], optimization: Optimization) -> tuple[Provider, str]:
    if optimization == "cost":
        return fitting[0], "Lowest cost provider"
    if optimization == "balanced":
        return fitting[0], "Balanced optimization (cost-weighted)"
    promised = [(provider.latency, at) for at, provider in enumerate(fitting) if provider.latency is not None]
    if not promised:
        return fitting[0], "No latency SLO available, selected lowest cost"
    return fitting[min(promised)[1]], "Lowest latency SLO"


# --- keeping ---


class Directory:
    """All providers, in the order in which they first came. Changes of a name keep its place."""

    def __init__(self, store: "Store", *, clock: Clock = now) -> None:
        """Reads what is kept. Raises StoreUnusable."""
        self._store = store
        self._clock = clock
        self._all: Mapping[str, Provider] = {provider.name: provider for provider in store.providers()}

    async def register(self, values: Mapping[str, Any]) -> tuple[Provider, bool]:
        """What the name stands for from now on, selectable again if it was deactivated, and whether the name is new. One that is parked
        is out of the lists until it comes back.

        `values` are what `read_body(REGISTRATION, ...)` gives. Raises StoreUnusable.
        """
        return await self._store.run(self._register, values)

    async def deactivate(self, name: str) -> bool:
        """Whether there is such a provider. It is kept, and neither listed nor selected any more. Raises StoreUnusable."""
        return await self._store.run(self._deactivate, name)

    def active(self, *, model: str = "", min_context: int = 0) -> list[Provider]:
        """An empty model is any."""
        return [
            provider
            for provider in self._all.values()
            if provider.active and (not model or provider.model == model) and provider.context_window >= min_context
        ]

    def find(self, name: str) -> Provider | None:
        """None for one that was deactivated."""
        found = self._all.get(name)
        return found if found is not None and found.active else None

    def select(self, wanted: Wanted) -> Selected:
        """Raises NothingFits."""
        return select(self.active(), wanted)

    def stats(self) -> dict[str, Any]:
        """As the Router's /stats has it."""
        everyone = self._all.values()
        active = [provider for provider in everyone if provider.active]
        models = list(dict.fromkeys(provider.model for provider in active))
        return {
            "active_providers": len(active),
            "inactive_providers": len(everyone) - len(active),
            "unique_models": models,
            "total_models": len(models),
        }

    # These two run in the store's thread, one after the other. The mapping is exchanged as a whole: the loop may be walking over it.

    def _register(self, values: Mapping[str, Any]) -> tuple[Provider, bool]:
        old = self._all.get(values["name"])
        at = self._clock()
        features = tuple(values["features"])
        new = Provider(
            **{**values, "features": features},
            created_at=old.created_at if old is not None else at,
            updated_at=at,
            active=not values["model"].startswith(PARKED),
        )
        self._keep(new)
        return new, old is None

    def _deactivate(self, name: str) -> bool:
        old = self._all.get(name)
        if old is None:
            return False
        if old.active:
            self._keep(replace(old, active=False, updated_at=self._clock()))
        return True

    def _keep(self, provider: Provider) -> None:
        self._store.keep_provider(provider)
        self._all = {**self._all, provider.name: provider}
