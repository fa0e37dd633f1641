"""OpenAI: POST /v1/responses, /v1/responses/input_tokens, GET and DELETE /v1/responses/{id}."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, triggers
from polyglot_cloud.sandbox.asgi import Reply, json_reply
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.openai import files, tables, wire
from polyglot_cloud.sandbox.openai import response_rules as rules
from polyglot_cloud.sandbox.openai.chat import arguments, spoken
from polyglot_cloud.sandbox.prompt import Answer, Call, Choice, Prompt, Result, Tool, subject
from polyglot_cloud.sandbox.response_events import EventWriter
from polyglot_cloud.sandbox.seal import seal
from polyglot_cloud.sandbox.store import Item, Store

Body = Mapping[str, Any]

_CACHE_LEAST, _CACHE_STEP = 1024, 128
_TEXTS = {"input_text", "output_text"}
_FILES = {"input_image", "input_file"}
_CUT_SHORT = {"length": "max_output_tokens", "filtered": "content_filter"}


def get(response_id: str, store: Store) -> Reply:
    """GET /v1/responses/{id}."""
    found = store.response(response_id)
    if found is None:
        raise _no_response(response_id)
    return json_reply(found, 200, wire.headers())


def delete(response_id: str, store: Store) -> Reply:
    """DELETE /v1/responses/{id}."""
    if not store.delete(response_id):
        raise _no_response(response_id)
    return json_reply({"id": response_id, "object": "response", "deleted": True}, 200, wire.headers())


def _no_response(response_id: str) -> Exception:
    return wire.refuse(f"Response with id '{response_id}' not found.", None, None, 404)


def count(body: dict[str, Any], store: Store) -> Reply:
    """POST /v1/responses/input_tokens."""
    wire.validate(tables.COUNT, body, old=False)
    rules.find_model(body.get("model"))
    items = expand(body, store)
    return json_reply(
        {"object": "response.input_tokens", "input_tokens": rules.input_tokens(body, items)}, 200, wire.headers()
    )


def handle(body: dict[str, Any], memory: triggers.Memory, cache: Prefixes, store: Store) -> Reply:
    wire.validate(tables.RESPONSES, body, old=False)
    model = rules.find_model(body.get("model"))
    for rule in rules.BODY_RULES:
        rule(body, model)
    items = expand(body, store)
    body = with_all_tools(body, items)
    rules.tools(body)
    for item_rule in rules.ITEM_RULES:
        item_rule(items)
    rules.formats(body, items)
    rules.context(body, items, model)
    dropped = rules.thoughts(body, items)
    prompt = understand(body, items, model)
    said = _said(items)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    answer = mind.answer(prompt, marks)
    turn = _Turn(body, model, answer, _usage(body, items, model, answer, cache), dropped, failed="failed" in marks)
    return _reply(turn, items, store, triggers.delivery(marks))


def _reply(turn: "_Turn", items: list[Item], store: Store, delivery: Any) -> Reply:
    output = list(turn.output())
    final = turn.response(output)
    if final["store"] and final["status"] != "failed":
        store.keep(items, final)
    headers = wire.headers(turn.usage["total_tokens"])
    if not turn.body.get("stream"):
        if delivery.error_after is not None:
            return wire.on_demand(triggers.Failure(500))
        return replace(json_reply(final, 200, headers), delivery=delivery)
    padded = (turn.body.get("stream_options") or {}).get("include_obfuscation", True)
    events = EventWriter(obfuscate=padded).stream(turn.started(final), output, final)
    error = EventWriter().error(
        "server_error", "The server had an error while processing your request. Sorry about that!"
    )
    return Reply(200, {"content-type": "text/event-stream; charset=utf-8", **headers}, b"", events, error, delivery)


def with_all_tools(body: dict[str, Any], items: list[Item]) -> dict[str, Any]:
    """The body with the tools that `additional_tools` items bring (Codex sends all of its own so)."""
    more = [tool for item in items if item.get("type") == "additional_tools" for tool in item.get("tools") or ()]
    return {**body, "tools": [*(body.get("tools") or ()), *more]} if more else body


def expand(body: Body, store: Store) -> list[Item]:
    """The whole conversation as items: what is stored, then the input; references resolved."""
    given = body.get("input") or []
    new = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else list(given)
    previous = body.get("previous_response_id")
    before = store.history(previous) if previous else []
    if before is None:
        raise wire.refuse(
            f"Previous response with id '{previous}' not found.", "previous_response_id", "previous_response_not_found"
        )
    return before + [_referred(item, store) if item.get("type") == "item_reference" else item for item in new]


def _referred(item: Body, store: Store) -> Item:
    found = store.item(item["id"])
    if found is None:
        raise wire.refuse(f"Item with id '{item['id']}' not found.", "input", None, 404)
    return found


def understand(body: Body, items: list[Item], model: models.OpenAI) -> Prompt:
    last = _last_user(items)
    messages = [(item["role"], _text(item["content"])) for item in items if item.get("type", "message") == "message"]
    users = [text for role, text in messages if role == "user"]
    system = [text for role, text in messages if role in {"system", "developer"}]
    form = (body.get("text") or {}).get("format") or {}
    return Prompt(
        model=model.id,
        said=triggers.without(reading.plain(_said(items))),
        earlier=tuple(users[:-1]),
        system="\n".join([body.get("instructions") or "", *system]),
        results=tuple(_results(items, last)),
        media=tuple(_media(items, last)),
        tools=tuple(_tools(body)),
        choice=_choice(body),
        schema={} if form.get("type") == "json_object" else form.get("schema"),
        limit=body.get("max_output_tokens"),
        thinking=models.THINKING[rules.effort(body, model)],
    )


def _last_user(items: list[Item]) -> int:
    """The user's last message with words or files of their own; what a client wraps in tags is none."""
    return max(
        (number for number, item in enumerate(items) if item.get("role") == "user" and _speaks(item["content"])),
        default=-1,
    )


def _speaks(content: Any) -> bool:
    has_file = not isinstance(content, str) and any(part["type"] in _FILES for part in content)
    return has_file or bool(reading.plain(_text(content)))


def _said(items: list[Item]) -> str:
    last = _last_user(items)
    return _text(items[last]["content"]) if last >= 0 else ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] in _TEXTS)


def _results(items: list[Item], last: int) -> Iterator[Result]:
    calls = {item["call_id"]: item for item in items if item.get("type") in {"function_call", "custom_tool_call"}}
    for item in items[last + 1 :]:
        if item.get("type") in {"function_call_output", "custom_tool_call_output"}:
            call = calls[item["call_id"]]
            yield Result(call["name"], _text(item["output"]), about=subject(call.get("arguments")))


def _media(items: list[Item], last: int) -> Iterator[str]:
    for number, item in enumerate(items):
        content = item.get("content") if item.get("type", "message") == "message" else item.get("output")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            told = _medium(part, f"input[{number}].content[{place}]")
            if told and number == last:
                yield told


def _medium(part: Body, param: str) -> str:
    if part["type"] == "input_image":
        if not part.get("image_url"):
            return files.file(part, param) if part.get("file_id") else files.image("", f"{param}.image_url")
        return files.image(part["image_url"], f"{param}.image_url")
    if part["type"] == "input_file":
        return f"a file at {part['file_url'].split('/')[2]}" if part.get("file_url") else files.file(part, param)
    return ""


def _tools(body: Body) -> Iterator[Tool]:
    for _, tool in rules.functions(body):
        schema = (tool.get("parameters") or {}) if tool["type"] == "function" else None
        if schema is not None and tool.get("strict") is None:
            schema = rules.closed(schema)
        yield Tool(tool["name"], tool.get("description") or "", schema)


def _choice(body: Body) -> Choice:
    asked = body.get("tool_choice") or "auto"
    parallel = body.get("parallel_tool_calls") is not False
    if isinstance(asked, str):
        return Choice(asked, (), parallel)  # type: ignore[arg-type]  # the table admits none, auto and required alone
    if asked["type"] == "allowed_tools":
        return Choice(asked["mode"], tuple(str(tool.get("name")) for tool in asked["tools"]), parallel)
    if asked["type"] in {"function", "custom"}:
        return Choice("required", (asked["name"],), parallel)
    return Choice("none", (), parallel)


def _usage(body: Body, items: list[Item], model: models.OpenAI, answer: Answer, cache: Prefixes) -> dict[str, Any]:
    weights = [rules.weigh(item) for item in items]
    total = rules.input_tokens(body, items)
    pieces = [[body.get("instructions"), body.get("tools")], *items]
    scope = f"responses|{model.id}|{body.get('prompt_cache_key')}"
    cached = cache.implicit(scope, pieces, [total - sum(weights), *weights], _CACHE_LEAST, _CACHE_STEP)
    output = answer.thinking_tokens + spoken(answer)
    return {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
        "total_tokens": total + output,
    }


@dataclass(slots=True)
class _Turn:
    """One response being written."""

    body: Body
    model: models.OpenAI
    answer: Answer
    usage: dict[str, Any]
    dropped: list[dict[str, Any]]
    failed: bool = False
    stem: str = ""

    def __post_init__(self) -> None:
        self.stem = wire.token("", 24)

    def output(self) -> Iterator[Item]:
        if self.failed:
            return
        mark = "r" if self.answer.thinking_tokens else "n"
        if self.answer.thinking_tokens:
            yield self._reasoning()
        status = "incomplete" if self.answer.finish in _CUT_SHORT else "completed"
        if self.answer.finish == "refusal":
            yield self._message([{"type": "refusal", "refusal": self.answer.text}], mark, status)
        elif self.answer.text or not (self.answer.calls or self.answer.finish == "length"):
            yield self._message(
                [{"type": "output_text", "text": self.answer.text, "annotations": [], "logprobs": []}], mark, status
            )
        for number, call in enumerate(self.answer.calls):
            yield self._call(call, f"{mark}{number + 1}")

    def _message(self, content: list[dict[str, Any]], mark: str, status: str) -> Item:
        return {
            "id": f"msg_{self.stem}_{mark}0",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
            "phase": "final_answer",
        }

    def _reasoning(self) -> Item:
        own_id = f"rs_{self.stem}"
        wants_summary = (self.body.get("reasoning") or {}).get("summary") or (self.body.get("reasoning") or {}).get(
            "generate_summary"
        )
        item: Item = {"id": own_id, "type": "reasoning", "summary": []}
        if wants_summary:
            item["summary"] = [{"type": "summary_text", "text": self.answer.thinking}]
        if "reasoning.encrypted_content" in (self.body.get("include") or ()):
            item["encrypted_content"] = "gAAAAA" + seal("openai", {"id": own_id, "m": self.body["model"]})
        return item

    def _call(self, call: Call, mark: str) -> Item:
        space = next(
            (
                tool["namespace"]
                for _, tool in rules.functions(self.body)
                if tool["name"] == call.name and "namespace" in tool
            ),
            None,
        )
        common = {"call_id": wire.token("call_"), "name": call.name, "status": "completed"} | (
            {"namespace": space} if space else {}
        )
        if isinstance(call.arguments, str):
            return {"id": f"ctc_{self.stem}_{mark}", "type": "custom_tool_call", "input": call.arguments, **common}
        return {"id": f"fc_{self.stem}_{mark}", "type": "function_call", "arguments": arguments(call), **common}

    def response(self, output: list[Item]) -> dict[str, Any]:
        """The finished response."""
        reason = _CUT_SHORT.get(self.answer.finish)
        status = "failed" if self.failed else "incomplete" if reason else "completed"
        error = {"code": "server_error", "message": "The sandbox was asked to fail."} if self.failed else None
        return {
            **self._settings(),
            "id": f"resp_{self.stem}",
            "object": "response",
            "created_at": wire.now(),
            "completed_at": wire.now() if status == "completed" else None,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": output,
            "usage": None if self.failed else self.usage,
            **({"input_transformations": self.dropped} if self.dropped else {}),
        }

    def started(self, final: dict[str, Any]) -> dict[str, Any]:
        empty: dict[str, Any] = {
            "output": [],
            "usage": None,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
        }
        return {**final, **empty, "status": "in_progress"}

    def _settings(self) -> dict[str, Any]:
        """The request, as the vendor repeats it with its defaults."""
        body, model = self.body, self.model
        asked = body.get("reasoning") or {}
        text = body.get("text") or {}
        effort = rules.effort(body, model) if model.reasons else None
        repeated = (
            "instructions",
            "max_output_tokens",
            "max_tool_calls",
            "previous_response_id",
            "prompt_cache_key",
            "safety_identifier",
            "user",
        )
        return {
            **{name: body.get(name) for name in repeated},
            "background": False,
            "model": f"{model.id}-{model.snapshot}" if model.snapshot else model.id,
            "metadata": body.get("metadata") or {},
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "reasoning": {"effort": effort, "summary": asked.get("summary")},
            "service_tier": "default",
            "store": body.get("store") is not False,
            "temperature": body.get("temperature", 1.0),
            "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": [self._tool(tool) for tool in body.get("tools") or ()],
            "top_logprobs": body.get("top_logprobs") or 0,
            "top_p": body.get("top_p", 1.0),
            "truncation": body.get("truncation") or "disabled",
        }

    @staticmethod
    def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
        if tool["type"] != "function":
            return dict(tool)
        strict = tool.get("strict") is not False
        schema = rules.closed(tool.get("parameters")) if tool.get("strict") is None else tool.get("parameters")
        return {**tool, "description": tool.get("description"), "parameters": schema, "strict": strict}
