"""Why a reply ended. The words are those of `FinishReason` and `BlockedReason` in google-genai 3.4.0 (2026-11-22)."""

from dataclasses import dataclass

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import mapping, string
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import Finished, FinishReason

_LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
_FILTERED = frozenset({
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION", "OTHER",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "IMAGE_RECITATION", "PUP_LIMITED_DISABLED",
})  # fmt: skip
_BROKEN = frozenset({
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
})  # fmt: skip
_UNSAID = frozenset({"", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})


@dataclass(slots=True)
class Ending:
    """What was said so far about the end of one candidate. In a stream it may come in any chunk, and is said once."""

    reason: str = ""
    message: str = ""
    blocked: str = ""

    def note(self, reply: Body, candidate: Body) -> None:
        if "promptFeedback" in reply:
            self._note_block(mapping(reply["promptFeedback"]))
        if "finishReason" in candidate:
            self.reason = _word(candidate["finishReason"]) or self.reason
        if "finishMessage" in candidate:
            self.message = string(candidate["finishMessage"]) or self.message

    def _note_block(self, feedback: Body) -> None:
        if blocked := _word(feedback.get("blockReason")):
            message = string(feedback.get("blockReasonMessage"))
            self.blocked = f"{blocked}: {message}" if message else blocked

    def finished(self, *, spoke: bool, called: bool) -> Finished:
        """`spoke`: there was content other than thoughts. Raises BrokenReply where the reply has no end, or broke before any content."""
        self.check(spoke=spoke)
        if self.reason:
            return Finished(self._reason(called), self._detail())
        if self.blocked:
            return Finished("content_filter", self.blocked)
        raise BrokenReply("The provider's reply ended without a finishReason: part of it is missing.")

    def check(self, *, spoke: bool) -> None:
        """Raises BrokenReply where the reply broke before any content."""
        if self.reason in _BROKEN and not spoke:
            raise BrokenReply(f"The model's reply broke off without content: {self._explained()}")

    def _reason(self, called: bool) -> FinishReason:
        if self.reason in _LENGTH:
            return "length"
        if self.reason in _FILTERED:
            return "content_filter"
        return "tool_calls" if called else "stop"  # Gemini says STOP for tool calls; unknown words are never passed on

    def _detail(self) -> str | None:
        return None if self.reason in {"STOP", "MAX_TOKENS"} else self._explained()

    def _explained(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


def _word(value: object) -> str:
    word = string(value)
    return "" if word in _UNSAID else word
