"""What is written for a provider from a large body's skeleton is what would be written from the whole body."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects import cases
from dialects.cases import Case
from dialects.chat_requests import chat_requests
from dialects.outbound import makers, subjects
from translate.grown import Body, encoded, grown, outcomes
from vendor_schemas import Subject

STORE = Path(__file__).parents[2].parent / "shared" / "wire" / "store"


def by_dialect() -> list[list[Subject]]:
    found: dict[tuple[str, str], list[Subject]] = {}
    for subject in subjects():
        found.setdefault((subject.provider, subject.dialect), []).append(subject)
    return list(found.values())


def check(body: Body, chosen: list[Subject], seed: int) -> None:
    random = Random(seed)
    for subject in chosen:
        long = grown(body | {"model": subject.wire_model}, random)
        whole, cut = outcomes(subject, long, encoded(long, random))
        assert cut == whole, str(subject)


@st.composite
def asked(draw: Any) -> tuple[Subject, Body]:
    subject = draw(st.sampled_from(by_dialect()).flatmap(st.sampled_from))
    return subject, draw(chat_requests(subject.wire_model, makers(subject)))


@given(asked(), st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example])
def test_generated_requests(given: tuple[Subject, Body], seed: int) -> None:
    subject, body = given
    others = [group[seed % len(group)] for group in by_dialect()]
    check(body, [subject, *others], seed)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in cases.cases("request.json", names=["openai_chat"])]
)
def test_every_fixture_to_every_model(case: Case) -> None:
    check(case.json("request"), list(subjects()), 1)


def recorded() -> Iterator[Body]:
    for store in sorted(STORE.glob("*.jsonl.gz")):
        for row in map(json.loads, gzip.decompress(store.read_bytes()).splitlines()):
            if row["endpoint"].endswith("chat/completions") and row["request"].get("messages"):
                yield row["request"]


@pytest.mark.skipif(not STORE.exists(), reason="the recordings are not here")
def test_recorded_requests() -> None:
    chosen = [group[0] for group in by_dialect()]
    for seed, body in enumerate(recorded()):
        check(body, chosen, seed)
