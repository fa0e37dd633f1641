from typing import Any

import pytest
from google.genai import types

from dialects.gemini.support import destination, request, write
from polyglot_cloud.dialects.gemini.thinking import thinking_config
from polyglot_cloud.neutral import Loss, Reasoning


def level(name: str) -> dict[str, Any]:
    return {"thinkingLevel": name, "includeThoughts": True}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinkingBudget": tokens, "includeThoughts": True}


@pytest.mark.parametrize(
    ("efforts", "asked", "config", "lost"),
    [
        (("low", "medium", "high"), "low", level("LOW"), False),
        (("low", "medium", "high"), "minimal", level("LOW"), True),
        (("low", "medium", "high"), "none", {"thinkingLevel": "LOW"}, True),
        (("minimal", "low"), "none", {"thinkingLevel": "MINIMAL"}, True),
        (("low", "medium", "high"), "max", level("HIGH"), True),
        (("low", "medium", "high", "xhigh"), "max", level("XHIGH"), True),
        (("low", "high"), "medium", level("LOW"), True),
        (("none", "high"), "none", {"thinkingLevel": "HIGH"}, True),
        (("minimal", "low", "medium", "high", "xhigh"), "xhigh", level("XHIGH"), False),
        (None, "xhigh", level("HIGH"), True),
        (None, "max", level("HIGH"), True),
        (None, "high", level("HIGH"), False),
        (None, "medium", level("MEDIUM"), False),
        (None, "minimal", level("LOW"), True),
        (None, "none", {"thinkingLevel": "LOW"}, True),
        (("none",), "xhigh", level("HIGH"), True),
        ((), "high", level("HIGH"), False),
        (("low",), "ultra", level("ULTRA"), False),
    ],
)
def test_trap_24_efforts_are_clamped_to_the_models_levels(
    efforts: tuple[str, ...] | None, asked: str, config: dict[str, Any], lost: bool
) -> None:
    losses: list[Loss] = []
    to = destination(thinking=("level",), efforts=efforts)
    assert thinking_config(Reasoning(effort=asked), to, losses) == config
    assert [(loss.pointer, loss.kind) for loss in losses] == ([("/reasoning_effort", "approximated")] if lost else [])


@pytest.mark.parametrize(
    ("reasoning", "least", "most", "config", "lost"),
    [
        (Reasoning("none"), 0, 24576, {"thinkingBudget": 0}, False),
        (Reasoning("none"), 128, 32768, {"thinkingBudget": 128}, True),
        (Reasoning("xhigh"), 0, 24576, budget(24576), True),
        (Reasoning("minimal"), 0, 24576, budget(1024), False),
        (Reasoning("low"), 0, 24576, budget(1024), False),
        (Reasoning("medium"), 0, 24576, budget(8192), False),
        (Reasoning("high"), 0, 24576, budget(24576), False),
        (Reasoning("max"), 0, 24576, budget(24576), False),
        (Reasoning("max"), 0, None, budget(32768), False),
        (Reasoning(budget=2000), 0, 24576, budget(2000), False),
        (Reasoning("high", budget=100), 128, 24576, budget(128), True),
        (Reasoning(budget=99999), 0, 24576, budget(24576), True),
    ],
)
def test_trap_24_efforts_become_budgets(
    reasoning: Reasoning, least: int, most: int | None, config: dict[str, Any], lost: bool
) -> None:
    losses: list[Loss] = []
    to = destination(thinking=("budget",), budget_min=least, budget_max=most)
    assert thinking_config(reasoning, to, losses) == config
    assert [loss.pointer for loss in losses] == (["/reasoning_effort"] if lost else [])


@pytest.mark.parametrize(("tokens", "name"), [(512, "LOW"), (1024, "LOW"), (4096, "MEDIUM"), (20000, "HIGH")])
def test_a_budget_for_a_model_with_levels(tokens: int, name: str) -> None:
    losses: list[Loss] = []
    assert thinking_config(Reasoning(budget=tokens), destination(thinking=("level",)), losses) == level(name)
    assert [loss.kind for loss in losses] == ["approximated"]


@pytest.mark.parametrize(
    ("thinking", "effort", "lost"),
    [
        ((), "high", True),
        ((), "none", False),
        (None, "high", True),
        (None, "none", True),
        ((), None, False),
        (None, None, False),
    ],
)
def test_models_that_do_not_think_or_are_not_known_get_nothing(
    thinking: tuple[str, ...] | None, effort: str | None, lost: bool
) -> None:
    written = write(request(reasoning=Reasoning(effort)), destination(thinking=thinking))
    assert "generationConfig" not in written.body
    assert [loss.kind for loss in written.losses] == (["dropped"] if lost else [])


def test_thoughts_without_an_effort() -> None:
    written = write(request(reasoning=Reasoning(summary="auto")), destination(thinking=("level",)))
    assert written.body["generationConfig"] == {"thinkingConfig": {"includeThoughts": True}}
    assert thinking_config(Reasoning(summary="auto"), destination(), []) is None


def test_the_levels_are_the_sdks() -> None:
    known = {each.value for each in types.ThinkingLevel} - {"THINKING_LEVEL_UNSPECIFIED"}
    names = ("minimal", "low", "medium", "high", "xhigh")
    to = destination(thinking=("level",), efforts=names)
    written = {thinking_config(Reasoning(name), to, [])["thinkingLevel"] for name in names}  # type: ignore[index]  # a config is given for each
    assert written == known
