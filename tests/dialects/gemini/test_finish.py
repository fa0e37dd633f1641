from typing import get_args

import pytest
from google.genai import types

from polyglot_cloud.dialects.gemini.finish import Ending
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import Finished, FinishReason

BROKEN = [
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
]
FILTERED = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "ESCALATION",
    "OTHER",
    "IMAGE_SAFETY",
]


@pytest.mark.parametrize(
    ("reason", "called", "finished"),
    [
        ("STOP", False, Finished("stop")),
        ("STOP", True, Finished("tool_calls")),
        ("MAX_TOKENS", False, Finished("length")),
        ("MAX_TOKENS", True, Finished("length")),
        ("CONTINUATION", False, Finished("length", "CONTINUATION")),
        ("A_NEW_WORD", False, Finished("stop", "A_NEW_WORD")),
        ("NO_IMAGE", False, Finished("stop", "NO_IMAGE")),
        *((reason, False, Finished("content_filter", reason)) for reason in FILTERED),
        *((reason, False, Finished("stop", reason)) for reason in BROKEN),
        *((reason, True, Finished("tool_calls", reason)) for reason in BROKEN),
    ],
)
def test_trap_27_the_table_of_reasons(reason: str, called: bool, finished: Finished) -> None:
    assert Ending(reason).finished(spoke=True, called=called) == finished


@pytest.mark.parametrize("reason", BROKEN)
def test_trap_29_broken_without_content_is_a_transient_502(reason: str) -> None:
    with pytest.raises(BrokenReply, match=f"{reason}: why") as raised:
        Ending(reason, "why").finished(spoke=False, called=False)
    assert raised.value.transient
    assert raised.value.status == 502


@pytest.mark.parametrize(
    "reason", [each.value for each in types.FinishReason if each.value != "FINISH_REASON_UNSPECIFIED"]
)
def test_every_reason_of_the_sdk_has_a_meaning(reason: str) -> None:
    assert Ending(reason).finished(spoke=True, called=False).reason in get_args(FinishReason)


@pytest.mark.parametrize(
    "blocked", [each.value for each in types.BlockedReason if each.value != "BLOCKED_REASON_UNSPECIFIED"]
)
def test_trap_28_a_blocked_prompt_is_content_filter(blocked: str) -> None:
    ending = Ending()
    ending.note({"promptFeedback": {"blockReason": blocked}}, {})
    assert ending.finished(spoke=False, called=False) == Finished("content_filter", blocked)


@pytest.mark.parametrize("unsaid", [None, "", "FINISH_REASON_UNSPECIFIED", 3])
def test_no_reason_is_no_end(unsaid: object) -> None:
    ending = Ending()
    ending.note({}, {"finishReason": unsaid})
    with pytest.raises(BrokenReply, match="without a finishReason"):
        ending.finished(spoke=True, called=True)


def test_what_was_said_stays_said() -> None:
    ending = Ending()
    ending.note({}, {"finishReason": "SAFETY", "finishMessage": "unsafe"})
    ending.note({}, {})
    assert ending.finished(spoke=True, called=False) == Finished("content_filter", "SAFETY: unsafe")
