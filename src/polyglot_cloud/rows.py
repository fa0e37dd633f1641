"""The catalog's row types: what may be said of a provider and of a model. Plain frozen records that every layer may read.

They stand here, below all else, because dialects, providers and the catalog need them and may not know each other.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from polyglot_cloud.neutral import Need

Tier = Literal["low", "medium", "high"]
TIERS: tuple[Tier, ...] = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a model deviates from its dialect. The defaults are for a model that nobody described: everything passes.

    efforts          effort words it takes, weakest first; () = it has no such setting; None = unknown, pass on
    default_effort   the word that counts where none is sent; None = unknown
    thinking         Anthropic: of adaptive, enabled, disabled, between_tools. Gemini: "level" or "budget". () = none; None = unknown
    budget_min/max   bounds of a thinking budget in tokens; budget_min 0 means that thinking can be switched off
    budget_zero      a budget of 0 switches thinking off although `budget_min` is larger
    sampling         "any"; "one" (temperature or top_p, not both); "effort_none" (only while reasoning is off); "none" (refused);
                     "ignored" (accepted without effect)
    penalties        takes presence_penalty and frequency_penalty
    forced_tools     takes tool_choice required or named
    prefill          a last assistant message is continued
    inner_system     takes a system message among the others (Anthropic)
    schema_with_tools takes a response schema and tools in one request (Gemini)
    strict_max_output a larger output maximum than `max_output` is refused, so it is clamped
    bound_thinking   reasoning state is refused once the conversation before it was edited
    cache_marks      takes explicit prompt-cache breakpoints in OpenAI's dialects
    image_types      media types of images it takes; () = unknown
    refused          top-level body fields of the upstream dialect that this host refuses although the dialect has them
    """

    efforts: tuple[str, ...] | None = None
    default_effort: str | None = None
    thinking: tuple[str, ...] | None = None
    budget_min: int = 0
    budget_max: int | None = None
    budget_zero: bool = False
    sampling: Literal["any", "one", "effort_none", "none", "ignored"] = "any"
    penalties: bool = True
    forced_tools: bool = True
    prefill: bool = True
    inner_system: bool = False
    schema_with_tools: bool = True
    strict_max_output: bool = False
    bound_thinking: bool = False
    cache_marks: bool = False
    image_types: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """A dialect in which a model can be asked, with the needs it can serve there natively."""

    dialect: str
    needs: frozenset[Need]


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-dollars (1e-12 USD) per token: every published price is a whole number of them.

    By kind of token: "input", "output", "cache_read", "cache_write", "cache_write_1h", "cache_write_12h", "input_audio",
    "reasoning_output", and the same under "batch_", "flex_" and "priority_".
    """

    pico_per_token: dict[str, int] = field(hash=False)  # so that a price can be the key of what is worked out from it


@dataclass(frozen=True, slots=True)
class LongContext:
    """Rates for the whole request once the prompt (cached tokens included) is larger than `above`, or equal where `inclusive`."""

    above: int
    inclusive: bool
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from `effective_from` on. `source` says where the figure stands."""

    effective_from: date
    rates: Rates
    long_context: tuple[LongContext, ...]
    source: str

    def __hash__(self) -> int:
        return hash((self.effective_from, self.source))  # what is worked out from a price is looked up with every call


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `prices` are in the order of their dates; empty: nobody knows. `successor` is a model of the same provider.

    `successor_is_ours`: no vendor published it. `retires` None: no date is known. `capabilities` are routing tags for the swarm.
    `features` are what the vendor says it can do (vision, pdf, web_search, ...); `offers` are in the order of our preference.
    """

    id: str
    provider: str
    kind: Literal["chat", "embedding"]
    status: Literal["active", "deprecated", "retired"]
    source: str
    checked: date
    aliases: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    prices: tuple[Price, ...] = ()
    released: date | None = None
    retires: date | None = None
    successor: str | None = None
    successor_is_ours: bool = False
    capabilities: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    modalities_in: tuple[str, ...] = ()
    modalities_out: tuple[str, ...] = ()
    quirks: Quirks = field(default_factory=Quirks)
    notes: tuple[str, ...] = ()

    def retired_on(self, today: date) -> bool:
        return self.status == "retired" or (self.retires is not None and self.retires <= today)

    def price_on(self, today: date) -> Price | None:
        """The row in force, None where no price is known for that day."""
        in_force = [price for price in self.prices if price.effective_from <= today]
        return in_force[-1] if in_force else None


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A host. `adapter` names the class in providers/ that knows its habits; `dialects` are what it speaks, preferred first.

    `base_url` ends with the version segment. `key_variables` are the names of its key in the environment, the winner first.
    `tiers` maps low, medium, high to model ids; `default` is a model id or a tier. `port` None: no listener of its own.
    """

    name: str
    title: str
    adapter: str
    base_url: str
    base_url_variables: tuple[str, ...]
    key_variables: tuple[str, ...]
    key_example: str
    key_page: str
    dialects: tuple[str, ...]
    tiers: dict[Tier, str]
    default: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Who a request is written for. `model` is the id as it goes on the wire, `row` None where the catalog does not know it."""

    provider: str
    model: str
    quirks: Quirks
    max_output: int | None = None
    known: bool = False
