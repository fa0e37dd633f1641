"""The names of variables: how a provider's are formed, and which of those that are set mean nothing to us."""

import difflib
import re
from collections.abc import Iterable, Iterator

from polyglot_cloud.grants import Period
from polyglot_cloud.rows import TIERS, ProviderRow, Tier
from polyglot_cloud.settings.problems import Problem
from polyglot_cloud.settings.sources import Sources

PREFIX = "POLYGLOT_"
ENVIRONMENT_ONLY = tuple(f"{PREFIX}{name}" for name in ("ENV_FILE", "SANDBOX_DELAY_MS", "VENV"))
"""Read before there is a `.env` file, or by what reads none: the sandbox's stand-ins and the scripts."""

BUDGET_PERIODS: tuple[Period, ...] = ("day", "week", "month", "run")
"""Those that a variable can cap; the configuration file knows more."""
OF_A_BUDGET = re.compile(rf"{PREFIX}BUDGET_([A-Z0-9_]+)_USD_PER_(?:DAY|WEEK|MONTH|RUN)")


def stem(provider: str) -> str:
    """The provider's name as it stands in variables: "my-llm" -> "MY_LLM"."""
    return re.sub(r"[^A-Z0-9]", "_", provider.upper())


def port(provider: str) -> str:
    return f"{PREFIX}PORT_{stem(provider)}"


def base_url(provider: str) -> str:
    return f"{PREFIX}{stem(provider)}_BASE_URL"


def budget(provider: str, period: str) -> str:
    """The cap of one provider; POLYGLOT_BUDGET_USD_PER_<PERIOD> is the process's."""
    return f"{PREFIX}BUDGET_{stem(provider)}_USD_PER_{period.upper()}"


def default_model(provider: str) -> str:
    return f"{stem(provider)}_MODEL_NAME"


def tier_model(provider: str, tier: Tier) -> str:
    return f"{stem(provider)}_MODEL_NAME_{tier.upper()}"


def organization(provider: str) -> tuple[str, ...]:
    return f"{stem(provider)}_ORG_ID", f"{stem(provider)}_ORGANIZATION"


def project(provider: str) -> tuple[str, ...]:
    return f"{stem(provider)}_PROJECT_ID", f"{stem(provider)}_PROJECT"


def of_provider(row: ProviderRow) -> set[str]:
    """Every variable that speaks of this provider."""
    return {
        *row.key_variables, *row.base_url_variables, port(row.name), base_url(row.name), default_model(row.name),
        *(tier_model(row.name, tier) for tier in TIERS), *organization(row.name), *project(row.name),
        *(budget(row.name, period) for period in BUDGET_PERIODS),
    }  # fmt: skip


def unknown(sources: Sources, own: Iterable[str], rows: Iterable[ProviderRow]) -> Iterator[Problem]:
    """Variables that look like ours and are none: a limit with a typing error must never be silent.

    Ours by look: whatever begins with POLYGLOT_, and a provider's MODEL_NAME with something after it.
    """
    rows = tuple(rows)
    known = {*own, *ENVIRONMENT_ONLY}.union(*(of_provider(row) for row in rows))
    bare = {name.removeprefix(PREFIX): name for name in sorted(known)}
    models = tuple(default_model(row.name) for row in rows)
    for name, origin in sources.names():
        if name not in known and name.upper().startswith((PREFIX, *models)):
            word = name.upper().removeprefix(PREFIX)
            begun = [
                each for each in bare if each.startswith(word.removesuffix("S"))
            ]  # what is left unfinished comes first
            alike = difflib.get_close_matches(word, begun or bare, n=1, cutoff=0.55)
            meant = f" Did you mean {bare[alike[0]]}?" if alike else ""
            yield Problem(f"is no setting, and has no effect.{meant}", name, str(origin), "warning")


def misspelt(sources: Sources, variables: Iterable[str], known: Iterable[str]) -> str | None:
    """A variable that is set, means nothing to us and is nearly one of `variables`: OPENAI_APIKEY."""
    strays = sorted({name for name, _ in sources.names()}.difference(known))
    for variable in variables:
        if alike := difflib.get_close_matches(variable, strays, n=1, cutoff=0.9):
            return alike[0]
    return None
