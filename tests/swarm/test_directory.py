from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.swarm.directory import OPTIMIZATIONS, NothingFits, Provider, Selected, Wanted, select

FEATURES = ("chat", "vision", "code")
MODELS = ("a", "b")
COSTS = st.sampled_from([0.0, 1e-06, 3e-06, 1.5e-05, 1e-05, 2.0])
SLOS = st.one_of(
    st.none(),
    st.just({}),
    st.builds(
        lambda told: {"latency_p95_ms": told}, st.sampled_from([100, 250.5, 900, 0, -5, None, "fast", True, 10**400])
    ),
)

PROVIDERS = st.lists(
    st.builds(
        Provider, name=st.just(""), model=st.sampled_from(MODELS), context_window=st.sampled_from([1, 1000, 2_000_000]),
        cost_per_input_token=COSTS, cost_per_output_token=COSTS, endpoint=st.just("http://x"),
        features=st.lists(st.sampled_from(FEATURES), unique=True).map(tuple), slo=SLOS, metadata=st.none(),
        created_at=st.just(0), updated_at=st.just(0),
    ),
    max_size=8,
).map(lambda found: [replace(each, name=f"p{at}") for at, each in enumerate(found)])  # fmt: skip
WANTED = st.builds(
    Wanted, model=st.sampled_from(["", *MODELS, "c"]), context_window=st.sampled_from([None, 0, 1000, 2_000_000]),
    features=st.one_of(st.none(), st.lists(st.sampled_from(FEATURES))), optimization=st.sampled_from(OPTIMIZATIONS),
    max_cost_usd=st.sampled_from([None, None, 0.0, 0.0105, 100.0]), max_latency_ms=st.sampled_from([None, None, 0, 250, 900]),
)  # fmt: skip


def typical(provider: Provider) -> Decimal:
    return 1000 * Decimal(str(provider.cost_per_input_token)) + 500 * Decimal(str(provider.cost_per_output_token))


def promised(provider: Provider) -> float | None:
    told: Any = (provider.slo or {}).get("latency_p95_ms")
    return told if type(told) in {int, float} and told > 0 else None


def fits(provider: Provider, wanted: Wanted) -> bool:
    """What is wanted, said once more and plainly."""
    latency = promised(provider)
    return all(
        (
            wanted.model in {"", provider.model},
            provider.context_window >= (wanted.context_window or 0),
            all(feature in provider.features for feature in wanted.features or ()),
            wanted.max_cost_usd is None or typical(provider) <= Decimal(str(wanted.max_cost_usd)),
            wanted.max_latency_ms is None or latency is None or latency <= wanted.max_latency_ms,
        )
    )


def cost(provider: Provider) -> float:
    return (provider.cost_per_input_token + provider.cost_per_output_token) / 2


@given(PROVIDERS, WANTED)
def test_laws_of_selecting(providers: list[Provider], wanted: Wanted) -> None:
    fitting = [provider for provider in providers if fits(provider, wanted)]
    try:
        found = select(providers, wanted)
    except NothingFits:
        assert not fitting
        return
    assert found.provider in fitting
    assert found.provider not in found.alternatives
    others = [each for each in sorted(fitting, key=lambda each: (cost(each), each.name)) if each != found.provider]
    assert list(found.alternatives) == others[:2]
    known = [latency for each in fitting if (latency := promised(each)) is not None]
    if wanted.optimization == "latency" and known:
        assert promised(found.provider) == min(known)
        assert found.reason == "Lowest latency SLO"
        fastest = [each for each in fitting if promised(each) == min(known)]
    else:
        fastest = fitting
    assert (cost(found.provider), found.provider.name) == min((cost(each), each.name) for each in fastest)


def provider(name: str, price: float = 1e-6, latency: float | None = None, **given: object) -> Provider:
    slo = None if latency is None else {"latency_p95_ms": latency}
    made = Provider(name, "m", 1000, price, price, "http://x", ("chat",), slo, None, 0, 0)
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own names


@pytest.mark.parametrize(
    ("optimization", "winner", "reason"),
    [
        ("cost", "cheap", "Lowest cost provider"),
        ("balanced", "cheap", "Balanced optimization (cost-weighted)"),
        ("latency", "fast", "Lowest latency SLO"),
    ],
)
def test_who_wins_by_what(optimization: str, winner: str, reason: str) -> None:
    everyone = [provider("fast", 3e-6, 100), provider("cheap", 1e-6), provider("slow", 2e-6, 200)]
    found = select(everyone, Wanted("m", optimization=optimization))  # type: ignore[arg-type]  # a row of the table
    assert (found.provider.name, found.reason) == (winner, reason)
    assert [each.name for each in found.alternatives] == [name for name in ("cheap", "slow", "fast") if name != winner]


def test_latency_without_a_promise_is_cost() -> None:
    found = select([provider("b", 2e-6), provider("a", 1e-6)], Wanted("m", optimization="latency"))
    assert (found.provider.name, found.reason) == ("a", "No latency SLO available, selected lowest cost")


def test_of_equals_the_first_wins() -> None:
    assert select([provider("z"), provider("a")], Wanted()).provider.name == "z"
    assert select([provider("z", 2e-6, 5), provider("a", 1e-6, 5)], Wanted(optimization="latency")).provider.name == "a"


def test_a_budget_of_exactly_the_cost_is_enough() -> None:
    assert 1000 * 1e-07 + 500 * 1.5e-06 > 0.00085  # as floats have it
    exact = provider("x", cost_per_input_token=1e-07, cost_per_output_token=1.5e-06)
    assert select([exact], Wanted(max_cost_usd=0.00085)).provider is exact
    with pytest.raises(NothingFits):
        select([exact], Wanted(max_cost_usd=0.00084))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("nope"), "No providers found matching requirements: model='nope' context_window=None features=None"),
        (
            Wanted("m", 5000, ("x",)),
            "No providers found matching requirements: model='m' context_window=5000 features=['x']",
        ),
        (Wanted("m", max_cost_usd=0), "No providers found within budget constraints"),
        (Wanted("m", max_latency_ms=10), "No providers found within latency constraints"),
    ],
)
def test_where_nothing_fits(wanted: Wanted, said: str) -> None:
    with pytest.raises(NothingFits) as caught:
        select([provider("a", latency=100)], wanted)
    assert str(caught.value) == said


def test_one_alone_has_no_alternatives() -> None:
    only = provider("a")
    assert select([only], Wanted()) == Selected(only, (), "Lowest cost provider")
