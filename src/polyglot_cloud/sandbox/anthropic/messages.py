"""Anthropic: POST /v1/messages and /v1/messages/count_tokens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, tokens, triggers
from polyglot_cloud.sandbox.anthropic import files, rules, tables, wire
from polyglot_cloud.sandbox.anthropic.cached import bill
from polyglot_cloud.sandbox.anthropic.turns import as_blocks, texts
from polyglot_cloud.sandbox.asgi import Reply, Request, dumps, json_reply, sse
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.pieces import argument_pieces, text_pieces
from polyglot_cloud.sandbox.prompt import Answer, Call, Choice, Prompt, Result, Tool, subject

Body = Mapping[str, Any]

_STOP = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "refusal",
    "filtered": "refusal",
}
_BETWEEN = "Let me look that up."


def read(request: Request, *, counting: bool) -> tuple[dict[str, Any], models.Claude]:
    """The body, found good by every rule, and its model."""
    version = wire.version(request)
    body = wire.decode(request)
    beta = request.headers.get("anthropic-beta", "")
    wire.validate(tables.request(sampling=version == wire.OLD, beta=beta, counting=counting), body)
    model = rules.find_model(body["model"])
    if version == wire.NEW:
        rules.newest(body)
    for rule in rules.RULES:
        rule(body, model)
    return body, model


def count(request: Request) -> Reply:
    body, _ = read(request, counting=True)
    return json_reply({"input_tokens": input_tokens(body)}, 200, wire.headers())


def handle(request: Request, memory: triggers.Memory, cache: Prefixes) -> Reply:
    body, model = read(request, counting=False)
    used = input_tokens(body)
    if used > model.context:
        raise wire.refuse(f"prompt is too long: {used} tokens > {model.context} maximum")
    prompt = understand(body, model)
    said = _said(body)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    answer = mind.answer(prompt, marks)
    message = _Message(body, model, answer, bill(body, model, used, cache), marks)
    return _reply(message, triggers.delivery(marks))


def _reply(message: "_Message", delivery: Any) -> Reply:
    usage = message.usage()
    headers = wire.headers(usage["input_tokens"], usage["output_tokens"])
    if not message.body.get("stream"):
        if delivery.error_after is not None:
            return wire.on_demand(triggers.Failure(529))
        return replace(json_reply(message.whole(), 200, headers), delivery=delivery)
    content_type = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return Reply(200, {**content_type, **headers}, b"", message.stream(), wire.error_event(), delivery)


def input_tokens(body: Body) -> int:
    weighed = (body.get("system"), body.get("tools"), rules.structured(body))
    messages = sum(tokens.weigh(message["content"]) + tokens.PER_MESSAGE for message in body["messages"])
    return messages + sum(tokens.weigh(value) for value in weighed)


def understand(body: Body, model: models.Claude) -> Prompt:
    messages = body["messages"]
    last = _last_user(messages)
    prefilled = messages[-1] if messages[-1]["role"] == "assistant" else None
    return Prompt(
        model=body["model"],
        said=triggers.without(reading.plain(_said(body))),
        earlier=tuple(texts(message["content"]) for message in messages[: max(last, 0)] if message["role"] == "user"),
        system="\n".join(
            [texts(body.get("system") or ""), *(texts(m["content"]) for m in messages if m["role"] == "system")]
        ),
        results=tuple(_results(messages, last)),
        media=tuple(_media(body, last)),
        tools=tuple(
            Tool(tool["name"], tool.get("description") or "", tool["input_schema"])
            for tool in body.get("tools") or ()
            if "input_schema" in tool
        ),
        choice=_choice(body),
        schema=rules.structured(body),
        limit=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        thinking=models.THINKING[rules.effort(body, model)] if rules.thinks(body, model) else 0,
        trailing=texts(prefilled["content"]) if prefilled else "",
    )


def _media(body: Body, last: int) -> Iterator[str]:
    """Every file is looked at; those of the user's last message are told of."""
    told = [(placed.message, files.told(placed)) for placed in rules.places(body)]
    return (words for number, words in told if words and number == last)


def _last_user(messages: list[Body]) -> int:
    """The user's last message with words or files of their own; a client's reminders in tags are none."""
    return max(
        (
            number
            for number, message in enumerate(messages)
            if message["role"] == "user" and _speaks(message["content"])
        ),
        default=-1,
    )


def _speaks(content: Any) -> bool:
    return any(block["type"] in {"image", "document"} for block in as_blocks(content)) or bool(
        reading.plain(texts(content))
    )


def _said(body: Body) -> str:
    last = _last_user(body["messages"])
    return texts(body["messages"][last]["content"]) if last >= 0 else ""


def _results(messages: list[Body], last: int) -> Iterator[Result]:
    calls = {
        block["id"]: block
        for message in messages
        for block in as_blocks(message["content"])
        if block["type"] == "tool_use"
    }
    for number, message in enumerate(messages):
        for block in as_blocks(message["content"]) if number >= last else ():
            if block["type"] == "tool_result":
                call = calls[block["tool_use_id"]]
                yield Result(
                    call["name"], texts(block.get("content") or ""), bool(block.get("is_error")), subject(call["input"])
                )


def _choice(body: Body) -> Choice:
    asked = body.get("tool_choice") or {"type": "auto"}
    parallel = not asked.get("disable_parallel_tool_use")
    if asked["type"] == "tool":
        return Choice("required", (asked["name"],), parallel)
    return Choice({"any": "required", "none": "none"}.get(asked["type"], "auto"), (), parallel)  # type: ignore[arg-type]  # the three words of Choice


@dataclass(slots=True)
class _Message:
    """One answer, written whole or as a stream."""

    body: Body
    model: models.Claude
    answer: Answer
    input: dict[str, Any]
    marks: triggers.Triggers

    def usage(self) -> dict[str, Any]:
        visible = tokens.count(self._text()) + sum(
            tokens.count(call.name) + tokens.weigh(call.arguments) for call in self.answer.calls
        )
        return {
            **self.input,
            "output_tokens": self.answer.thinking_tokens + visible,
            "output_tokens_details": {"thinking_tokens": self.answer.thinking_tokens},
            "service_tier": "standard",
            "inference_geo": "not_available",
        }

    def _text(self) -> str:
        """Before a call, a word of what is going on: real answers have one, and clients must keep it."""
        if self.answer.calls:
            forced = (self.body.get("tool_choice") or {}).get("type") in {"any", "tool"}
            return "" if self.model.bound or forced else _BETWEEN
        return "" if self.answer.finish == "refusal" else self.answer.text

    def content(self) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if self.answer.thinking_tokens:
            blocks.append(self._thought())
        if self._text():
            blocks.append({"type": "text", "text": self._text()})
        return blocks + [self._called(call) for call in self.answer.calls]

    @staticmethod
    def _called(call: Call) -> dict[str, Any]:
        return {
            "type": "tool_use",
            "id": wire.token("toolu_"),
            "name": call.name,
            "input": call.arguments,
            "caller": {"type": "direct"},
        }

    def _thought(self) -> dict[str, Any]:
        if "redacted" in self.marks:
            return {"type": "redacted_thinking", "data": rules.sign(self.body, self.model, "")}
        display = (self.body.get("thinking") or {}).get("display") or self.model.display
        text = self.answer.thinking if display == "summarized" else ""
        return {"type": "thinking", "thinking": text, "signature": rules.sign(self.body, self.model, text)}

    def _ending(self) -> dict[str, Any]:
        details = None
        if self.answer.finish in {"refusal", "filtered"}:
            details = {
                "type": "refusal",
                "category": "general_harms",
                "explanation": "The sandbox was asked to refuse.",
            }
        return {
            "stop_reason": triggers.finish(self.marks, _STOP[self.answer.finish]),
            "stop_sequence": self.answer.stopped_at,
            "stop_details": details,
        }

    def _head(self) -> dict[str, Any]:
        return {"id": wire.token("msg_"), "type": "message", "role": "assistant", "model": self.model.id}

    def whole(self) -> dict[str, Any]:
        return {**self._head(), "content": self.content(), **self._ending(), "usage": self.usage()}

    def stream(self) -> Iterator[bytes]:
        usage = self.usage()
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
        started = {name: value for name, value in usage.items() if name != "output_tokens_details"} | {
            "output_tokens": 1
        }
        yield sse({"type": "message_start", "message": {**self._head(), **empty, "usage": started}}, "message_start")
        for index, block in enumerate(self.content()):
            yield from self._block(index, block)
        final = {
            name: value
            for name, value in usage.items()
            if name not in {"service_tier", "inference_geo", "cache_creation"}
        }
        yield sse({"type": "message_delta", "delta": self._ending(), "usage": final}, "message_delta")
        yield sse({"type": "message_stop"}, "message_stop")

    @staticmethod
    def _block(index: int, block: dict[str, Any]) -> Iterator[bytes]:
        empty, deltas = _OPENED[block["type"]](block)
        yield sse(
            {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}, "content_block_start"
        )
        if index == 0:
            yield sse({"type": "ping"}, "ping")
        for delta in deltas:
            yield sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")


_Deltas = tuple[dict[str, Any], Iterator[dict[str, Any]]]


def _thinking(block: dict[str, Any]) -> _Deltas:
    def deltas() -> Iterator[dict[str, Any]]:
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in text_pieces(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}

    return {"thinking": "", "signature": ""}, deltas()


def _spoken(block: dict[str, Any]) -> _Deltas:
    return {"text": ""}, ({"type": "text_delta", "text": piece} for piece in text_pieces(block["text"]))


def _called(block: dict[str, Any]) -> _Deltas:
    """A call without arguments streams one empty piece, which means `{}`."""
    text = dumps(block["input"]).decode() if block["input"] else ""
    pieces = ["", *argument_pieces(text)]
    return {"input": {}}, ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def _redacted(_block: dict[str, Any]) -> _Deltas:
    """Redacted thinking arrives whole in its opening."""
    return {}, iter(())


_OPENED = {"thinking": _thinking, "redacted_thinking": _redacted, "text": _spoken, "tool_use": _called}
