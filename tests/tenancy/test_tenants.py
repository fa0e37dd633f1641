import pytest

from polyglot_cloud.errors import NotAllowed
from polyglot_cloud.grants import Cap, Grant, Hash, KeyRow, TenantRow
from polyglot_cloud.tenancy.tenants import Principal, principal

HASH = Hash("0" * 64)


def who(key: Grant, *tenants: Grant) -> Principal:
    line = [TenantRow(f"t{number}", grant=grant) for number, grant in enumerate(tenants)]
    return principal(KeyRow("key_a", "t0", (HASH,), grant=key), line, "UTC")


ALL = Grant()
CASES = [
    (ALL, "openai", ("gpt-6",), True),
    (Grant(providers=("openai",)), "openai", ("gpt-6",), True),
    (Grant(providers=("openai",)), "grok", ("gpt-6",), False),
    (Grant(models=("gpt-6",)), "openai", ("gpt-6",), True),
    (Grant(models=("gpt-6",)), "openai", ("gpt-6-mini",), False),
    (Grant(models=("gpt-6",)), "openai", ("gpt-6-2026-01-01", "gpt-6"), True),
    (Grant(models=("gpt-6*",)), "openai", ("gpt-6-mini",), True),
    (Grant(models=("gpt-6*",)), "openai", ("gpt-5",), False),
    (Grant(models=("openai/gpt-6",)), "openai", ("gpt-6",), True),
    (Grant(models=("openai/gpt-6",)), "grok", ("gpt-6",), False),
    (Grant(models=("openai/*",)), "openai", ("anything",), True),
    (Grant(models=("openai/*", "grok-4")), "grok", ("grok-4",), True),
    (Grant(models=("*",)), "grok", ("grok-4",), True),
    (Grant(models=("GPT-6",)), "openai", ("gpt-6",), False),
]


@pytest.mark.parametrize(("grant", "provider", "names", "fine"), CASES)
@pytest.mark.parametrize("holder", [0, 1, 2])
def test_whoever_restricts_the_model_binds(
    grant: Grant, provider: str, names: tuple[str, ...], fine: bool, holder: int
) -> None:
    grants = [ALL, ALL, ALL]
    grants[holder] = grant
    found = who(*grants)
    assert found.allows(provider, *names) is fine
    if fine:
        found.check_target(provider, *names)
    else:
        with pytest.raises(NotAllowed, match="may not use") as told:
            found.check_target(provider, *names)
        assert told.value.status == 403
        assert ["The key key_a", "The tenant t0", "The tenant t1"][holder] in told.value.message


def test_a_key_can_do_no_more_than_all_above_it() -> None:
    found = who(Grant(models=("*",)), Grant(models=("gpt-6*", "claude-5")), Grant(models=("claude-*",)))
    assert found.allows("anthropic", "claude-5")
    assert not found.allows("openai", "gpt-6")
    assert not found.allows("anthropic", "claude-4")


def test_faces() -> None:
    found = who(Grant(faces=("any", "openai")))
    found.check_face("any")
    with pytest.raises(NotAllowed, match=r"may not call the face grok\. It may call: any, openai") as told:
        found.check_face("grok")
    assert told.value.should_retry is False


def test_the_nearest_alias_counts_and_all_budgets_do() -> None:
    key = Grant(aliases={"fast": "a/1"}, budgets=(Cap("day", 1),), tags=("x",), limits={"concurrent_calls": 1})
    tenant = Grant(aliases={"fast": "b/2", "best": "b/3"}, budgets=(Cap("day", 2, "Europe/Berlin"),), tags=("y", "x"))
    parent = Grant(aliases={"best": "c/4"}, budgets=(Cap("once", 3), Cap("call", 4)))
    found = who(key, tenant, parent)
    assert found.aliases == {"fast": "a/1", "best": "b/3"}
    assert [(budget.id, budget.limit, budget.zone) for budget in found.budgets] == [
        ("key:key_a/day", 1, "UTC"),
        ("tenant:t0/day", 2, "Europe/Berlin"),
        ("tenant:t1/once", 3, "UTC"),
        ("tenant:t1/call", 4, "UTC"),
    ]
    assert found.tags == ("x", "y")
    assert found.limits == (("key:key_a", {"concurrent_calls": 1}),)
    assert (found.tenant, found.lineage) == ("t0", ("t0", "t1"))


def test_a_tenant_sees_its_own_alone() -> None:
    found = who(ALL, ALL, ALL)
    assert [found.sees(tenant) for tenant in ("t0", "t1", "")] == [True, False, False]
