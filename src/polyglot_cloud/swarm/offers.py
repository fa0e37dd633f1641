"""Which models are announced, and what is said of each: the catalog's facts in the Router's words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from polyglot_cloud.catalog import Catalog, Resolution, Retired
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.hosts import in_url, is_wildcard
from polyglot_cloud.rows import TIERS, Model
from polyglot_cloud.swarm import names

EARLIER = (
    "gpt-5-codex", "gpt-4-turbo", "gpt-3.5-turbo", "claude-sonnet-4-5-20250929", "claude-haiku-4-5",
    "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "grok-beta", "grok-1",
)  # fmt: skip
"""What the earlier adapters registered, or were planned to: whoever selects by these names shall find something."""


CHAT = "openai_chat"
"""Spoken at every provider's listener; the vendor's own dialects pass there as well."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A provider as the swarm sees it. `endpoint` is its listener's base URL without a path; `port` is the listener's."""

    provider: str
    endpoint: str
    port: int
    has_key: bool


@dataclass(frozen=True, slots=True)
class Ours:
    """What the swarm's client asks about this process, anew in each round. None of it may wait.

    providers   those with a listener, as soon as their ports are known
    p95_ms      of a provider's last calls, None where there were none
    in_flight   calls of a provider that run now
    """

    providers: Callable[[], Sequence[Listening]]
    p95_ms: Callable[[str], float | None]
    in_flight: Callable[[str], int]
    today: Callable[[], date]
    version: str


def endpoint(host: str, port: int) -> str:
    """Where a listener is reached from this machine."""
    return f"http://{in_url('127.0.0.1' if is_wildcard(host) else host)}:{port}"


@dataclass(frozen=True, slots=True)
class Offering:
    """One (provider, model) as it is registered. `answered_by` is the model that answers, where it has another name."""

    provider: str
    model: str
    endpoint: str
    context_window: int
    cost_per_input_token: float
    cost_per_output_token: float
    features: tuple[str, ...]
    dialects: tuple[str, ...]
    answered_by: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        return self.provider, self.model

    def body(self, name: str, version: str, p95_ms: float | None, *, parked: bool = False) -> dict[str, Any]:
        """What POST /register takes. `slo` is always an object: the real Router breaks on null under "latency"."""
        metadata: dict[str, Any] = {"provider": self.provider, "version": version, "dialects": list(self.dialects)}
        if self.answered_by is not None:
            metadata["answered_by"] = self.answered_by
        if parked:
            metadata["parked"] = self.model
        return {
            "name": name,
            "model": names.parked(self.model) if parked else self.model,
            "context_window": self.context_window,
            "cost_per_input_token": self.cost_per_input_token,
            "cost_per_output_token": self.cost_per_output_token,
            "endpoint": self.endpoint,
            "features": list(self.features),
            "slo": {} if p95_ms is None else {"latency_p95_ms": round(p95_ms)},
            "metadata": metadata,
        }


@dataclass(frozen=True, slots=True)
class Range:
    """What is announced, and in words what was asked for and cannot be."""

    offerings: tuple[Offering, ...]
    problems: tuple[str, ...]


def offerings(
    catalog: Catalog, listening: Sequence[Listening], extra: Sequence[str], retired: Retired, today: date
) -> Range:
    """The default and the tiers of each provider that has a key, what the settings name beside them, and under `successor` the earlier
    names. `extra` are "provider/model" or "provider/tier".
    """
    found: dict[tuple[str, str], Offering] = {}
    problems: list[str] = []
    for each in listening:
        if not each.has_key:
            continue
        for model, resolve in _named(catalog, each.provider, extra, retired, today):
            try:
                resolution = resolve()
                offering = _offering(catalog, each, model, resolution, today)
            except (GatewayError, _Unfit) as error:
                problems.append(f"{each.provider}/{model or 'default'} is not announced: {error}")
            else:
                found.setdefault(offering.pair, offering)
    return Range(tuple(found.values()), tuple(dict.fromkeys(problems)))


class _Unfit(Exception):
    """A model that the Router could not be told the truth about."""


def _named(
    catalog: Catalog, provider: str, extra: Sequence[str], retired: Retired, today: date
) -> Iterator[tuple[str | None, Callable[[], Resolution]]]:
    """(the name to announce, None: the one that goes on the wire; how to find out who answers to it)."""

    def asking(name: str | None, retired: Retired) -> Callable[[], Resolution]:
        return lambda: catalog.resolve(name, provider=provider, today=today, retired=retired)

    yield None, asking(None, retired)
    for tier in catalog.tiers(provider):
        yield None, asking(tier, retired)
    for head, _, name in (each.partition("/") for each in extra):
        if head == provider:
            yield None if name in TIERS else name, asking(name, retired)
    if retired == "successor":
        for name in _earlier(catalog, provider, today):
            yield name, asking(name, retired)


def _earlier(catalog: Catalog, provider: str, today: date) -> Iterator[str]:
    yield from (name for name in EARLIER if catalog.model(provider, name) is not None)
    for row in catalog.rows:
        if row.provider == provider and row.kind == "chat" and row.successor and row.retired_on(today):
            yield row.id


def _offering(
    catalog: Catalog, listening: Listening, model: str | None, resolution: Resolution, today: date
) -> Offering:
    row = resolution.row
    if row is None:
        raise _Unfit("the catalog does not know it, so its price and context window would be made up")
    if row.kind != "chat":
        raise _Unfit(f"it is no chat model, it is for {row.kind}")
    window = row.context_window or row.max_input
    if window is None:
        raise _Unfit("the catalog has no context window of it")
    rates = _rates(row, today)
    if "input" not in rates or "output" not in rates:
        raise _Unfit("the catalog has no price of it for today, and without one it would look free")
    model = model or resolution.wire_model
    if len(model) > names.LONGEST:
        raise _Unfit(f"its name is longer than the Router's {names.LONGEST} characters")
    asked = catalog.model(listening.provider, model)
    return Offering(
        provider=listening.provider,
        model=model,
        endpoint=listening.endpoint,
        context_window=names.context_window(window),
        cost_per_input_token=names.per_token(rates["input"]),
        cost_per_output_token=names.per_token(rates["output"]),
        features=names.tags(row, *([asked] if asked is not None and asked is not row else [])),
        dialects=tuple(dict.fromkeys((CHAT, *catalog.providers[listening.provider].dialects))),
        answered_by=None if model == resolution.wire_model else resolution.wire_model,
    )


def _rates(row: Model, today: date) -> Mapping[str, int]:
    price = row.price_on(today)
    return price.rates.pico_per_token if price is not None else {}
