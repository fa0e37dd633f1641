"""Each fault that a file can have, once: the small catalog broken in one place gives exactly that fault."""

from typing import Any

import pytest

from polyglot_cloud.catalog import CatalogFault
from polyglot_cloud.catalog.faults import meant

A1, A2 = 'model "a-1"', 'model "a-2"'
ACME = 'provider "acme"'
CALLS = f"{A1}, price 2026-01-01, calls"

BROKEN = [
    # keys
    ("title =", "titel =", ACME, '"titel" is not a key here; did you mean "title"?'),
    ('kind = "chat"\nstatus = "active"', 'kinds = "chat"\nstatus = "active"', A1, 'did you mean "kind"?'),
    ("quirks.budget_min = 10", "quirks.budget = 10", 'abilities "plain"', '"budget" is not a key here'),
    ("above = 500", "abov = 500\nabove = 500", f"{A1}, price 2026-01-01, long context above 500", '"abov" is not'),
    ("batch = { input = 0.5 }", "batch = { input = 0.5 }\ncalls = { search = 1 }", CALLS, '"search" is not a key here'),
    ("batch = { input = 0.5 }", "batch = { input = 0.5 }\ncalls = { web_search = -1 }", CALLS, "web_search is negative"),
    ("batch = { input = 0.5 }", "batch = { inpt = 0.5, input = 0.5 }", f"{A1}, price 2026-01-01, batch", '"inpt" is'),
    ("tiers = { low", 'tiers = { top = "a-1", low', ACME, '"top" is not a key here'),
    # what is missing
    ('id = "a-2"\n', "", "model number 2", "has no id"),
    ('name = "acme"\n', "", "provider number 1", "has no name"),
    ('base_url = "https://api.acme.test/v1"\n', "", ACME, "base_url is missing"),
    ('key_variables = ["ACME_API_KEY"]\n', "", ACME, "key_variables is missing"),
    ('provider = "acme"\nkind = "embedding"', 'kind = "embedding"', 'model "a-embed"', "provider is missing"),
    ('abilities = "plain"\n', "", A1, "states no offers"),
    (
        '  { dialect = "openai_responses", needs = ["tools"] },\n',
        "",
        A2,
        "offers nothing, which only a retired model may",
    ),
    ("effective_from = 2026-12-01\n", "", f"{A1}, price number 2", "effective_from is missing"),
    ("input = 2, output = 5 }\n\n[[model]]", "input = 2 }\n\n[[model]]", f"{A1}, price 2026-12-01", "standard has no rate for output"),
    ("above = 500\n", "", f"{A1}, price 2026-01-01, long context above ?", "above is missing"),
    ("batch = { input = 1 }\n", "", None, "has no rate for batch_input, which the price has"),
    (
        "batch = { input = 1 }\n",
        "batch = { input = 1 }\nflex = { input = 1 }\n",
        None,
        "has a rate for flex_input, which the price has not",
    ),
    # values
    ('title = "Acme"', "title = 7", ACME, "title is not a text"),
    ('title = "Acme"', 'title = " "', ACME, "title is not a text"),
    ('key_example = "ak-..."', "key_example = 7", ACME, "key_example is not a text"),
    ("port = 8100", "port = 0", ACME, "port is zero"),
    ("port = 8100", "port = 70000", ACME, "port 70000 is above 65535"),
    ("port = 8100", "port = true", ACME, "port is not a whole number"),
    ("max_output = 100", "max_output = 1.5", A1, "max_output is not a whole number"),
    ("max_output = 100", "max_output = -1", A1, "max_output is negative"),
    ("successor_is_ours = true", "successor_is_ours = 1", A2, "successor_is_ours is neither true nor false"),
    ("released = 2026-01-01", 'released = "2026-01-01"', A1, "released is not a date"),
    ("released = 2026-01-01", "released = 2026-01-01T10:00:00", A1, "released is not a date"),
    ('aliases = ["a-one"]', 'aliases = "a-one"', A1, "aliases is not a list"),
    ('aliases = ["a-one"]', 'aliases = ["a-one", "a-one"]', A1, 'aliases names "a-one" twice'),
    ("quirks.budget_max = 20", "quirks = 20", A2, "quirks is not a table"),
    ('status = "deprecated"', 'status = "depreciated"', A2, 'status is "depreciated"; did you mean "deprecated"?'),
    ('needs = ["tools", "stop"]', 'needs = ["tool", "stop"]', 'abilities "plain", offer 1', 'did you mean "tools"?'),
    ('efforts = ["low", "high"]', 'efforts = ["high", "low"]', 'abilities "plain"', "efforts is not in the order none"),
    ('efforts = ["low", "high"]', 'efforts = ["lo"]', 'abilities "plain"', 'efforts is "lo"; did you mean "low"?'),
    ('base_url = "https://api.acme.test/v1"', 'base_url = "acme"', ACME, "not a URL that begins with http"),
    ('base_url = "https://api.acme.test/v1"', 'base_url = "https://a.test:x/v1"', ACME, "not a URL"),
    ('base_url = "https://api.acme.test/v1"', 'base_url = "https://a.test/v1?x=1"', ACME, "has a query"),
    ('base_url = "https://api.acme.test/v1"', 'base_url = "https://u:p@a.test/v1"', ACME, "has a query"),
    ('"ACME_API_KEY"', '"ACME-KEY"', ACME, 'names "ACME-KEY", which cannot be an environment variable'),
    ('adapter = "openai"', 'adapter = "opanai"', ACME, 'adapter is "opanai"; did you mean "openai"?'),
    # prices
    ("input = 1, output = 2.5", "input = -1, output = 2.5", f"{A1}, price 2026-01-01, standard", "input is negative"),
    ("output = 2.5", "output = 0.0000375", f"{A1}, price 2026-01-01, standard", "not a whole number of pico-dollars"),
    ("output = 2.5", 'output = "1e3"', f"{A1}, price 2026-01-01, standard", "not an amount in USD"),
    ("output = 2.5", 'output = "-2"', f"{A1}, price 2026-01-01, standard", "output is negative"),
    ("output = 2.5", 'output = "much"', f"{A1}, price 2026-01-01, standard", "not an amount in USD"),
    ("output = 2.5", "output = inf", f"{A1}, price 2026-01-01, standard", "not an amount in USD"),
    ("output = 2.5", "output = true", f"{A1}, price 2026-01-01, standard", "not an amount in USD"),
    ("effective_from = 2026-12-01", "effective_from = 2026-01-01", A1, "price 2026-01-01 stands after price 2026-01"),
    # rows against each other
    ('provider = "acme"\nkind = "embedding"', 'provider = "acne"\nkind = "embedding"', None, 'did you mean "acme"?'),
    ('low = "a-1"', 'low = "a-9"', ACME, 'tier low is "a-9", which is no model of this provider'),
    ('low = "a-1"', 'low = "a-0"', ACME, 'tier low is "a-0", which is no chat model in service'),
    ('low = "a-1"', 'low = "a-embed"', ACME, "no chat model in service"),
    ('default = "medium"', 'default = "high"', ACME, 'default is "high", a tier that this provider has not'),
    ('default = "medium"', 'default = "a-9"', ACME, 'default is "a-9", which is no model of this provider'),
    ('dialect = "openai_responses"', 'dialect = "gemini"', A2, 'offers "gemini", which acme does not speak'),
    (
        '  { dialect = "openai_chat", needs = ["tools", "stop"] },\n',
        '  { dialect = "openai_chat", needs = [] },\n  { dialect = "openai_chat", needs = [] },\n',
        A1,
        "offers one dialect twice",
    ),
    ('aliases = ["a-one"]', 'aliases = ["a-2"]', A1, 'alias "a-2" is already a name of "a-2"'),
    ('aliases = ["a-one"]', 'aliases = ["a-1"]', A1, 'alias "a-1" is already a name of "a-1"'),
    ('aliases = ["a-one"]', 'aliases = ["high"]', A1, '"high" is the name of a tier'),
    ('aliases = ["a-one"]', 'aliases = ["a/../b"]', A1, '"a/../b" has ".." in it'),
    ('id = "a-embed"', 'id = "a-2"', A2, "stands twice in this file"),
    ("max_input = 900", "max_input = 1001", A1, "max_input 1001 is larger than context_window 1000"),
    ("quirks.budget_max = 20", "quirks = { budget_min = 30, budget_max = 20 }", A2, "budget_max 20 is smaller"),
    ("released = 2026-01-01", "released = 2026-01-01\nretires = 2026-01-01", A1, "is not after released"),
    ('successor = "a-1"', 'successor = "a-2"', A2, "successor is the model itself"),
    ('successor = "a-1"', 'successor = "b-1"', A2, 'successor is "b-1", which is no model of acme'),
    ('successor = "a-1"\n', "", A2, "successor_is_ours, but there is no successor"),
    (
        'kind = "embedding"\n',
        'kind = "embedding"\nabilities = "plain"\n',
        'model "a-embed"',
        "is an embedding model, which is offered in no dialect",
    ),
]  # fmt: skip


def one(small: str, old: str, new: str) -> str:
    assert old in small, old
    return small.replace(old, new, 1)


@pytest.mark.parametrize(("old", "new", "entry", "reason"), [row for row in BROKEN if row[2]])
def test_one_fault(faults: Any, small: str, old: str, new: str, entry: str, reason: str) -> None:
    found: list[CatalogFault] = faults(one(small, old, new))
    assert len(found) == 1, [str(fault) for fault in found]
    assert found[0].entry == entry
    assert reason in found[0].reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(old, new, reason) for old, new, entry, reason in BROKEN if entry is None],
)
def test_one_reason(faults: Any, small: str, old: str, new: str, reason: str) -> None:
    (fault,) = faults(one(small, old, new))
    assert reason in fault.reason


@pytest.mark.parametrize("name", ["Acme", "8100", "a b", "a.b"])
def test_provider_names_are_path_segments(faults: Any, small: str, name: str) -> None:
    found = faults(small.replace('"acme"', f'"{name}"'))
    assert [fault.reason for fault in found] == [
        "name must begin with a letter and hold small letters, digits, - and _ only"
    ]


@pytest.mark.parametrize("name", ["any", "health", "chat", "low"])
def test_provider_names_of_our_own_are_refused(faults: Any, small: str, name: str) -> None:
    (fault,) = faults(small.replace('"acme"', f'"{name}"'))
    assert "is a name of our own paths or tiers" in fault.reason


def test_two_providers_cannot_share_a_port(faults: Any) -> None:
    overlay = (
        '[[provider]]\nname = "b"\nadapter = "openai"\nbase_url = "http://b.test"\nkey_variables = []\nport = 8100'
    )
    (fault,) = faults(overlay=overlay)
    assert fault.reason == 'port 8100 is the port of "acme"'


def test_a_provider_must_speak_something(faults: Any) -> None:
    overlay = (
        '[[provider]]\nname = "b"\nadapter = "openai"\nbase_url = "http://b.test"\nkey_variables = []\ndialects = []'
    )
    (fault,) = faults(overlay=overlay)
    assert fault.reason == "dialects names none"


def test_a_group_that_is_unknown_leaves_no_offers(faults: Any, small: str) -> None:
    reasons = [fault.reason for fault in faults(one(small, 'abilities = "plain"', 'abilities = "plein"'))]
    assert reasons[0] == 'abilities names "plein", which is no group; did you mean "plain"?'
    assert reasons[1].startswith("states no offers")


def test_a_group_without_offers_gives_none(faults: Any, small: str) -> None:
    start = small.index("offers = [")
    found = faults(small[:start] + small[small.index("quirks.efforts") :])
    assert [(fault.entry, fault.reason[:16]) for fault in found] == [(A1, "states no offers")]


def test_a_model_cannot_be_retired_before_its_date(faults: Any, small: str) -> None:
    reasons = [fault.reason for fault in faults(one(small, 'status = "deprecated"', 'status = "retired"'))]
    assert "status is retired, but retires 2026-12-01 is after checked 2026-11-22" in reasons


def test_successors_may_not_go_in_a_circle(faults: Any, small: str) -> None:
    circle = one(small, 'abilities = "plain"\n', 'abilities = "plain"\nsuccessor = "a-2"\n')
    assert [fault.reason for fault in faults(circle)] == [
        'successor "a-2" leads back to this model',
        'successor "a-1" leads back to this model',
    ]


def test_a_successor_must_be_in_service(faults: Any, small: str) -> None:
    retired = one(one(small, 'successor = "a-2"\n', ""), 'successor = "a-1"', 'successor = "a-0"')
    (fault,) = faults(retired)
    assert (fault.entry, fault.reason) == (A2, 'successor is "a-0", which is retired itself')


def test_a_circle_elsewhere_does_not_hang(faults: Any, small: str) -> None:
    circle = one(small, 'abilities = "plain"\n', 'abilities = "plain"\nsuccessor = "a-1"\n')
    assert [fault.reason for fault in faults(circle)] == ["successor is the model itself"]


def test_long_context_tiers_ascend(faults: Any, small: str) -> None:
    tier = small[small.index("[[model.price.long_context]]") : small.index("[[model.price]]\neffective_from = 2026-12")]
    (fault,) = faults(one(small, tier, tier + tier))
    assert fault.reason == "price 2026-01-01: long context 500 stands after 500"


@pytest.mark.parametrize(
    ("content", "entry", "reason"),
    [
        ("provider = 7", "provider", "must be written [[provider]]"),
        ("[[abilities]]", "abilities", "must be written [abilities.name]"),
        ("model = [7]", "model 1", "is not a table"),
        ("adapter.x = 7", "adapter x", "is not a table"),
        ("offers = []", "offers", "is no kind of entry"),
        ("[ability.plain]", "ability", 'is no kind of entry; did you mean "abilities"?'),
    ],
)
def test_shapes(faults: Any, content: str, entry: str, reason: str) -> None:
    (fault,) = faults(content)
    assert (fault.entry, fault.reason.startswith(reason)) == (entry, True)


def test_offers_must_be_tables(faults: Any, small: str) -> None:
    reasons = [fault.reason for fault in faults(one(small, "offers = []", "offers = [7]"))]
    assert reasons == ["offers is not a table"]
    reasons = [fault.reason for fault in faults(one(small, "offers = []", "offers = 7"))]
    assert reasons == ["offers is not an array of tables"]


def test_meant_lists_what_there_is_where_nothing_is_near() -> None:
    assert meant("zzz", ["b", "a"]) == "; there are a, b"
    assert meant("zzz", []) == "; there are none"
