import pytest

from dialects.anthropic.bodies import MIDDLE, NEW, OLD, lost, reasons, request, said, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Reasoning, Request
from polyglot_cloud.rows import Quirks

SHOWN = {"type": "adaptive", "display": "summarized"}
OFF = {"type": "disabled"}
FIVE = ("low", "medium", "high", "xhigh", "max")
OPUS_4_5 = Quirks(efforts=("low", "medium", "high"), thinking=("enabled", "disabled"), sampling="one")
SONNET_5_5 = Quirks(efforts=FIVE, thinking=("adaptive", "between_tools"), sampling="none")
OPUS_5 = Quirks(efforts=FIVE, thinking=("adaptive", "disabled"), sampling="none")
SILENT = Quirks(efforts=(), thinking=())
UNKNOWN = Quirks()
NEAR = [("/reasoning_effort", "approximated")]
GONE = [("/reasoning_effort", "dropped")]


def budget(tokens: int) -> Body:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("quirks", "effort", "thinking", "sent", "losses"),
    [
        (NEW, "minimal", SHOWN, "low", NEAR),
        (NEW, "low", SHOWN, "low", []),
        (NEW, "medium", SHOWN, "medium", []),
        (NEW, "xhigh", SHOWN, "xhigh", []),
        (NEW, "max", SHOWN, "max", []),
        (NEW, "none", None, "low", NEAR),
        (MIDDLE, "high", SHOWN, "high", []),
        (MIDDLE, "xhigh", SHOWN, "high", NEAR),
        (MIDDLE, "max", SHOWN, "max", []),
        (MIDDLE, "none", OFF, None, []),
        (OPUS_5, "none", OFF, None, []),
        (SONNET_5_5, "none", {"type": "between_tools"}, None, NEAR),
        (OLD, "none", OFF, None, []),
        (OLD, "minimal", budget(1024), None, []),
        (OLD, "low", budget(2048), None, []),
        (OLD, "medium", budget(4096), None, []),
        (OLD, "high", budget(8192), None, []),
        (OLD, "xhigh", budget(16384), None, []),
        (OLD, "max", budget(16384), None, NEAR),
        (OPUS_4_5, "high", budget(8192), "high", []),
        (OPUS_4_5, "xhigh", budget(16384), "high", NEAR),
        (SILENT, "none", None, None, []),
        (SILENT, "high", None, None, GONE),
        (Quirks(efforts=("low", "high"), thinking=()), "medium", None, "low", NEAR),
        (Quirks(efforts=(), thinking=("adaptive",)), "none", None, None, NEAR),
        (Quirks(efforts=(), thinking=("adaptive",)), "high", SHOWN, None, GONE),
        (UNKNOWN, "minimal", None, "low", NEAR),
        (UNKNOWN, "high", None, "high", []),
        (UNKNOWN, "none", None, "low", NEAR),
    ],
)
def test_trap_24_effort(
    quirks: Quirks, effort: str, thinking: Body | None, sent: str | None, losses: list[tuple[str, str]]
) -> None:
    written = write(request(reasoning=Reasoning(effort)), quirks)
    assert written.body.get("thinking") == thinking
    assert written.body.get("output_config", {}).get("effort") == sent
    assert lost(written) == losses


@pytest.mark.parametrize("quirks", [NEW, MIDDLE, OLD, UNKNOWN])
def test_nothing_asked_nothing_sent(quirks: Quirks) -> None:
    written = write(request(), quirks)
    assert written.body.keys() == {"model", "max_tokens", "messages"}
    assert written.losses == []


@pytest.mark.parametrize(("summary", "losses"), [("none", []), ("auto", [("/reasoning/summary", "dropped")])])
def test_summary_alone(summary: str, losses: list[tuple[str, str]]) -> None:
    assert lost(write(request(reasoning=Reasoning(summary=summary)))) == losses


@pytest.mark.parametrize(
    ("quirks", "tokens", "thinking", "sent", "losses"),
    [
        (OLD, 5000, budget(5000), None, []),
        (OLD, 10, budget(1024), None, []),
        (OLD, 0, OFF, None, []),
        (OLD, -1, budget(4096), None, []),
        (MIDDLE, 5000, budget(5000), "high", NEAR),
        (Quirks(efforts=(), thinking=("enabled",), budget_max=3000), 5000, budget(3000), None, []),
        (Quirks(efforts=(), thinking=("enabled",), budget_min=2000), 1500, budget(2000), None, []),
        (NEW, 1024, SHOWN, "low", NEAR),
        (NEW, 5000, SHOWN, "high", NEAR),
        (NEW, 50_000, SHOWN, "max", NEAR),
    ],
)
def test_trap_24_budget(
    quirks: Quirks, tokens: int, thinking: Body, sent: str | None, losses: list[tuple[str, str]]
) -> None:
    written = write(request(reasoning=Reasoning(budget=tokens)), quirks)
    assert written.body["thinking"] == thinking
    assert written.body.get("output_config", {}).get("effort") == sent
    assert lost(written) == losses


@pytest.mark.parametrize(
    ("max_tokens", "expected", "losses"),
    [
        (8193, budget(8192), []),
        (8192, budget(4096), NEAR),
        (3000, budget(1500), NEAR),
        (1500, budget(1024), NEAR),
        (1025, budget(1024), NEAR),
        (1024, None, GONE),
        (1, None, GONE),
    ],
)
def test_trap_25_budget_stays_below_max_tokens(
    max_tokens: int, expected: Body | None, losses: list[tuple[str, str]]
) -> None:
    written = write(request(max_tokens=max_tokens, reasoning=Reasoning("high")), OLD)
    assert written.body["max_tokens"] == max_tokens
    assert written.body.get("thinking") == expected
    assert lost(written) == losses


def test_prefill_and_budget_thinking_exclude_each_other() -> None:
    wanted = Request("m", [said("user", "a"), said("assistant", "b")], reasoning=Reasoning("high"))
    written = write(wanted, OLD)
    assert "thinking" not in written.body
    assert "prefill" in reasons(written.losses)


def test_unknown_effort_is_an_error() -> None:
    with pytest.raises(BadRequest) as caught:
        write(request(reasoning=Reasoning("ultra")))
    assert caught.value.param == "reasoning_effort"
