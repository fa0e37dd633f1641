"""OpenAI: POST /v1/chat/completions."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, tokens, triggers
from polyglot_cloud.sandbox.asgi import Reply, dumps, json_reply, sse
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.openai import chat_rules as rules
from polyglot_cloud.sandbox.openai import files, tables, wire
from polyglot_cloud.sandbox.pieces import argument_pieces, text_pieces
from polyglot_cloud.sandbox.prompt import Answer, Call, Choice, Prompt, Result, Tool, subject

Body = Mapping[str, Any]

_CACHE_LEAST, _CACHE_STEP = 1024, 128
_FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tools": "tool_calls",
    "refusal": "stop",
    "filtered": "content_filter",
}
_DONE = b"data: [DONE]\n\n"


def handle(body: dict[str, Any], memory: triggers.Memory, cache: Prefixes) -> Reply:
    wire.validate(tables.CHAT, body, old=True)
    model = rules.find_model(body["model"])
    for rule in rules.RULES:
        rule(body, model)
    prompt = understand(body, model)
    said = _said(body)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    answers = [mind.answer(replace(prompt, variant=number), marks) for number in range(body.get("n") or 1)]
    talk = _Talk(body, model, answers, _usage(body, model, answers, cache), marks)
    delivery = triggers.delivery(marks)
    headers = wire.headers(talk.usage["total_tokens"])
    if body.get("stream"):
        failed = sse(
            wire.body("The server had an error while processing your request. Sorry about that!", "server_error")
        )
        return Reply(
            200, {"content-type": "text/event-stream; charset=utf-8", **headers}, b"", talk.stream(), failed, delivery
        )
    if delivery.error_after is not None:
        return wire.on_demand(triggers.Failure(500))
    return replace(json_reply(talk.whole(), 200, headers), delivery=delivery)


def understand(body: Body, model: models.OpenAI) -> Prompt:
    messages = body["messages"]
    last = _last_user(messages)
    texts = [_text(message["content"]) for message in messages if message["role"] == "user"]
    form = body.get("response_format") or {}
    stop = body.get("stop") or ()
    return Prompt(
        model=model.id,
        said=triggers.without(reading.plain(_said(body))),
        earlier=tuple(texts[:-1]),
        system="\n".join(
            _text(message["content"]) for message in messages if message["role"] in {"system", "developer"}
        ),
        results=tuple(_results(messages, last)),
        media=tuple(_media(messages)),
        tools=tuple(_tools(body)),
        choice=_choice(body),
        schema={} if form.get("type") == "json_object" else form.get("json_schema", {}).get("schema") if form else None,
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        thinking=models.THINKING[rules.effort(body, model)],
        seed=body.get("seed") or 0,
    )


def _said(body: Body) -> str:
    last = _last_user(body["messages"])
    return _text(body["messages"][last]["content"]) if last >= 0 else ""


def _last_user(messages: list[Body]) -> int:
    return max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part["type"] == "text")


def _results(messages: list[Body], last: int) -> Iterator[Result]:
    calls = {call["id"]: call[call["type"]] for message in messages for call in message.get("tool_calls") or ()}
    for message in messages[last + 1 :]:
        if message["role"] == "tool":
            call = calls[message["tool_call_id"]]
            yield Result(call["name"], _text(message["content"]), about=subject(call.get("arguments")))
        elif message["role"] == "function":
            yield Result(message["name"], message["content"] or "")


def _media(messages: list[Body]) -> Iterator[str]:
    """Every file is looked at; those of the last user message are told of."""
    last = _last_user(messages)
    for number, message in enumerate(messages):
        for place, part in enumerate(message["content"] if isinstance(message.get("content"), list) else ()):
            param = f"messages[{number}].content[{place}]"
            told = _medium(part, param)
            if told and number == last:
                yield told


def _medium(part: Body, param: str) -> str:
    if part["type"] == "image_url":
        return files.image(part["image_url"]["url"], f"{param}.image_url.url")
    if part["type"] == "file":
        return files.file(part["file"], f"{param}.file")
    if part["type"] == "input_audio":
        raise wire.refuse("Audio input is not supported by this model.", f"{param}.input_audio", "unsupported_value")
    return ""


def _tools(body: Body) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        inner = tool[tool["type"]]
        schema = (inner.get("parameters") or {}) if tool["type"] == "function" else None
        yield Tool(inner["name"], inner.get("description") or "", schema)
    for function in body.get("functions") or ():
        yield Tool(function["name"], function.get("description") or "", function.get("parameters") or {})


def _choice(body: Body) -> Choice:
    asked = body.get("tool_choice") or body.get("function_call") or "auto"
    parallel = body.get("parallel_tool_calls", True) and "functions" not in body
    if isinstance(asked, str):
        return Choice(asked, (), parallel)  # type: ignore[arg-type]  # the table admits auto, none and required alone
    if asked.get("type") == "allowed_tools":
        allowed = asked["allowed_tools"]
        return Choice(allowed["mode"], tuple(tool[tool["type"]]["name"] for tool in allowed["tools"]), parallel)
    named = asked[asked["type"]] if "type" in asked else asked
    return Choice("required", (named["name"],), parallel)


def _usage(body: Body, model: models.OpenAI, answers: list[Answer], cache: Prefixes) -> dict[str, Any]:
    messages = body["messages"]
    weights = [tokens.weigh(message) + tokens.PER_MESSAGE for message in messages]
    head = rules.input_tokens(body) - sum(weights)
    scope = f"{model.id}|{body.get('prompt_cache_key')}"
    cached = cache.implicit(scope, [body.get("tools"), *messages], [head, *weights], _CACHE_LEAST, _CACHE_STEP)
    reasoning = sum(answer.thinking_tokens for answer in answers)
    completion = reasoning + sum(spoken(answer) for answer in answers)
    prompt = head + sum(weights)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }  # fmt: skip


def spoken(answer: Answer) -> int:
    """Tokens of the visible answer and of the calls."""
    return tokens.count(answer.text) + sum(
        tokens.count(call.name) + tokens.count(arguments(call)) for call in answer.calls
    )


def arguments(call: Call) -> str:
    return (
        call.arguments
        if isinstance(call.arguments, str)
        else json.dumps(call.arguments, ensure_ascii=False, separators=(",", ":"))
    )


@dataclass(slots=True)
class _Talk:
    """One exchange, written whole or as a stream."""

    body: Body
    model: models.OpenAI
    answers: list[Answer]
    usage: dict[str, Any]
    marks: triggers.Triggers

    def whole(self) -> dict[str, Any]:
        choices = [self._choice(number, answer) for number, answer in enumerate(self.answers)]
        return {**self._head("chat.completion"), "choices": choices, "usage": self.usage, "service_tier": "default"}

    def _head(self, kind: str) -> dict[str, Any]:
        fingerprint = "fp_" + hashlib.sha256(self.model.id.encode()).hexdigest()[:10]
        name = f"{self.model.id}-{self.model.snapshot}" if self.model.snapshot else self.model.id
        return {
            "id": wire.token("chatcmpl-", 28), "object": kind, "created": wire.now(), "model": name,
            "system_fingerprint": None if self.model.reasons else fingerprint,
        }  # fmt: skip

    def _choice(self, number: int, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": answer.text or None,
            "refusal": None,
            "annotations": [],
        }
        if answer.finish == "refusal":
            message |= {"content": None, "refusal": answer.text}
        elif answer.calls and "functions" in self.body:
            message["function_call"] = {"name": answer.calls[0].name, "arguments": self._arguments(answer.calls[0])}
        elif answer.calls:
            message["tool_calls"] = [self._call(call) for call in answer.calls]
        elif not answer.text:
            message["content"] = ""
        return {
            "index": number,
            "message": message,
            "logprobs": self._logprobs(answer.text),
            "finish_reason": self._finish(answer),
        }

    def _finish(self, answer: Answer) -> str:
        usual = "function_call" if answer.calls and "functions" in self.body else _FINISH[answer.finish]
        return triggers.finish(self.marks, usual)

    def _arguments(self, call: Call) -> str:
        return arguments(call)[:-1] if "bad-arguments" in self.marks else arguments(call)

    def _call(self, call: Call) -> dict[str, Any]:
        if isinstance(call.arguments, str):
            return {"id": wire.token("call_"), "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        function = {"name": call.name, "arguments": self._arguments(call)}
        return {"id": wire.token("call_"), "type": "function", "function": function}

    def _logprobs(self, text: str) -> dict[str, Any] | None:
        if not self.body.get("logprobs"):
            return None
        return {"content": [self._logprob(token) for token in re.findall(r"\s*\S{1,6}|\s+", text)], "refusal": None}

    def _logprob(self, token: str) -> dict[str, Any]:
        likely = -0.01 * (1 + len(token) % 7)
        own = {"token": token, "logprob": likely, "bytes": list(token.encode())}
        others = [
            own,
            *(
                {"token": f"{token}{n}", "logprob": likely - n, "bytes": list(f"{token}{n}".encode())}
                for n in range(1, 20)
            ),
        ]
        return {**own, "top_logprobs": others[: self.body.get("top_logprobs") or 0]}

    def stream(self) -> Iterator[bytes]:
        head = self._head("chat.completion.chunk")
        options = self.body.get("stream_options") or {}
        extra = {"usage": None} if options.get("include_usage") else {}
        for number, answer in enumerate(self.answers):
            for delta, finish, text in self._deltas(answer):
                choice = {
                    "index": number,
                    "delta": delta,
                    "logprobs": self._logprobs(text) if text else None,
                    "finish_reason": finish,
                }
                yield self._chunk({**head, "service_tier": "default", "choices": [choice], **extra})
        if options.get("include_usage"):
            yield self._chunk({**head, "service_tier": "default", "choices": [], "usage": self.usage})
        yield _DONE

    def _chunk(self, chunk: dict[str, Any]) -> bytes:
        """With the padding that hides a chunk's length, unless the client asked for none."""
        if (self.body.get("stream_options") or {}).get("include_obfuscation", True):
            chunk["obfuscation"] = "x" * (16 - len(dumps(chunk["choices"])) % 16)
        return sse(chunk)

    def _deltas(self, answer: Answer) -> Iterator[tuple[dict[str, Any], str | None, str]]:
        """(delta, finish_reason, its text) of one choice."""
        first: dict[str, Any] = {"role": "assistant", "content": None if answer.calls else "", "refusal": None}
        yield first, None, ""
        if answer.finish == "refusal":
            yield from (({"refusal": piece}, None, "") for piece in text_pieces(answer.text))
        elif answer.calls and "functions" in self.body:
            yield from (({"function_call": fragment}, None, "") for fragment in self._legacy(answer.calls[0]))
        elif answer.calls:
            for index, call in enumerate(answer.calls):
                yield from (
                    ({"tool_calls": [{"index": index, **fragment}]}, None, "") for fragment in self._fragments(call)
                )
        else:
            yield from (({"content": piece}, None, piece) for piece in text_pieces(answer.text))
        yield {}, self._finish(answer), ""

    def _legacy(self, call: Call) -> Iterator[dict[str, Any]]:
        yield {"name": call.name, "arguments": ""}
        yield from ({"arguments": piece} for piece in argument_pieces(self._arguments(call)))

    def _fragments(self, call: Call) -> Iterator[dict[str, Any]]:
        """The header with empty arguments, then the arguments in pieces."""
        whole = self._call(call)
        kind, field = (whole["type"], "arguments" if whole["type"] == "function" else "input")
        yield {**whole, kind: {**whole[kind], field: ""}}
        yield from ({kind: {field: piece}} for piece in argument_pieces(whole[kind][field]))
