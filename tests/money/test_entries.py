import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.money.entries import GENESIS, KINDS, LARGEST, AttemptIds, Entry, canonical, line_of, linker, spelled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_facts_are_spelled_in_one_way_whatever_their_order(facts: dict[str, Any]) -> None:
    text = spelled(facts)
    assert json.loads(text) == facts
    assert text == spelled(dict(reversed(facts.items())))


def test_a_lone_surrogate_is_spelled_too() -> None:
    assert spelled({"b": "\ud800", "a": 1}) == '{"a":1,"b":"\\ud800"}'


def test_the_canonical_bytes_are_json_of_all_that_an_entry_says() -> None:
    data = canonical(3, 1_795_305_600_000_000, "held", 'a"b', 500, spelled({"z": 1, "a": "ü"}))
    assert data.decode() == '[3,1795305600000000,"held","a\\"b",500,{"a":"ü","z":1}]'


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("lent", "a"), "no kind 'lent'"),  # type: ignore[arg-type]  # what a caller without a type checker does
        (Entry("held", "a", -1), "0 to"),
        (Entry("held", "a", LARGEST + 1), "0 to"),
        (Entry("held", "a\0b"), "printable"),
        (Entry("held", "\ud800"), "printable"),
        (Entry("held", "a", 1, {"x": {1, 2}.__iter__()}), "must be JSON"),
    ],
)
def test_what_no_journal_can_hold_is_refused(entry: Entry, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        line_of(entry, 0)


def test_the_chain_is_sha256_and_with_a_key_hmac() -> None:
    assert linker(None)(GENESIS, b"[1]") == hashlib.sha256(bytes(32) + b"[1]").digest()
    assert linker(b"key")(GENESIS, b"[1]") == hmac.new(b"key", bytes(32) + b"[1]", "sha256").digest()


def test_the_kinds_are_those_of_the_design() -> None:
    attempts = {"held", "tightened", "settled", "released", "unknown", "freed", "overrun", "repriced"}
    assert attempts | {"alerted", "delivered", "undelivered", "limited"} == KINDS


def test_attempts_ids_are_new_each_and_stand_in_the_order_of_time() -> None:
    now = 1_795_305_600_000_000

    def clock() -> int:
        nonlocal now
        now += 1
        return now

    ids = AttemptIds(clock)
    found = [ids.next() for _ in range(3 * AttemptIds.LOT)]
    assert found == sorted(found)
    assert {len(id_) for id_ in found} == {28}
    assert len({id_[17:] for id_ in found}) == len(found)
