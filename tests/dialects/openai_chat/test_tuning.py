from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import tuning
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Format, Loss, Reasoning, Request, Sampling
from polyglot_cloud.rows import Destination, Quirks

REASONING_MODEL = Quirks(sampling="none", penalties=False, efforts=("low", "medium", "high", "xhigh"))


def request(**members: Any) -> Request:
    return Request(model="m", messages=[], **members)


def to(quirks: Quirks, max_output: int | None = None) -> Destination:
    return Destination("p", "m", quirks, max_output)


def pointers(losses: list[Loss]) -> list[tuple[str, str]]:
    return [(loss.pointer, loss.kind) for loss in losses]


# --- reading ---


def test_sampling_is_read() -> None:
    body = {"temperature": 0, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 0.5}
    assert tuning.read_sampling(body) == Sampling(0, 1, None, -2, 0.5)
    assert tuning.read_sampling({}) == Sampling()


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 2.1), ("temperature", -0.1), ("top_p", 1.1), ("presence_penalty", 3), ("frequency_penalty", "1")],
)
def test_sampling_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        tuning.read_sampling({name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 5}, 5),
    ],
)
def test_logprobs(body: dict[str, Any], read: int | None) -> None:
    assert tuning.read_logprobs(body) == read


def test_alternatives_need_logprobs() -> None:
    with pytest.raises(BadRequest) as caught:
        tuning.read_logprobs({"top_logprobs": 2})
    assert caught.value.param == "top_logprobs"


FORMATS: list[tuple[Any, Format | None]] = [
    (None, None),
    ({"type": "text"}, Format("text")),
    ({"type": "json_object"}, Format("json")),
    ({"type": "json_schema", "json_schema": {"name": "n"}}, Format("schema", "n")),
    (
        {
            "type": "json_schema",
            "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": False},
        },
        Format("schema", "n", {"type": "object"}, strict=False, description="d"),
    ),
]


@pytest.mark.parametrize(("wire", "neutral"), FORMATS)
def test_formats_are_read_and_written(wire: Any, neutral: Format | None) -> None:
    assert tuning.read_format({"response_format": wire}) == neutral
    assert tuning.write_format(neutral) == ({} if wire is None else {"response_format": wire})


def test_a_schema_without_a_name_gets_one() -> None:
    written = tuning.write_format(Format("schema", schema={"type": "object"}))
    assert written["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ("json", "response_format"),
        ({}, "response_format.type"),
        ({"type": "xml"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {}}, "response_format.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": []}}, "response_format.json_schema.schema"),
    ],
)
def test_formats_that_are_refused(wire: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tuning.read_format({"response_format": wire})
    assert caught.value.param == param


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        tuning.read_reasoning({"reasoning_effort": "extreme"})
    assert caught.value.param == "reasoning_effort"


# --- writing ---


def test_limits_are_written_under_their_newer_name() -> None:
    asked = request(max_tokens=9, stop=["x"], n=2, logprobs=3)
    written = tuning.write_limits(asked, to(Quirks()), [])
    assert written == {"max_completion_tokens": 9, "stop": ["x"], "n": 2, "logprobs": True, "top_logprobs": 3}
    assert tuning.write_limits(request(logprobs=0), to(Quirks()), []) == {"logprobs": True}
    assert tuning.write_limits(request(), to(Quirks()), []) == {}


def test_a_host_that_knows_the_old_name_only() -> None:
    older = Quirks(refused=frozenset({"max_completion_tokens"}))
    assert tuning.write_limits(request(max_tokens=9), to(older), []) == {"max_tokens": 9}


@pytest.mark.parametrize(
    ("strict", "limit", "written", "lost"),
    [(True, 9, 5, [("/max_tokens", "approximated")]), (True, 5, 5, []), (False, 9, 9, [])],
)
def test_the_maximum_is_clamped_where_the_model_is_strict(strict: bool, limit: int, written: int, lost: Any) -> None:
    losses: list[Loss] = []
    quirks = Quirks(strict_max_output=strict)
    assert tuning.write_limits(request(max_tokens=limit), to(quirks, 5), losses) == {"max_completion_tokens": written}
    assert pointers(losses) == lost


BOTH = Sampling(temperature=0.5, top_p=0.9)


@pytest.mark.parametrize(
    ("quirks", "effort", "written"),
    [
        (Quirks(), None, {"temperature", "top_p"}),
        (Quirks(sampling="one"), None, {"temperature"}),
        (Quirks(sampling="none"), None, set()),
        (Quirks(sampling="ignored"), None, set()),
        (Quirks(sampling="effort_none"), "none", {"temperature", "top_p"}),
        (Quirks(sampling="effort_none"), "low", set()),
        (Quirks(sampling="effort_none"), None, set()),
    ],
)
def test_sampling_goes_as_far_as_the_model_takes_it(quirks: Quirks, effort: str | None, written: set[str]) -> None:
    losses: list[Loss] = []
    asked = request(sampling=BOTH, reasoning=Reasoning(effort))
    assert tuning.write_sampling(asked, quirks, losses).keys() == written
    assert {loss.pointer for loss in losses} == {f"/{name}" for name in {"temperature", "top_p"} - written}


def test_one_of_two_is_enough() -> None:
    assert tuning.write_sampling(request(sampling=Sampling(top_p=0.9)), Quirks(sampling="one"), []) == {"top_p": 0.9}


def test_top_k_and_penalties() -> None:
    losses: list[Loss] = []
    asked = request(sampling=Sampling(top_k=5, presence_penalty=1, frequency_penalty=0))
    assert tuning.write_sampling(asked, Quirks(), losses) == {"presence_penalty": 1, "frequency_penalty": 0}
    assert pointers(losses) == [("/top_k", "dropped")]
    assert tuning.write_sampling(asked, REASONING_MODEL, losses) == {}


@pytest.mark.parametrize(
    ("effort", "taken", "sent"),
    [
        ("high", None, "high"),
        ("high", ("low", "high"), "high"),
        ("minimal", ("low", "medium", "high"), "low"),
        ("minimal", ("none", "low", "high"), "low"),
        ("none", ("low", "high"), "low"),
        ("minimal", ("none", "high"), "high"),
        ("none", ("none", "low"), "none"),
        ("max", ("low", "high", "xhigh"), "xhigh"),
        ("xhigh", ("low", "high"), "high"),
        ("xhigh", ("low", "high", "max"), "high"),
        ("medium", ("low", "high"), "low"),
        ("low", ("none",), "none"),
        ("odd", ("low",), "odd"),
    ],
)
def test_the_nearest_effort(effort: str, taken: tuple[str, ...] | None, sent: str) -> None:
    assert tuning.nearest_effort(effort, taken) == sent


@pytest.mark.parametrize(
    ("reasoning", "efforts", "written", "lost"),
    [
        (Reasoning(), None, {}, []),
        (Reasoning("low"), None, {"reasoning_effort": "low"}, []),
        (Reasoning("max"), ("low", "high"), {"reasoning_effort": "high"}, [("/reasoning_effort", "approximated")]),
        (Reasoning("low"), (), {}, [("/reasoning_effort", "dropped")]),
        (Reasoning("none"), (), {}, []),
        (Reasoning("low", summary="auto"), None, {"reasoning_effort": "low"}, [("/reasoning/summary", "dropped")]),
        (Reasoning(budget=0), None, {"reasoning_effort": "none"}, [("/thinking/budget_tokens", "approximated")]),
        (Reasoning(budget=1024), None, {"reasoning_effort": "minimal"}, [("/thinking/budget_tokens", "approximated")]),
        (Reasoning(budget=10000), None, {"reasoning_effort": "medium"}, [("/thinking/budget_tokens", "approximated")]),
        (Reasoning(budget=64000), None, {"reasoning_effort": "high"}, [("/thinking/budget_tokens", "approximated")]),
        (Reasoning("low", budget=64000), None, {"reasoning_effort": "low"}, []),
    ],
)
def test_effort_is_written(reasoning: Reasoning, efforts: Any, written: dict[str, str], lost: Any) -> None:
    losses: list[Loss] = []
    assert tuning.write_effort(reasoning, Quirks(efforts=efforts), losses) == written
    assert pointers(losses) == lost
