from typing import Any

import pytest

from dialects.openai_responses.bodies import PLAIN, REASONER, SWITCHABLE, TALKER, body, lost, request, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Reasoning, Sampling
from polyglot_cloud.rows import Quirks

ALL = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize(
    ("efforts", "asked", "sent"),
    [
        (None, "max", "max"),
        (ALL, "minimal", "minimal"),
        (("low", "medium", "high"), "minimal", "low"),
        (("none", "low"), "minimal", "low"),
        (("low", "medium", "high"), "max", "high"),
        (("low", "medium", "high", "xhigh"), "max", "xhigh"),
        (("low", "medium", "high"), "xhigh", "high"),
        (("low", "medium", "high"), "none", "low"),
        (("none", "low", "high"), "none", "none"),
        (("none", "high"), "low", "high"),
        (("low", "high"), "medium", "low"),
        (("none",), "high", "none"),
    ],
)
def test_trap_24_effort_is_the_nearest_that_the_model_takes(
    efforts: tuple[str, ...] | None, asked: str, sent: str
) -> None:
    written = write(request(reasoning=Reasoning(asked)), Quirks(efforts=efforts))
    assert written.body["reasoning"]["effort"] == sent
    assert lost(written) == ([] if sent == asked else [("/reasoning_effort", "approximated")])


def test_trap_24_a_model_without_effort_is_not_asked_for_any() -> None:
    written = write(request(reasoning=Reasoning("high", summary="auto")), TALKER)
    assert "reasoning" not in written.body
    assert lost(written) == [("/reasoning_effort", "dropped")]


@pytest.mark.parametrize(("budget", "effort"), [(0, "none"), (1024, "low"), (8000, "medium"), (60_000, "high")])
def test_trap_24_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    written = write(request(reasoning=Reasoning(budget=budget)))
    assert written.body["reasoning"]["effort"] == effort
    assert lost(written) == [("/reasoning/budget", "approximated")]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (Reasoning(), None),
        (Reasoning("none"), {"effort": "none"}),
        (Reasoning("none", summary="detailed"), {"effort": "none"}),
        (Reasoning("low"), {"effort": "low", "summary": "auto"}),
        (Reasoning("low", summary="detailed"), {"effort": "low", "summary": "detailed"}),
        (Reasoning(summary="concise"), {"summary": "concise"}),
    ],
)
def test_a_summary_comes_with_any_effort(asked: Reasoning, sent: dict[str, str] | None) -> None:
    assert body(request(reasoning=asked)).get("reasoning") == sent


BOTH = Sampling(temperature=1, top_p=0.5)


@pytest.mark.parametrize(
    ("quirks", "effort", "sent"),
    [
        (PLAIN, "high", {"temperature": 1, "top_p": 0.5}),
        (TALKER, None, {"temperature": 1, "top_p": 0.5}),
        (Quirks(sampling="one"), None, {"temperature": 1}),
        (REASONER, None, {}),
        (Quirks(sampling="ignored"), None, {}),
        (SWITCHABLE, "none", {"temperature": 1, "top_p": 0.5}),
        (SWITCHABLE, None, {}),
        (SWITCHABLE, "low", {}),
    ],
)
def test_trap_26_sampling_goes_where_it_is_taken(quirks: Quirks, effort: str | None, sent: dict[str, Any]) -> None:
    written = write(request(sampling=BOTH, reasoning=Reasoning(effort)), quirks)
    assert {name: written.body[name] for name in ("temperature", "top_p") if name in written.body} == sent
    assert lost(written) == [(f"/{name}", "dropped") for name in ("temperature", "top_p") if name not in sent]


def test_sampling_of_one_kind_passes_top_p_alone() -> None:
    assert body(request(sampling=Sampling(top_p=0)), Quirks(sampling="one"))["top_p"] == 0


def test_trap_33_penalties_and_top_k_are_dropped_aloud() -> None:
    written = write(request(sampling=Sampling(top_k=5, presence_penalty=0, frequency_penalty=0.5)))
    assert lost(written) == [("/top_k", "dropped"), ("/presence_penalty", "dropped"), ("/frequency_penalty", "dropped")]


@pytest.mark.parametrize(("asked", "sent"), [(3, 3), (0, None)])
@pytest.mark.parametrize(("quirks", "effort"), [(PLAIN, None), (TALKER, None), (SWITCHABLE, "none")])
def test_trap_31_logprobs(asked: int, sent: int | None, quirks: Quirks, effort: str | None) -> None:
    written = write(request(logprobs=asked, reasoning=Reasoning(effort)), quirks)
    assert "message.output_text.logprobs" in written.body["include"]
    assert written.body.get("top_logprobs") == sent


@pytest.mark.parametrize(
    ("quirks", "effort"),
    [
        (SWITCHABLE, None),
        (SWITCHABLE, "low"),
        (REASONER, None),
        (Quirks(refused=frozenset({"top_logprobs"})), None),
        (Quirks(refused=frozenset({"include"})), None),
    ],
)
def test_trap_31_logprobs_are_refused_while_the_model_reasons(quirks: Quirks, effort: str | None) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(logprobs=0, reasoning=Reasoning(effort)), quirks)
    assert caught.value.param == "logprobs"
