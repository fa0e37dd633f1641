"""Neutral -> wire: one object for a plain reply, a line for each piece of a streamed one. Durations are in nanoseconds."""

from datetime import UTC, datetime
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects import Written
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import (
    Event,
    Failed,
    Finished,
    FinishReason,
    Loss,
    Metered,
    RefusalDelta,
    ReplyContext,
    Response,
    Started,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Usage,
)
from polyglot_cloud.sse import Record

REASONS: dict[FinishReason, str] = {"stop": "stop", "length": "length", "tool_calls": "stop", "content_filter": "stop"}


def write_response(response: Response, context: ReplyContext) -> Written:
    choice = response.choices[0]
    texts = [block.text for block in choice.blocks if hasattr(block, "text") and not isinstance(block, Thinking)]
    thoughts = [block.text for block in choice.blocks if isinstance(block, Thinking) and block.text]
    return Written(
        {
            **_head(response.model or context.model, context),
            "response": "".join(texts),
            **({"thinking": "".join(thoughts)} if thoughts else {}),
            **_tail(choice.finish or "stop", response.usage, context, prompt_nanoseconds=0),
        }
    )


def _head(model: str, context: ReplyContext) -> dict[str, Any]:
    return {
        "model": model,
        "created_at": datetime.fromtimestamp(context.created, UTC).isoformat().replace("+00:00", "Z"),
    }


def _tail(finish: FinishReason, usage: Usage | None, context: ReplyContext, prompt_nanoseconds: int) -> dict[str, Any]:
    total = context.elapsed()
    counted = usage or Usage()
    return {
        "done": True,
        "done_reason": REASONS[finish],
        "total_duration": total,
        "load_duration": 0,
        "prompt_eval_count": counted.input,
        "prompt_eval_duration": prompt_nanoseconds,
        "eval_count": counted.output,
        "eval_duration": total - prompt_nanoseconds,
    }


class Writer:
    """The last line waits for `close`, since usage may come after the finish reason."""

    def __init__(self, context: ReplyContext) -> None:
        self.losses: list[Loss] = []
        self._context = context
        self._head = _head(context.model, context)
        self._usage: Usage | None = None
        self._finish: FinishReason | None = None
        self._first: int | None = None
        self._over = False

    def feed(self, event: Event) -> bytes:
        match event:
            case Started(model=model) if model:
                self._head["model"] = model
            case TextDelta(text=text) | RefusalDelta(text=text):
                return self._piece({"response": text})
            case ThinkingDelta(text=text):
                return self._piece({"response": "", "thinking": text})
            case Metered(usage):
                self._usage = usage
            case Finished(reason):
                self._finish = reason
            case Failed(message=message, code=code):
                self._over = True
                return self._line({"error": message, "code": code})
            case _:
                pass
        return b""

    def _piece(self, members: dict[str, Any]) -> bytes:
        if self._first is None:
            self._first = self._context.elapsed()
        return self._line({**self._head, **members, "done": False})

    def close(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        if self._finish is None:
            return self.feed(Failed("The provider's stream ended before its end.", code=BrokenReply.code))
        tail = _tail(self._finish, self._usage, self._context, prompt_nanoseconds=self._first or 0)
        return self._line({**self._head, "response": "", **tail})

    @staticmethod
    def _line(value: dict[str, Any]) -> bytes:
        return wire.encode(value) + b"\n"


class NoReader:
    """No provider streams in this dialect."""

    def feed(self, record: Record) -> list[Event]:
        return []

    def close(self) -> list[Event]:
        return [Failed("No provider streams in this dialect.")]
