"""What an attempt may cost: more than whatever it does cost, for every model with a price."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counter import price as nano_of
from harness import catalog_with
from money.tomlprices import rows
from polyglot_cloud.money.bounds import (
    COUNTING_FRAME,
    LEAST_OUTPUT,
    PLAIN,
    TEMPLATE,
    WITH_TOOLS,
    Bound,
    bound,
    is_all_text,
    is_read_as_text,
    kinds_missing,
    nearer,
)
from polyglot_cloud.money.cost import cost_of
from polyglot_cloud.neutral import Usage
from polyglot_cloud.rows import Model, Price

TODAY = date(2026, 11, 22)
PRICED: list[tuple[Model, Price]] = [
    (model, found) for model in catalog_with(None).rows if (found := model.price_on(TODAY)) is not None
]
NAMES = [f"{model.provider}/{model.id}" for model, _ in PRICED]
TERRA, TERRA_PRICE = next(each for each in PRICED if each[0].id == "gpt-6.1-terra")


def terra(size: int = 100, **changed: Any) -> Bound | None:
    given: dict[str, Any] = {"media": False, "max_tokens": 500, "choices": 1, "value": {}}
    return bound(size, TERRA, TERRA_PRICE, **{**given, **changed})


def test_the_catalog_has_prices() -> None:
    assert len(PRICED) > 40
    assert {model.provider for model, _ in PRICED} >= {"openai", "anthropic", "gemini", "grok"}


def test_text_has_a_token_a_byte_and_the_vendors_frame() -> None:
    found = terra(1000)
    assert found is not None
    assert (found.input, found.output) == (1000 + TEMPLATE, 500)
    standard = [each for each in rows() if each.model == "gpt-6.1-terra" and each.since <= TODAY][-1].tables["standard"]
    dearest = max((kind for kind in standard if kind != "output"), key=lambda kind: standard[kind])
    assert found.nano == nano_of("gpt-6.1-terra", **{dearest: found.input, "output": 500})


def test_no_input_is_longer_than_the_model_takes() -> None:
    found = terra(100_000_000)
    assert found is not None
    assert found.input == TERRA.max_input


def test_media_may_fill_the_whole_input() -> None:
    found = terra(10, media=True)
    assert found is not None
    assert found.input == TERRA.max_input


@pytest.mark.parametrize("maximum", [None, 0, -1])
def test_without_a_maximum_the_models_own_counts(maximum: int | None) -> None:
    found = terra(max_tokens=maximum)
    assert found is not None
    assert found.output == TERRA.max_output


def test_a_small_maximum_may_be_raised_on_its_way() -> None:
    found = terra(max_tokens=1)
    assert found is not None
    assert found.output == LEAST_OUTPUT


def test_where_nobody_says_what_it_writes_it_is_no_more_than_it_can_hold() -> None:
    model = Model("x", "openai", "chat", "active", "test", TODAY, context_window=5_000)
    found = bound(9, model, TERRA_PRICE, media=False, max_tokens=None, choices=1, value={})
    assert found is not None
    assert (found.output, found.maximum) == (5_000, 5_000)


@pytest.mark.parametrize(("model", "price"), PRICED, ids=NAMES)
def test_a_maximum_bounds_all_but_what_is_reasoned_beyond_it(model: Model, price: Price) -> None:
    found = bound(9, model, price, media=False, max_tokens=500, choices=2, value={})
    assert found is not None
    beyond = model.provider == "grok" and "non-reasoning" not in model.id
    assert model.quirks.reasons_beyond_max is beyond
    assert found.output == (2 * (model.context_window or 0) if beyond else 1000)
    assert found.fitting(found.nano) == 500
    if beyond:
        assert found.fitting(found.nano - 1) == -1


def test_each_choice_counts() -> None:
    found = terra(choices=3)
    assert found is not None
    assert found.output == 1500


@pytest.mark.parametrize("value", [{"service_tier": "auto"}, {"serviceTier": "PRIORITY"}, {"speed": "fast"}])
def test_a_call_that_names_a_tier_is_held_at_the_dearest(value: dict[str, str]) -> None:
    dearer = {
        row.model
        for row in rows()
        if any(
            row.tables[tier]["output"] > row.tables["standard"]["output"]
            for tier in {"priority", "fast"} & row.tables.keys()
        )
    }
    found = set()
    for model, price in PRICED:
        plain = bound(9, model, price, media=False, max_tokens=99, choices=1, value={})
        tiered = bound(9, model, price, media=False, max_tokens=99, choices=1, value=value)
        if plain is not None and tiered is not None and tiered.nano > plain.nano:
            found.add(model.id)
    assert found
    assert found == dearer & {model.id for model, _ in PRICED}


def test_without_price_row_or_maximum_there_is_none() -> None:
    given: dict[str, Any] = {"media": False, "choices": 1, "value": {}}
    assert bound(9, None, TERRA_PRICE, max_tokens=1, **given) is None
    assert bound(9, TERRA, None, max_tokens=1, **given) is None
    unlimited = Model("x", "openai", "chat", "active", "test", TODAY)
    assert bound(9, unlimited, TERRA_PRICE, max_tokens=1, **given) is not None
    assert bound(9, unlimited, TERRA_PRICE, max_tokens=None, **given) is None
    assert bound(9, unlimited, TERRA_PRICE, max_tokens=1, **{**given, "media": True}) is None


def test_with_output_is_the_same_with_less_and_never_more() -> None:
    found = terra()
    assert found is not None
    assert found.with_output(500) == found.with_output(10**9) == found.nano > found.with_output(499)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"image_url"}', b'{"type":"input_image"}', b'{"type": "image"}', b'{"type":"document"}', b'{"file":{}}', b'{"inlineData":{}}',  # noqa: E501  # a row of a table
        b'{"file_data":{}}', b'{"previous_response_id":"r"}', b'{"conversation":"c"}', b'{"cachedContent":"x"}', b'{"container":"c"}',
        b'{"type":"item_reference","id":"i"}', b'{"type":"im\\u0061ge"}', b'{"file\\u005fid":"f"}', b'{"type":"container_upload"}',
        b'{"type":"video_url"}', b'{"type":"input_audio"}', b'{"prompt":{"id":"p"}}',
    ],
)  # fmt: skip
def test_what_has_more_tokens_than_bytes_is_seen(body: bytes) -> None:
    assert not is_all_text(body)
    assert is_all_text(b'{"messages":[{"role":"user","content":"hello"}]}')


DETAILS = (
    "cache_write",
    "cache_write_5m",
    "cache_write_30m",
    "cache_write_1h",
    "cache_write_12h",
    "input_audio",
    "input_image",
)


@st.composite
def usages(draw: st.DrawFn, most: Bound) -> Usage:
    """Any usage within the counts, of tiers that the bound was told of."""
    read = draw(st.integers(0, most.input))
    written = draw(st.integers(0, most.output))
    left, details = read, {}
    for kind in draw(st.lists(st.sampled_from(DETAILS), unique=True)):
        details[kind] = draw(st.integers(0, left))
        left -= details[kind]
    tiers = [None, "standard", "default", "flex", "batch", *(("priority", "fast") if most.tiers else ())]
    return Usage(
        read, written, draw(st.integers(0, left)), draw(st.integers(0, written)), details, draw(st.sampled_from(tiers))
    )


@pytest.mark.parametrize(("model", "price"), PRICED, ids=NAMES)
def test_no_usage_within_the_counts_costs_more(model: Model, price: Price) -> None:
    @settings(max_examples=12, deadline=None)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        value = data.draw(st.sampled_from([{}, {"service_tier": "priority"}, {"speed": "fast"}]))
        size = data.draw(st.one_of(st.integers(0, 5000), st.integers(0, 2_000_000)))
        maximum = data.draw(st.one_of(st.none(), st.integers(1, 300_000)))
        most = bound(size, model, price, media=data.draw(st.booleans()), max_tokens=maximum, choices=1, value=value)
        if most is not None:
            assert cost_of(data.draw(usages(most)), price).nano <= most.nano

    law()


# --- nearer ---

SAID = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"content": [{"type": "tool_result", "content": [{"type": "image", "source": {}}]}]}]},
        {"contents": {"parts": {"inlineData": {"data": "x"}}}},
        {"contents": [{"parts": [{"functionResponse": {"parts": [{"inline_data": {}}]}}]}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"previous_response_id": "r", "input": "x"},
        {"cachedContent": "c"},
        {"container": "c"},
        {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
    ],
)
def test_what_is_more_than_its_bytes_is_seen_in_its_place(value: dict[str, Any]) -> None:
    assert not is_read_as_text(value)


@pytest.mark.parametrize(
    "value",
    [
        SAID,
        {**SAID, "tools": [{"input_schema": {"properties": {"file": {"type": "image"}}}}]},
        {"messages": [{"content": [{"type": "tool_use", "input": {"file": "x", "image_url": "y"}}]}]},
        {"contents": [{"parts": [{"functionCall": {"args": {"file": "x"}}}]}], "cachedContent": None},
        {"messages": [{"content": 'a text that says "image_url"'}], "response_format": {"json_schema": {"file": {}}}},
        {"messages": [1, None, {"type": ["image"]}]},
    ],
)
def test_a_name_elsewhere_is_no_more_than_a_name(value: dict[str, Any]) -> None:
    assert is_read_as_text(value)


def test_a_nearer_bound_has_a_smaller_frame_and_fewer_kinds() -> None:
    first = terra(100)
    assert first is not None
    plain = nearer(first, b"x" * 100, SAID, media=False, tools=False)
    tools = nearer(first, b"x" * 100, SAID, media=False, tools=True)
    assert (plain.input, tools.input) == (100 + PLAIN, 100 + WITH_TOOLS)
    assert plain.nano < tools.nano < first.nano
    assert plain.output == first.output
    assert nearer(first, b"x", SAID, media=True, tools=False) == first
    assert nearer(first, b'"\\u0066ile"', SAID, media=False, tools=False) == first


def test_caches_are_written_for_long_only_where_that_is_asked_for() -> None:
    assert kinds_missing(b'{"ttl":"1h"}') == {"input_audio", "cache_write_12h"}
    assert kinds_missing(b'{"ttl":"12h"}') == {"input_audio", "cache_write_1h"}


def test_a_count_is_taken_with_its_margin_and_never_raises_a_bound() -> None:
    first = terra(10_000)
    assert first is not None
    counted = first.counted(2_001, 5)
    assert (counted.input, counted.told) == (2_001 + 101 + COUNTING_FRAME, True)
    assert first.counted(10**9, 5).nano == first.nano


@pytest.mark.parametrize(("model", "price"), PRICED, ids=NAMES)
def test_what_is_nearer_still_bounds_and_what_is_clamped_fits(model: Model, price: Price) -> None:
    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        size, choices = data.draw(st.integers(0, 900_000)), data.draw(st.integers(1, 4))
        maximum = data.draw(st.one_of(st.none(), st.integers(17, 200_000)))
        value = data.draw(st.sampled_from([{}, {"service_tier": "priority"}]))
        most = bound(size, model, price, media=False, max_tokens=maximum, choices=choices, value=value)
        if most is None:
            return
        mark = data.draw(st.sampled_from([b"", b'"1h"', b'"12h"']))
        truer = nearer(most, mark.ljust(size), SAID, media=False, tools=data.draw(st.booleans()))
        assert truer.nano <= most.nano
        usage = data.draw(usages(truer))
        if not truer.without & usage.details.keys() and not ("cache_write" in usage.details and truer.without):
            assert cost_of(usage, price).nano <= truer.nano
        room = data.draw(st.integers(0, most.nano))
        fits = truer.fitting(room)
        assert fits <= truer.maximum
        if fits >= 0:
            assert truer.writing(fits).nano <= room
            assert fits == truer.maximum or truer.writing(fits + 1).nano > room
        else:
            assert truer.lidless or truer.writing(LEAST_OUTPUT).nano > room

    law()
