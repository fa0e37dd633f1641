"""Gemini: generateContent, streamGenerateContent, countTokens."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, tokens, triggers
from polyglot_cloud.sandbox.asgi import Reply, Request, dumps
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.gemini import files, rules, tables, wire
from polyglot_cloud.sandbox.pieces import text_pieces
from polyglot_cloud.sandbox.prompt import Answer, Choice, Prompt, Result, Tool, subject

Body = Mapping[str, Any]

_FINISH = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tools": "STOP",
    "refusal": "SAFETY",
    "filtered": "SAFETY",
}
_CACHE_LEAST, _CACHE_STEP = 4096, 1
_WITHOUT_IDS = ("gemini-2", "gemini-3-", "gemini-3.1")
_NEXT = b",\r\n"


def count(request: Request, name: str, version: str) -> Reply:
    body = wire.read(tables.COUNT, request)
    rules.find_model(name, "countTokens", version)
    whole = body.get("generateContentRequest") or body
    if not whole.get("contents"):
        raise wire.field("contents", "contents is not specified", "CountTokensRequest")
    total = rules.input_tokens(whole)
    return Reply(
        200, wire.headers(), wire.pretty({"totalTokens": total, "promptTokensDetails": _modalities(whole, total)})
    )


def handle(
    request: Request, name: str, version: str, memory: triggers.Memory, cache: Prefixes, *, stream: bool
) -> Reply:
    method = "streamGenerateContent" if stream else "generateContent"
    body = wire.read(tables.GENERATE, request)
    model = rules.find_model(name, method, version)
    for rule in rules.RULES:
        rule(body, model)
    prompt = understand(body, model)
    said = _said(body)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    candidates = (body.get("generationConfig") or {}).get("candidateCount", 1)
    answers = [mind.answer(replace(prompt, variant=number), marks) for number in range(candidates)]
    talk = _Talk(body, model, answers, _cached(body, model, cache), marks)
    delivery = triggers.delivery(marks)
    if not stream and delivery.error_after is not None:
        return wire.on_demand(triggers.Failure(500))
    if not stream:
        return Reply(200, wire.headers(), wire.pretty(talk.whole()), delivery=delivery)
    failed = wire.body(503, "The model is overloaded. Please try again later.")
    if request.query.get("alt") == "sse":
        sent = {**wire.headers(), "content-type": "text/event-stream"}
        return Reply(200, sent, b"", (_sse(chunk) for chunk in talk.chunks()), _sse(failed), delivery)
    return Reply(200, wire.headers(), b"", _array(talk.chunks()), _NEXT + dumps(failed) + b"]", delivery)


def _sse(chunk: Any) -> bytes:
    """Google ends its lines with CRLF, and its stream with the body."""
    return b"data: " + dumps(chunk) + b"\r\n\r\n"


def _array(chunks: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Without alt=sse the stream is one JSON array, written member by member."""
    opening = b"["
    for chunk in chunks:
        yield opening + dumps(chunk)
        opening = _NEXT
    yield b"\n]\n"


def understand(body: Body, model: models.Gemini) -> Prompt:
    contents = body["contents"]
    config = body.get("generationConfig") or {}
    last = _last_user(contents)
    told = [(number, files.told(part)) for number, content in enumerate(contents) for part in content["parts"]]
    return Prompt(
        model=model.id,
        said=triggers.without(reading.plain(_said(body))),
        earlier=tuple(_text(content) for content in contents[: max(last, 0)] if content.get("role") != "model"),
        system=_text(body.get("systemInstruction") or {}),
        results=tuple(_results(contents, last)),
        media=tuple(words for number, words in told if words and number == last),
        tools=tuple(_tools(body)),
        choice=_choice(body),
        schema=_schema(config),
        limit=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        thinking=models.THINKING[rules.effort(body, model)],
        seed=config.get("seed", 0),
    )


def _schema(config: Body) -> Any:
    if config.get("responseMimeType") != "application/json":
        return config.get("responseSchema") if config.get("responseMimeType") == "text/x.enum" else None
    return config.get("responseJsonSchema") or config.get("responseSchema") or {}


def _last_user(contents: list[Body]) -> int:
    """The user's last content with words or files; function responses alone are none."""
    return max(
        (number for number, content in enumerate(contents) if content.get("role") != "model" and _speaks(content)),
        default=-1,
    )


def _speaks(content: Body) -> bool:
    return any({"inlineData", "fileData"} & part.keys() for part in content["parts"]) or bool(
        reading.plain(_text(content))
    )


def _said(body: Body) -> str:
    last = _last_user(body["contents"])
    return _text(body["contents"][last]) if last >= 0 else ""


def _text(content: Body) -> str:
    return "\n".join(part["text"] for part in content.get("parts") or () if "text" in part and not part.get("thought"))


def _results(contents: list[Body], last: int) -> Iterator[Result]:
    """Responses after the user's last words, each with the call it answers."""
    called: list[Mapping[str, Any]] = []
    for number, content in enumerate(contents):
        called = rules.calls(content) or called
        for place, response in enumerate(rules.responses(content) if number > last else ()):
            own = [call for call in called if response.get("id") and call.get("id") == response["id"]] or called[
                place : place + 1
            ]
            given = response["response"]
            value = next(iter(given.values())) if len(given) == 1 else dict(given)
            words = value if isinstance(value, str) else dumps(value).decode()
            about = subject(own[0].get("args") or {}) if own else ""
            yield Result(response["name"], words, "error" in given, about)


def _tools(body: Body) -> Iterator[Tool]:
    for _, declaration in rules.declarations(body):
        schema = (
            declaration.get("parametersJsonSchema")
            or declaration.get("parameters")
            or {"type": "object", "properties": {}}
        )
        yield Tool(declaration["name"], declaration.get("description", ""), schema)


def _choice(body: Body) -> Choice:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = {"ANY": "required", "NONE": "none"}.get(config.get("mode", ""), "auto")
    return Choice(mode, tuple(config.get("allowedFunctionNames") or ()))  # type: ignore[arg-type]  # the three words of Choice


def _cached(body: Body, model: models.Gemini, cache: Prefixes) -> int:
    contents = body["contents"]
    weights = [rules.weigh(content) for content in contents]
    head = rules.input_tokens(body) - sum(weights)
    keys = [
        dumps(_printable(piece)).decode() for piece in ([body.get("systemInstruction"), body.get("tools")], *contents)
    ]
    return cache.implicit(model.id, keys, [head, *weights], _CACHE_LEAST, _CACHE_STEP)


def _printable(value: Any) -> Any:
    """Bytes fields, which the parser has decoded, as text again."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: _printable(item) for name, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def _modalities(body: Body, total: int) -> list[dict[str, Any]]:
    """The input's tokens by kind."""
    parts = [part for content in body.get("contents") or () for part in content.get("parts") or ()]
    kinds = [_modality(part["inlineData"].get("mimeType", "")) for part in parts if "inlineData" in part]
    found = [{"modality": kind, "tokenCount": tokens.IMAGE * kinds.count(kind)} for kind in dict.fromkeys(kinds)]
    rest = total - tokens.IMAGE * len(kinds)
    return [{"modality": "TEXT", "tokenCount": rest}, *found]


def _modality(kind: str) -> str:
    return {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO", "text": "TEXT"}.get(
        kind.split("/", maxsplit=1)[0], "DOCUMENT"
    )


@dataclass(slots=True)
class _Talk:
    """One exchange, written whole or in chunks."""

    body: Body
    model: models.Gemini
    answers: list[Answer]
    cached: int
    marks: triggers.Triggers

    def whole(self) -> dict[str, Any]:
        head = self._head()
        if self._blocked():
            return {**self._block(), **head}
        candidates = [self._candidate(number, answer) for number, answer in enumerate(self.answers)]
        return {"candidates": candidates, "usageMetadata": self._usage(self._spoken(), self._thought()), **head}

    def _candidate(self, number: int, answer: Answer) -> dict[str, Any]:
        parts = [*self._thoughts(answer), *self._parts(answer)]
        candidate: dict[str, Any] = (
            {"content": {"parts": parts, "role": "model"}} if parts else {"content": {"role": "model"}}
        )
        return {**candidate, **self._finish(answer), "index": number}

    def _finish(self, answer: Answer) -> dict[str, Any]:
        extra = {"finishMessage": "Model generated function call(s)."} if answer.calls else {}
        return {"finishReason": triggers.finish(self.marks, _FINISH[answer.finish], upper=True), **extra}

    def _thoughts(self, answer: Answer) -> Iterator[dict[str, Any]]:
        config = (self.body.get("generationConfig") or {}).get("thinkingConfig") or {}
        if config.get("includeThoughts") and answer.thinking_tokens:
            yield {"text": answer.thinking, "thought": True}

    def _parts(self, answer: Answer) -> list[dict[str, Any]]:
        if answer.calls:
            return [self._call(number, call.name, call.arguments) for number, call in enumerate(answer.calls)]
        part = {"text": answer.text}
        if self._signs(answer):
            part["thoughtSignature"] = rules.sign(self.model, secrets.token_hex(8))
        return [part] if answer.text or self._signs(answer) else []

    def _signs(self, answer: Answer) -> bool:
        return self.model.signs and bool(answer.thinking_tokens) and answer.finish != "length"

    def _call(self, number: int, name: str, arguments: Any) -> dict[str, Any]:
        """Only the first of parallel calls carries a signature."""
        call = {"name": name, "args": arguments}
        if not self.model.id.startswith(_WITHOUT_IDS):
            call["id"] = secrets.token_hex(4)
        signature = (
            {"thoughtSignature": rules.sign(self.model, secrets.token_hex(8))}
            if self.model.signs and number == 0
            else {}
        )
        return {"functionCall": call, **signature}

    def chunks(self) -> Iterator[dict[str, Any]]:
        """Whole responses with new parts each. Calls come whole; a signature of a text comes last, with an empty text."""
        head = self._head()
        if self._blocked():
            yield {**self._block(), **head}
            return
        said = 0
        for number, answer in enumerate(self.answers):
            for part in self._thoughts(answer):
                yield self._chunk(number, [part], said, {}, head)
            for parts, final in self._pieces(answer):
                said += sum(tokens.count(part.get("text", "")) for part in parts)
                last = final and number == len(self.answers) - 1
                yield self._chunk(
                    number,
                    parts,
                    self._spoken() if last else min(said, self._spoken()),
                    self._finish(answer) if final else {},
                    head,
                )

    def _pieces(self, answer: Answer) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """(parts, whether these are the last)."""
        if answer.calls or not answer.text:
            yield self._parts(answer), True
            return
        pieces = list(text_pieces(answer.text))
        signed = self._signs(answer)
        for place, piece in enumerate(pieces):
            yield [{"text": piece}], not signed and place == len(pieces) - 1
        if signed:
            yield [{"text": "", "thoughtSignature": rules.sign(self.model, secrets.token_hex(8))}], True

    def _chunk(
        self, number: int, parts: list[dict[str, Any]], said: int, finish: dict[str, Any], head: dict[str, Any]
    ) -> dict[str, Any]:
        content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        return {
            "candidates": [{"content": content, **finish, "index": number}],
            "usageMetadata": self._usage(said, self._thought()),
            **head,
        }

    def _head(self) -> dict[str, Any]:
        return {"modelVersion": self.model.id, "responseId": secrets.token_urlsafe(12)}

    def _blocked(self) -> bool:
        return self.answers[0].finish == "refusal"

    def _block(self) -> dict[str, Any]:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": self._usage(0, 0)}

    def _spoken(self) -> int:
        return sum(
            tokens.count(answer.text) + sum(tokens.count(c.name) + tokens.weigh(c.arguments) for c in answer.calls)
            for answer in self.answers
        )

    def _thought(self) -> int:
        return sum(answer.thinking_tokens for answer in self.answers)

    def _usage(self, said: int, thought: int) -> dict[str, Any]:
        """Thoughts are no part of the candidates' count."""
        prompt = rules.input_tokens(self.body)
        usage: dict[str, Any] = {"promptTokenCount": prompt}
        if said:
            usage["candidatesTokenCount"] = said
        usage["totalTokenCount"] = prompt + said + thought
        if self.cached:
            usage["cachedContentTokenCount"] = self.cached
            usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": self.cached}]
        usage["promptTokensDetails"] = _modalities(self.body, prompt)
        if thought:
            usage["thoughtsTokenCount"] = thought
        return usage
