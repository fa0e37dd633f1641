"""xAI: POST /v1/chat/completions. Near to OpenAI's, and unlike it in every second detail."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, tokens, triggers
from polyglot_cloud.sandbox.asgi import Reply, Request, json_reply, sse
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.grok import files, tables, wire
from polyglot_cloud.sandbox.pieces import text_pieces
from polyglot_cloud.sandbox.prompt import Answer, Call, Choice, Prompt, Result, Tool, subject

Body = Mapping[str, Any]

FINGERPRINT = "fp_5a7db0c5a1"
CACHE_LEAST = 32
_FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tools": "tool_calls",
    "refusal": "stop",
    "filtered": "content_filter",
}
_ONLY_PLAIN = {"stop": "stop", "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty"}
_DONE = b"data: [DONE]\n\n"


def handle(request: Request, memory: triggers.Memory, cache: Prefixes) -> Reply:
    body = wire.decode(request)
    wire.validate(tables.CHAT, body, request)
    model = wire.find_model(body["model"])
    _check(body, model)
    prompt = understand(body, model)
    said = _said(body)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    answers = [mind.answer(replace(prompt, variant=number), marks) for number in range(body.get("n") or 1)]
    if answers[0].finish == "refusal":
        return wire.unsafe()
    talk = _Talk(body, model, answers, _usage(body, model, answers, cache), marks)
    delivery = triggers.delivery(marks)
    headers = wire.headers(talk.usage["total_tokens"])
    if body.get("stream"):
        sent = {"content-type": "text/event-stream", **headers}
        return Reply(200, sent, b"", talk.stream(), sse(wire.error_event_body()), delivery)
    if delivery.error_after is not None:
        return wire.on_demand(triggers.Failure(529))
    return replace(json_reply(talk.whole(), 200, headers), delivery=delivery)


def _check(body: Body, model: models.Grok) -> None:
    """What the tables cannot say."""
    live = any(tool["type"] == "live_search" for tool in body.get("tools") or ())
    if live or body.get("search_parameters") is not None or body.get("web_search_options") is not None:
        raise wire.gone()
    if not model.chat:
        raise wire.refuse("Multi Agent requests are not allowed on chat completions")
    if not body["messages"]:
        raise wire.refuse("Empty messages.")
    if body.get("deferred"):
        raise wire.refuse("Deferred completions are no part of the sandbox.")
    for name, told in _ONLY_PLAIN.items():
        if model.reasons and body.get(name) is not None:
            raise wire.unsupported(model, told)
    if body.get("logit_bias"):
        raise wire.unsupported(model, "logitBias")
    effort(body.get("reasoning_effort"), model)
    if body.get("tool_choice") not in (None, "auto", "none") and not body.get("tools"):
        raise wire.refuse("A tool_choice was set on the request but no tools were specified.")
    for tool in body.get("tools") or ():
        wire.schema(tool["function"]["parameters"])
    wire.schema(((body.get("response_format") or {}).get("json_schema") or {}).get("schema"))
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            _arguments_are_json(call)


def _arguments_are_json(call: Body) -> None:
    try:
        json.loads(call["function"]["arguments"])
    except ValueError as problem:
        raise wire.refuse(
            f"The arguments to a tool_call with ID '{call['id']}' are not a valid JSON string. Parsing error: {problem}"
        ) from None


def effort(asked: str | None, model: models.Grok) -> str:
    """The effort in force; raises where the model has no such level."""
    if asked is None:
        return (model.default_effort or "medium") if model.reasons else "none"
    if asked not in model.efforts:
        raise wire.unsupported(model, "reasoningEffort")
    return asked


def understand(body: Body, model: models.Grok) -> Prompt:
    messages = body["messages"]
    last = _last_user(messages)
    form = body.get("response_format") or {}
    kind = form.get("type")
    told = [(number, _medium(part)) for number, message in enumerate(messages) for part in _parts(message)]
    return Prompt(
        model=model.id,
        said=triggers.without(reading.plain(_said(body))),
        earlier=tuple(_text(message["content"]) for message in messages[: max(last, 0)] if message["role"] == "user"),
        system="\n".join(_text(message["content"]) for message in messages if message["role"] == "system"),
        results=tuple(_results(messages, last)),
        media=tuple(words for number, words in told if words and number == last),
        tools=tuple(_tools(body)),
        choice=_choice(body),
        schema={} if kind == "json_object" else form["json_schema"]["schema"] if kind == "json_schema" else None,
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        limit_counts_thinking=False,
        stop=tuple(body.get("stop") or ()),
        thinking=models.THINKING[effort(body.get("reasoning_effort"), model)],
        seed=body.get("seed") or 0,
    )


def _last_user(messages: list[Body]) -> int:
    return max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)


def _said(body: Body) -> str:
    last = _last_user(body["messages"])
    return _text(body["messages"][last]["content"]) if last >= 0 else ""


def _parts(message: Body) -> list[Body]:
    return message["content"] if isinstance(message.get("content"), list) else []


def _text(content: Any) -> str:
    return (
        content
        if isinstance(content, str)
        else "\n".join(part["text"] for part in content or () if part["type"] == "text")
    )


def _medium(part: Body) -> str:
    if part["type"] == "image_url":
        given = part["image_url"]
        return files.image(given if isinstance(given, str) else given.get("url") or "")
    return files.file(part["file"]) if part["type"] == "file" else ""


def _results(messages: list[Body], last: int) -> Iterator[Result]:
    """Any order of roles is taken; a result without its call is told by its id."""
    calls = {call["id"]: call["function"] for message in messages for call in message.get("tool_calls") or ()}
    for message in messages[last + 1 :]:
        if message["role"] in {"tool", "function"}:
            name = message.get("tool_call_id") or message.get("name") or "the tool"
            call = calls.get(name, {"name": name, "arguments": "{}"})
            yield Result(call["name"], _text(message["content"]), about=subject(call["arguments"]))


def _tools(body: Body) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        function = tool["function"]
        parameters = function["parameters"]
        yield Tool(
            function["name"], function.get("description") or "", parameters if isinstance(parameters, Mapping) else {}
        )


def _choice(body: Body) -> Choice:
    asked = body.get("tool_choice") or "auto"
    parallel = body.get("parallel_tool_calls") is not False
    if isinstance(asked, str):
        return Choice(asked, (), parallel)  # type: ignore[arg-type]  # the table admits auto, none and required alone
    named = (asked.get("function") or {}).get("name")
    return Choice("required", (named,) if named else (), parallel)


def input_tokens(body: Body) -> int:
    weighed = (body["messages"], body.get("tools"), body.get("response_format"))
    return sum(tokens.weigh(value) for value in weighed) + tokens.PER_MESSAGE * len(body["messages"])


def _usage(body: Body, model: models.Grok, answers: list[Answer], cache: Prefixes) -> dict[str, Any]:
    """Reasoning is no part of completion_tokens, but of total_tokens."""
    messages = body["messages"]
    weights = [tokens.weigh(message) + tokens.PER_MESSAGE for message in messages]
    prompt = input_tokens(body)
    scope = f"{model.id}|{body.get('prompt_cache_key')}"
    cached = cache.implicit(scope, [body.get("tools"), *messages], [prompt - sum(weights), *weights], CACHE_LEAST, 1)
    reasoning = sum(answer.thinking_tokens for answer in answers)
    completion = sum(spoken(answer) for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion + reasoning,
        "prompt_tokens_details": {"text_tokens": prompt, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": cached},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": wire.ticks(model, prompt, cached, completion + reasoning),
    }  # fmt: skip


def spoken(answer: Answer) -> int:
    return tokens.count(answer.text) + sum(
        tokens.count(call.name) + tokens.count(arguments(call)) for call in answer.calls
    )


def arguments(call: Call) -> str:
    return json.dumps(call.arguments, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class _Talk:
    """One exchange, written whole or as a stream."""

    body: Body
    model: models.Grok
    answers: list[Answer]
    usage: dict[str, Any]
    marks: triggers.Triggers

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": str(uuid.uuid4()), "object": kind, "created": wire.now(), "model": self.model.id}

    def whole(self) -> dict[str, Any]:
        choices = [
            {"index": number, "message": self._message(answer), "finish_reason": self._finish(answer)}
            for number, answer in enumerate(self.answers)
        ]
        tail = {"usage": self.usage, "system_fingerprint": FINGERPRINT, "service_tier": "default"}
        return {**self._head("chat.completion"), "choices": choices, **tail}

    def _message(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if self._shown(answer):
            message["reasoning_content"] = answer.thinking
        if answer.calls:
            message["tool_calls"] = [self._call(call) for call in answer.calls]
        return {**message, "refusal": None}

    def _shown(self, answer: Answer) -> bool:
        return self.model.shows and bool(answer.thinking_tokens)

    def _call(self, call: Call) -> dict[str, Any]:
        text = arguments(call)
        text = text[:-1] if "bad-arguments" in self.marks else text
        return {"id": wire.call_id(), "function": {"name": call.name, "arguments": text}, "type": "function"}

    def _finish(self, answer: Answer) -> str:
        return triggers.finish(self.marks, _FINISH[answer.finish])

    def stream(self) -> Iterator[bytes]:
        """The first delta has the role beside its content; calls come whole; usage is in the last chunk, or in one of its own if asked."""
        head = self._head("chat.completion.chunk")
        apart = bool((self.body.get("stream_options") or {}).get("include_usage"))
        for number, answer in enumerate(self.answers):
            role = {"role": "assistant"}
            for delta in self._deltas(answer):
                yield self._chunk(head, [{"index": number, "delta": {**delta, **role}}])
                role = {}
            last = number == len(self.answers) - 1
            usage = {"usage": self.usage} if last and not apart else {}
            yield self._chunk(head, [{"index": number, "delta": role, "finish_reason": self._finish(answer)}], usage)
        if apart:
            yield self._chunk(head, [], {"usage": self.usage})
        yield _DONE

    @staticmethod
    def _chunk(head: dict[str, Any], choices: list[dict[str, Any]], usage: Mapping[str, Any] | None = None) -> bytes:
        return sse(
            {**head, "choices": choices, **(usage or {}), "system_fingerprint": FINGERPRINT, "service_tier": "default"}
        )

    def _deltas(self, answer: Answer) -> Iterator[dict[str, Any]]:
        if self._shown(answer):
            yield from ({"reasoning_content": piece} for piece in text_pieces(answer.thinking))
        yield from ({"content": piece} for piece in text_pieces(answer.text))
        for index, call in enumerate(answer.calls):
            yield {"tool_calls": [{**self._call(call), "index": index}]}
