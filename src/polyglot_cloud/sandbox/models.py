"""What each cloud's models are and will take: the sandbox's own table, as of 2026-11-22, apart from config/catalog.toml.

Sources: the vendors' pages and SDKs as gathered on that day (limits, effort levels, retirements), one row a model.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class OpenAI:
    """`chat_tools`: function tools in chat completions: always, never, or only with effort none. `chat` False: Responses only."""

    id: str
    efforts: tuple[str, ...] = ()
    default_effort: str = "medium"
    chat: bool = True
    chat_tools: Literal["yes", "no", "effort none"] = "yes"
    output: int = 128_000
    context: int = 1_050_000
    created: int = 1_757_000_000
    shutdown: str | None = None
    vision: bool = True
    snapshot: str = ""

    @property
    def reasons(self) -> bool:
        return bool(self.efforts)


@dataclass(frozen=True, slots=True)
class Claude:
    """`thinking`: the types the field takes. `on`: thinks unless told otherwise. `bound`: thinking blocks belong to their conversation."""

    id: str
    thinking: tuple[str, ...]
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    default_effort: str = "high"
    on: bool = False
    display: Literal["summarized", "omitted"] = "summarized"
    forced_choice: bool = True
    prefill: bool = False
    sampling: bool = False
    system_turns: bool = True
    bound: bool = False
    output: int = 128_000
    context: int = 1_000_000
    cache_least: int = 1024
    created: str = "2026-01-01"
    retires: str | None = None
    deprecated: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return self.id.split("-")[1]


@dataclass(frozen=True, slots=True)
class Gemini:
    """`levels`: values of thinkingLevel (Gemini 3 and later); a model without takes thinkingBudget, at least `least_budget`."""

    id: str
    levels: tuple[str, ...] = ()
    default_level: str = "high"
    least_budget: int = 0
    can_stop_thinking: bool = True
    title: str = ""
    stage: str = "STABLE"
    aliases: tuple[str, ...] = ()

    @property
    def signs(self) -> bool:
        """Whether function calls must come back with their thought signature."""
        return bool(self.levels)


@dataclass(frozen=True, slots=True)
class Grok:
    """`price`: input, output, cached, in US cents per 100 million tokens, which is ticks per token (10**10 ticks are a dollar).

    `encrypted`: returns its reasoning encrypted without being asked. `shows`: chat answers carry `reasoning_content`.
    """

    id: str
    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    reasons: bool = True
    chat: bool = True
    tools: bool = True
    encrypted: bool = False
    shows: bool = False
    context: int = 500_000
    price: tuple[int, int, int] = (20_000, 60_000, 5_000)
    created: int = 1_773_000_000
    aliases: tuple[str, ...] = field(default=())


_LOW_TO_MAX = ("low", "medium", "high", "xhigh", "max")
_NONE_TO_MAX = ("none", *_LOW_TO_MAX)
_NONE_TO_XHIGH = _NONE_TO_MAX[:-1]
_CLASSIC = ("minimal", "low", "medium", "high")

OPENAI = {
    model.id: model
    for model in (
        OpenAI("gpt-6.2-astra", _LOW_TO_MAX, chat_tools="no", created=1_794_873_600),
        OpenAI("gpt-6.2-sol", _LOW_TO_MAX, chat_tools="no", created=1_794_873_600),
        OpenAI("gpt-6.1-sol", _LOW_TO_MAX, chat_tools="no", created=1_790_640_000),
        OpenAI("gpt-6.1-terra", _LOW_TO_MAX, chat_tools="no", created=1_792_972_800),
        OpenAI("gpt-6-astra", _LOW_TO_MAX, chat_tools="no", created=1_788_480_000),
        OpenAI("gpt-6-sol", _NONE_TO_MAX, chat_tools="effort none", created=1_790_035_200),
        OpenAI("gpt-6-luna", _NONE_TO_MAX, chat_tools="effort none", created=1_790_035_200),
        OpenAI("gpt-5.6-sol", _NONE_TO_MAX, chat_tools="effort none", created=1_783_555_200),
        OpenAI("gpt-5.6-terra", _NONE_TO_MAX, chat_tools="effort none", created=1_783_555_200),
        OpenAI("gpt-5.6-luna", _NONE_TO_MAX, chat_tools="effort none", created=1_783_555_200),
        OpenAI("gpt-5.5", _NONE_TO_XHIGH, created=1_776_902_400, snapshot="2026-04-23"),
        OpenAI("gpt-5.4", _NONE_TO_XHIGH, "none", created=1_772_668_800, snapshot="2026-03-05"),
        OpenAI("gpt-5.4-mini", _NONE_TO_XHIGH, "none", context=400_000, created=1_773_705_600, snapshot="2026-03-17"),
        OpenAI(
            "gpt-5.4-nano",
            _NONE_TO_XHIGH,
            "none",
            context=400_000,
            created=1_773_705_600,
            shutdown="2027-04-01",
            snapshot="2026-03-17",
        ),
        OpenAI("gpt-5.2", _NONE_TO_XHIGH, "none", context=400_000, created=1_765_411_200, snapshot="2025-12-11"),
        OpenAI(
            "gpt-5.1",
            _NONE_TO_XHIGH[:-1],
            "none",
            context=400_000,
            created=1_762_992_000,
            shutdown="2027-04-01",
            snapshot="2025-11-13",
        ),
        OpenAI("gpt-5.5-pro", _NONE_TO_XHIGH, chat=False, created=1_776_902_400),
        OpenAI("gpt-5.4-pro", _NONE_TO_XHIGH, chat=False, created=1_772_668_800),
        OpenAI(
            "gpt-5.2-pro", _NONE_TO_XHIGH, chat=False, context=400_000, created=1_765_411_200, snapshot="2025-12-11"
        ),
        OpenAI(
            "gpt-5.3-codex", _NONE_TO_XHIGH, chat=False, context=400_000, created=1_770_249_600, shutdown="2027-04-01"
        ),
        OpenAI("gpt-5", _CLASSIC, context=400_000, created=1_754_524_800, shutdown="2026-12-11", snapshot="2025-08-07"),
        OpenAI(
            "gpt-5-mini", _CLASSIC, context=400_000, created=1_754_524_800, shutdown="2026-12-11", snapshot="2025-08-07"
        ),
        OpenAI(
            "gpt-5-nano", _CLASSIC, context=400_000, created=1_754_524_800, shutdown="2026-12-11", snapshot="2025-08-07"
        ),
        OpenAI(
            "o3",
            _CLASSIC[1:],
            context=200_000,
            output=100_000,
            created=1_744_761_600,
            shutdown="2026-12-11",
            snapshot="2025-04-16",
        ),
        OpenAI(
            "gpt-5-pro",
            _NONE_TO_XHIGH,
            chat=False,
            output=272_000,
            context=400_000,
            created=1_759_708_800,
            shutdown="2026-12-11",
        ),
        OpenAI(
            "o3-pro",
            _CLASSIC[1:],
            chat=False,
            context=200_000,
            output=100_000,
            created=1_749_513_600,
            shutdown="2026-12-11",
        ),
        OpenAI(
            "gpt-4.1",
            output=32_768,
            context=1_047_576,
            created=1_744_588_800,
            shutdown="2027-01-14",
            snapshot="2025-04-14",
        ),
        OpenAI(
            "gpt-4.1-mini",
            output=32_768,
            context=1_047_576,
            created=1_744_588_800,
            shutdown="2027-01-14",
            snapshot="2025-04-14",
        ),
        OpenAI(
            "gpt-4o",
            output=16_384,
            context=128_000,
            created=1_715_558_400,
            shutdown="2027-01-14",
            snapshot="2024-08-06",
        ),
        OpenAI(
            "gpt-4o-mini",
            output=16_384,
            context=128_000,
            created=1_721_260_800,
            shutdown="2027-01-14",
            snapshot="2024-07-18",
        ),
    )
}
OPENAI_ALIASES = {"gpt-5.6": "gpt-5.6-sol"} | {
    f"{row.id}-{row.snapshot}": row.id for row in OPENAI.values() if row.snapshot
}
OPENAI_RETIRED = frozenset(
    {
        "gpt-5-codex",
        "gpt-4-turbo",
        "gpt-3.5-turbo",
        "gpt-4",
        "gpt-5.1-codex",
        "gpt-5.2-codex",
        "o1",
        "o1-mini",
        "o4-mini",
    }
)
OPENAI_EMBEDDINGS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}

_ALWAYS = ("adaptive",)
_SWITCH = ("adaptive", "disabled")
_BUDGET = ("enabled", "disabled")

CLAUDE = {
    model.id: model
    for model in (
        Claude("claude-fable-5-2", _ALWAYS, on=True, forced_choice=False, cache_least=512, created="2026-11-09"),
        Claude("claude-mythos-5-2", _ALWAYS, on=True, forced_choice=False, cache_least=512, created="2026-11-09"),
        Claude("claude-opus-5-5", _ALWAYS, default_effort="medium", created="2026-09-22", on=True, forced_choice=False,
        cache_least=512, bound=True),
        Claude(
            "claude-sonnet-5-5", ("adaptive", "between_tools"), display="omitted", created="2026-09-28",
            on=True, forced_choice=False, cache_least=512, bound=True,
        ),
        Claude("claude-haiku-5-5", _SWITCH, default_effort="medium", cache_least=512, created="2026-10-07"),
        Claude("claude-fable-5-1", _ALWAYS, on=True, forced_choice=False, cache_least=512, created="2026-09-01"),
        Claude("claude-mythos-5-1", _ALWAYS, on=True, forced_choice=False, cache_least=512, created="2026-09-01"),
        Claude("claude-opus-5", _SWITCH, on=True, cache_least=512, created="2026-07-24"),
        Claude("claude-sonnet-5", _SWITCH, system_turns=False, created="2026-06-29"),
        Claude("claude-fable-5", _ALWAYS, on=True, cache_least=512, created="2026-06-07"),
        Claude("claude-mythos-5", _ALWAYS, on=True, cache_least=512, created="2026-06-07"),
        Claude("claude-opus-4-8", _SWITCH, created="2026-05-28"),
        Claude("claude-opus-4-7", _SWITCH, system_turns=False, cache_least=2048, created="2026-04-14"),
        Claude(
            "claude-opus-4-6", ("adaptive", "enabled", "disabled"), ("low", "medium", "high", "max"),
            sampling=True, system_turns=False, cache_least=4096, created="2026-02-04",
        ),
        Claude(
            "claude-sonnet-4-6", ("adaptive", "enabled", "disabled"), ("low", "medium", "high", "max"),
            sampling=True, system_turns=False, created="2026-02-17",
        ),
        Claude(
            "claude-opus-4-5-20251101", _BUDGET, ("low", "medium", "high"), prefill=True, sampling=True, system_turns=False, output=64_000,
            context=200_000, cache_least=4096, created="2025-11-24", aliases=("claude-opus-4-5",),
        ),
        Claude(
            "claude-haiku-4-5-20251001", _BUDGET, (), prefill=True, sampling=True, system_turns=False, output=64_000, context=200_000,
            cache_least=4096, created="2025-10-15", aliases=("claude-haiku-4-5",),
        ),
        Claude(
            "claude-sonnet-4-5-20250929", _BUDGET, (), prefill=True, sampling=True, system_turns=False, output=64_000, context=200_000,
            created="2025-09-29", retires="2026-11-30", deprecated=True, aliases=("claude-sonnet-4-5",),
        ),
    )
}  # fmt: skip
CLAUDE_ALIASES = {alias: model.id for model in CLAUDE.values() for alias in model.aliases}

_LEVELS = ("minimal", "low", "medium", "high")
GEMINI = {
    model.id: model
    for model in (
        Gemini("gemini-4-carbon", _LEVELS[1:], "medium", title="Gemini 4 Carbon"),
        Gemini("gemini-4-argon", _LEVELS[1:], "medium", title="Gemini 4 Argon"),
        Gemini("gemini-4-hydrogen", (*_LEVELS[1:], "xhigh"), title="Gemini 4 Hydrogen"),
        Gemini("gemini-3.8-flash", _LEVELS[1:], "medium", title="Gemini 3.8 Flash", aliases=("gemini-flash-latest",)),
        Gemini("gemini-3.7-flash", _LEVELS[1:], "medium", title="Gemini 3.7 Flash"),
        Gemini("gemini-3.6-flash", _LEVELS, "medium", title="Gemini 3.6 Flash"),
        Gemini("gemini-3.5-flash", _LEVELS, "medium", title="Gemini 3.5 Flash"),
        Gemini(
            "gemini-3.5-flash-lite",
            _LEVELS,
            "minimal",
            title="Gemini 3.5 Flash-Lite",
            aliases=("gemini-flash-lite-latest",),
        ),
        Gemini(
            "gemini-3.1-pro-preview",
            _LEVELS[1:],
            title="Gemini 3.1 Pro",
            stage="PREVIEW",
            aliases=("gemini-pro-latest",),
        ),
        Gemini("gemini-3.1-flash-lite", _LEVELS, "minimal", title="Gemini 3.1 Flash-Lite"),
        Gemini("gemini-3-flash-preview", _LEVELS, title="Gemini 3 Flash", stage="PREVIEW"),
        Gemini("gemini-2.5-pro", least_budget=128, can_stop_thinking=False, title="Gemini 2.5 Pro", stage="DEPRECATED"),
        Gemini("gemini-2.5-flash", title="Gemini 2.5 Flash", stage="DEPRECATED"),
        Gemini("gemini-2.5-flash-lite", least_budget=512, title="Gemini 2.5 Flash-Lite"),
    )
}
GEMINI_ALIASES = {alias: model.id for model in GEMINI.values() for alias in model.aliases}
GEMINI_EMBEDDINGS = {"gemini-embedding-2": 3072, "gemini-embedding-001": 3072}

_NONE_TO_HIGH = ("none", "low", "medium", "high")
GROK = {
    model.id: model
    for model in (
        Grok("grok-4.7", _NONE_TO_XHIGH[1:], "high", encrypted=True),
        Grok("grok-4.6", _NONE_TO_XHIGH[1:], "high"),
        Grok("grok-4.5", _NONE_TO_HIGH[1:], "high", price=(20_000, 60_000, 3_000), aliases=("grok-4.5-latest", "grok-build-latest")),
        Grok("grok-4.3", _NONE_TO_HIGH, "low", shows=True, context=1_000_000, price=(12_500, 25_000, 2_000), aliases=("grok-4.3-latest",)),
        Grok(
            "grok-4.20-0309-reasoning", context=1_000_000, price=(12_500, 25_000, 2_000),
            aliases=("grok-4.20", "grok-4.20-0309", "grok-4.20-reasoning", "grok-4.20-reasoning-latest"),
        ),
        Grok(
            "grok-4.20-0309-non-reasoning", reasons=False, context=1_000_000, price=(12_500, 25_000, 2_000),
            aliases=("grok-4.20-non-reasoning", "grok-4.20-non-reasoning-latest"),
        ),
        Grok(
            "grok-build-0.1", shows=True, context=256_000, price=(10_000, 20_000, 2_000),
            aliases=("grok-code-fast", "grok-code-fast-1-0825"),
        ),
        Grok(
            "grok-4.20-multi-agent-0309", chat=False, tools=False, context=1_000_000, price=(12_500, 25_000, 2_000),
            aliases=("grok-4.20-multi-agent", "grok-4.20-multi-agent-latest"),
        ),
    )
}  # fmt: skip
GROK_ALIASES = {alias: model.id for model in GROK.values() for alias in model.aliases}
GROK_RETIRED = frozenset(
    {
        "grok-beta",
        "grok-1",
        "grok-4-0709",
        "grok-4",
        "grok-3",
        "grok-3-mini",
        "grok-4-fast-reasoning",
        "grok-4-1-fast-reasoning",
        "grok-code-fast-1",
    }
)

THINKING = {"none": 0, "minimal": 4, "low": 8, "medium": 16, "high": 32, "xhigh": 48, "max": 64}
"""Tokens that thinking costs in the sandbox, by effort: enough to be seen in a bill, few enough to leave room for an answer."""
