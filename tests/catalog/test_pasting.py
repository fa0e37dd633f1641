"""Lines to paste: what they lack, and that they mend it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from polyglot_cloud.catalog import Catalog, lacks, lines_for, load
from polyglot_cloud.rows import Model

TODAY = date(2026, 11, 23)
LOCAL = '[[provider]]\nname = "local"\nadapter = "openai"\nbase_url = "http://127.0.0.1:1/v1"\nkey_variables = []\n'


@pytest.fixture
def row(real: Catalog) -> Model:
    found = real.model("openai", "gpt-6.1-terra")
    assert found is not None
    return found


def test_what_is_missing_is_named(row: Model) -> None:
    assert lacks(None, TODAY) == "the catalog does not have this model"
    bare = replace(row, prices=(), max_input=None, context_window=None, max_output=None)
    assert lacks(bare, TODAY).endswith("no price and no limit of input and no limit of output for this model")
    assert lacks(row, TODAY).endswith("no bound for this model")


def test_limits_alone_need_no_price(real: Catalog, row: Model) -> None:
    bare = replace(row, max_input=None, context_window=None, max_output=None)
    assert lines_for("openai", row.id, bare, real, TODAY).splitlines() == [
        "[[model]]", 'id = "gpt-6.1-terra"', "context_window = 1000000", "max_output = 128000",
    ]  # fmt: skip


def test_a_host_without_models_gets_offers_for_what_it_speaks(tmp_path: Path) -> None:
    overlay = tmp_path / "own.toml"
    overlay.write_text(LOCAL)
    lines = lines_for("local", "odd/name:7b", None, load(overlay=overlay), TODAY)
    overlay.write_text(LOCAL + lines)
    found = load(overlay=overlay).model("local", "odd/name:7b")
    assert found is not None
    assert [offer.dialect for offer in found.offers] == ["openai_chat"]
    price = found.price_on(TODAY)
    assert price is not None
    assert price.rates.pico_per_token["input"] > 0
