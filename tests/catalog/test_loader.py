import re
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud.catalog import BrokenCatalog, Catalog, Choices, default_path, load

TODAY = date(2026, 11, 22)


def test_small_catalog_reads_whole(write: Any) -> None:
    catalog = load(write())
    row = catalog.names["acme"]["a-1"]
    assert catalog.names["acme"]["a-one"] is row
    assert row.offers[0].dialect == "openai_chat"
    assert row.offers[0].needs == {"tools", "stop"}
    assert row.quirks.efforts == ("low", "high")
    assert row.quirks.budget_min == 10
    assert row.quirks.refused == {"metadata"}
    assert [price.effective_from for price in row.prices] == [date(2026, 1, 1), date(2026, 12, 1)]
    assert row.prices[0].rates.pico_per_token == {
        "input": 1_000_000, "output": 2_500_000, "cache_read": 100_000, "batch_input": 500_000,
    }  # fmt: skip
    tier = row.prices[0].long_context[0]
    assert (tier.above, tier.inclusive, tier.rates.pico_per_token["output"]) == (500, True, 5_000_000)
    provider = catalog.providers["acme"]
    assert provider.base_url_variables == ("ACME_BASE_URL",)
    assert provider.tiers == {"low": "a-1", "medium": "a-2"}


def test_model_quirks_stand_over_those_of_its_group(write: Any, small: str) -> None:
    own = small.replace('abilities = "plain"', 'abilities = "plain"\nquirks.efforts = ["low"]')
    quirks = load(write(own)).names["acme"]["a-1"].quirks
    assert (quirks.efforts, quirks.budget_min) == (("low",), 10)


def test_catalog_cannot_be_changed(write: Any) -> None:
    catalog = load(write())
    with pytest.raises(FrozenInstanceError):
        catalog.choices = Choices()  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        catalog.names["acme"]["x"] = catalog.rows[0]  # type: ignore[index]  # the point of the test


def test_long_context_tiers_may_be_several(write: Any, small: str) -> None:
    tier = small[small.index("[[model.price.long_context]]") : small.index("[[model.price]]\neffective_from = 2026-12")]
    catalog = load(write(small.replace(tier, tier + tier.replace("500", "700"))))
    assert [tier.above for tier in catalog.names["acme"]["a-1"].prices[0].long_context] == [500, 700]


def test_default_path_is_the_wheels_where_it_is_there(tmp_path: Path) -> None:
    package = tmp_path / "src" / "polyglot_cloud"
    (package / "config").mkdir(parents=True)
    assert default_path(package) == tmp_path / "config" / "catalog.toml"
    (package / "config" / "catalog.toml").touch()
    assert default_path(package) == package / "config" / "catalog.toml"


# --- a user's own file ---


def test_four_lines_add_a_provider(write: Any) -> None:
    overlay = """
        [[provider]]
        name = "local"
        adapter = "openai"
        base_url = "http://127.0.0.1:11434/v1/"
        key_variables = []
    """
    catalog = load(overlay=write(overlay))
    row = catalog.providers["local"]
    assert (row.title, row.base_url, row.dialects) == ("local", "http://127.0.0.1:11434/v1", ("openai_chat",))
    assert (row.port, row.tiers, row.default, row.base_url_variables) == (None, {}, "", ())
    found = catalog.resolve("local/llama-9:8b", provider=None, today=TODAY)
    assert (found.provider, found.wire_model, found.row, found.priced) == ("local", "llama-9:8b", None, False)
    assert catalog.plan(found, "openai_chat", frozenset({"tools", "n"})).dialect == "openai_chat"


def test_an_anthropic_compatible_provider_speaks_its_adapters_dialect(write: Any) -> None:
    overlay = """
        [[provider]]
        name = "relay"
        adapter = "anthropic"
        base_url = "https://relay.test/v1"
        key_variables = ["RELAY_KEY"]
        [[model]]
        id = "claude-sonnet-5-5"
        provider = "relay"
        abilities = "claude-5"
        source = "relay.test"
        checked = 2026-11-22
    """
    catalog = load(overlay=write(overlay))
    assert catalog.providers["relay"].dialects == ("anthropic",)
    assert catalog.names["relay"]["claude-sonnet-5-5"].prices == ()
    assert catalog.names["anthropic"]["claude-sonnet-5-5"].prices
    plain = catalog.resolve("claude-sonnet-5-5", provider=None, today=TODAY)
    assert plain.provider == "anthropic"  # the catalog's order: ours before the user's
    assert catalog.resolve("relay/claude-sonnet-5-5", provider=None, today=TODAY).provider == "relay"


def test_a_provider_with_a_medium_tier_has_it_as_default(write: Any, small: str) -> None:
    assert load(write(small.replace('default = "medium"\n', ""))).providers["acme"].default == "medium"


def test_overlay_overrides_field_by_field(write: Any) -> None:
    overlay = """
        [[provider]]
        name = "acme"
        base_url = "https://proxy.test/v1"
        [abilities.plain]
        quirks.efforts = ["high"]
        [[model]]
        id = "a-1"
        max_output = 50
        [[model.price]]
        effective_from = 2026-02-02
        source = "our contract"
        standard = { input = 0.25, output = 1 }
    """
    catalog = load(write(), write(overlay, "own.toml"))
    row = catalog.names["acme"]["a-1"]
    assert (row.max_output, row.max_input) == (50, 900)
    assert [price.source for price in row.prices] == ["our contract"]
    assert row.quirks.efforts == ("high",)
    assert row.quirks.budget_min == 0  # `quirks` is one field: the whole of it is replaced
    assert catalog.providers["acme"].base_url == "https://proxy.test/v1"
    assert catalog.providers["acme"].title == "Acme"


@pytest.mark.parametrize(
    ("overlay", "foreign"),
    [
        (None, set()),
        ('[[provider]]\nname = "acme"\ntitle = "A"', set()),
        ('[[provider]]\nname = "acme"\nbase_url = "https://elsewhere.test"', {"acme"}),
        ('[[provider]]\nname = "acme"\nkey_variables = ["OTHER_KEY"]', {"acme"}),
        ('[[provider]]\nname = "b"\nadapter = "openai"\nbase_url = "https://b.test"\nkey_variables = []', {"b"}),
    ],
)
def test_who_says_where_a_key_goes_is_known(write: Any, overlay: str | None, foreign: set[str]) -> None:
    assert load(write(), write(overlay, "own.toml") if overlay else None).foreign == foreign


def test_a_fault_names_the_file_its_field_stands_in(faults: Any) -> None:
    overlay = '[[model]]\nid = "a-1"\nmax_output = -1\n'
    (fault,) = faults(overlay=overlay)
    assert fault.file.name == "own.toml"
    assert str(fault).endswith('own.toml: model "a-1": max_output is negative')


def test_an_entry_without_provider_is_refused_where_several_have_the_model(faults: Any) -> None:
    two = """
        [[provider]]
        name = "other"
        adapter = "openai"
        base_url = "https://other.test"
        key_variables = []
        [[model]]
        id = "a-1"
        provider = "other"
        abilities = "plain"
        source = "x"
        checked = 2026-11-22
        [[model]]
        id = "a-1"
        max_output = 3
    """
    reasons = [fault.reason for fault in faults(overlay=two)]
    assert "provider is missing, and several have this model: acme, other" in reasons


def test_all_faults_come_together(faults: Any, small: str) -> None:
    broken = small.replace("max_output = 100", "max_output = 0").replace('"ACME_API_KEY"', '"ACME API KEY"')
    found = faults(broken.replace('status = "deprecated"', 'status = "old"'))
    assert [fault.entry for fault in found] == ['provider "acme"', 'model "a-1"', 'model "a-2"']


def test_the_examples_of_the_documentation_work(write: Any) -> None:
    page = default_path().parents[1] / "docs" / "catalog.md"
    if not page.is_file():
        pytest.skip("not in a checkout")
    examples = re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(examples) == 3
    catalog = load(overlay=write("\n".join(examples)))
    llama = catalog.names["local"]["llama-9"]
    assert [price.rates.pico_per_token["output"] for price in llama.prices] == [800_000, 1_000_000]
    assert catalog.names["openai"]["gpt-6.2-sol"].prices[0].rates.pico_per_token["cache_write"] == 2_250_000
    assert catalog.names["openai"]["gpt-6.2-sol"].offers


# --- files that cannot be read ---


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BrokenCatalog, match=r"nowhere\.toml: the file: cannot be read"):
        load(overlay=tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_is_one_fault(faults: Any) -> None:
    (fault,) = faults("[[model]\n")
    assert fault.reason.startswith("is not TOML: ")
    assert "line 1" in fault.reason


def test_a_file_that_is_no_utf8_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'title = "\xe9"')
    with pytest.raises(BrokenCatalog, match="is not UTF-8"):
        load(path)


def test_the_installed_catalog_loads(real: Catalog) -> None:
    assert list(real.providers) == ["openai", "anthropic", "gemini", "grok"]
