"""The cases under fixtures/openai_responses, and the laws that every recorded or written stream must keep."""

import json
from pathlib import Path
from typing import Any

import pytest

from dialects.openai_responses.bodies import faults
from dialects.openai_responses.replies import grammar_faults, play, read
from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.errors import CredentialRefused, ProviderError, QuotaExhausted, RateLimited, Refused, classify
from polyglot_cloud.neutral import Failed, Finished, collect

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_responses"
CASES = sorted(path.name for path in FIXTURES.iterdir())


def has(name: str) -> list[str]:
    return [case for case in CASES if (FIXTURES / case / name).exists()]


def load(case: str, name: str) -> Any:
    return json.loads((FIXTURES / case / name).read_text())


@pytest.mark.parametrize("case", CASES)
def test_every_case_says_where_it_is_from(case: str) -> None:
    assert {"origin", "model", "date", "source"} <= load(case, "origin.json").keys()


@pytest.mark.parametrize("case", has("request.json"))
def test_requests_fit_the_vendors_schema(case: str) -> None:
    assert faults(load(case, "request.json")) == []


@pytest.mark.parametrize("case", has("stream.sse"))
def test_law_modes_agree(case: str) -> None:
    events = play((FIXTURES / case / "stream.sse").read_bytes())
    assert grammar_faults(events) == []
    if load(case, "origin.json").get("twins"):
        assert collect(events) == read(load(case, "response.json"))
        assert isinstance(events[-1], Finished)
    else:
        assert isinstance(events[-1], Failed)


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("case", has("stream.sse"))
def test_law_chunking(case: str, size: int) -> None:
    stream = (FIXTURES / case / "stream.sse").read_bytes()
    assert play(stream, size) == play(stream)
    assert play(stream.replace(b"\n", b"\r\n"), size) == play(stream)


@pytest.mark.parametrize("case", has("stream.sse"))
def test_law_truncation(case: str) -> None:
    """A stream cut anywhere before the end of its last event's data never reports success."""
    stream = (FIXTURES / case / "stream.sse").read_bytes().removesuffix(b"data: [DONE]\n\n").rstrip(b"\n")
    cuts = [*range(0, len(stream), 97), len(stream) - 1]
    for cut in cuts:
        events = play(stream[:cut])
        assert isinstance(events[-1], Failed)
        assert grammar_faults(events) == []


def test_a_failed_response_is_an_error() -> None:
    with pytest.raises(RateLimited, match="Rate limit reached"):
        read(load("failed", "response.json"))


@pytest.mark.parametrize(
    ("case", "leaf"),
    [
        ("error_rate_limit", RateLimited),
        ("error_quota", QuotaExhausted),
        ("error_unsupported", Refused),
        ("error_grok_key", Refused),
    ],
)
def test_error_bodies(case: str, leaf: type[ProviderError]) -> None:
    """That xAI's 400 is about the key is for the provider to know: it has no code for it."""
    status = load(case, "origin.json")["status"]
    error = classify(status, DIALECT.read_error(status, (FIXTURES / case / "error.json").read_bytes(), {}))
    assert type(error) is leaf
    assert not isinstance(error, CredentialRefused)
    assert error.message
