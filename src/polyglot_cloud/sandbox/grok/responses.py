"""xAI: POST /v1/responses, GET and DELETE /v1/responses/{id}."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.sandbox import mind, models, reading, tokens, triggers
from polyglot_cloud.sandbox.asgi import Delivery, Reply, Request, json_reply
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.grok import files, tables, wire
from polyglot_cloud.sandbox.grok.chat import CACHE_LEAST, FINGERPRINT, arguments, effort, spoken
from polyglot_cloud.sandbox.prompt import Answer, Choice, Prompt, Result, Tool, subject
from polyglot_cloud.sandbox.response_events import EventWriter
from polyglot_cloud.sandbox.seal import seal, unseal
from polyglot_cloud.sandbox.store import Item, Store

Body = Mapping[str, Any]

_ENCRYPTED = "reasoning.encrypted_content"
_DONE = b"data: [DONE]\n\n"
_REFUSED_IN_TOOLS = ("search_context_size", "user_location", "container", "filters")
_SEALED_TURN = re.compile(r"^(?:fc|msg)_(e[0-9a-f]{7}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:_|$)")
_TEXTS = {"input_text", "output_text"}
_FILES = {"input_image", "input_file"}


def handle(request: Request, memory: triggers.Memory, cache: Prefixes, store: Store) -> Reply:
    body = wire.decode(request)
    wire.validate(tables.RESPONSES, body, request)
    if not body.get("model"):
        raise wire.refuse("A model must be given.")
    model = wire.find_model(body["model"])
    _check(body, model)
    items = _expand(body, store)
    _thoughts(items)
    prompt = understand(body, items, model)
    said = _said(items)
    if failure := triggers.failure(said, memory):
        return wire.on_demand(failure)
    marks = triggers.find(said)
    if other := triggers.instead(marks):
        return other
    answer = mind.answer(prompt, marks)
    if answer.finish == "refusal":
        return wire.unsafe()
    turn = _Turn(body, model, answer, _usage(body, items, model, answer, cache))
    return _reply(turn, items, store, triggers.delivery(marks))


def _reply(turn: "_Turn", items: list[Item], store: Store, delivery: Delivery) -> Reply:
    output = list(turn.output())
    final = turn.response(output)
    if final["store"]:
        store.keep(items, final)
    headers = wire.headers(turn.usage["total_tokens"])
    if not turn.body.get("stream"):
        if delivery.error_after is not None:
            return wire.on_demand(triggers.Failure(529))
        return replace(json_reply(final, 200, headers), delivery=delivery)
    started = {
        **final,
        "output": [],
        "usage": None,
        "completed_at": None,
        "incomplete_details": None,
        "status": "in_progress",
    }
    failed = EventWriter().error("capacity", "The model is at capacity.")
    sent = {"content-type": "text/event-stream", **headers}
    return Reply(
        200, sent, b"", _ended(EventWriter(whole_arguments=True).stream(started, output, final)), failed, delivery
    )


def _ended(events: Iterator[bytes]) -> Iterator[bytes]:
    """Unlike OpenAI's, xAI's stream has a mark after its last event."""
    yield from events
    yield _DONE


def get(response_id: str, store: Store) -> Reply:
    found = store.response(response_id)
    if found is None:
        raise wire.refuse(f"Response with id={response_id} not found.", 404, "Some requested entity was not found")
    return json_reply(found, 200, wire.headers())


def delete(response_id: str, store: Store) -> Reply:
    if not store.delete(response_id):
        raise wire.refuse(f"Response with id={response_id} not found.", 404, "Some requested entity was not found")
    return json_reply({"id": response_id, "object": "response", "deleted": True}, 200, wire.headers())


def _check(body: Body, model: models.Grok) -> None:
    if body.get("search_parameters") is not None:
        raise wire.gone()
    if body.get("background"):
        raise wire.refuse("Background mode is not supported.")
    if body.get("instructions") and body.get("previous_response_id"):
        raise wire.refuse("Instructions cannot be set together with previous_response_id.")
    _effort(body, model)
    wire.schema(((body.get("text") or {}).get("format") or {}).get("schema"))
    for tool in body.get("tools") or ():
        wire.schema(tool.get("parameters"))
        if tool["type"] == "function" and not model.tools:
            raise wire.refuse("Client side tools are not supported for multi-agent models.")
        for name in _REFUSED_IN_TOOLS:
            if tool["type"] != "function" and tool.get(name) is not None:
                raise wire.refuse(f"Argument not supported: {name}")
    if body.get("tool_choice") not in (None, "auto", "none") and not body.get("tools"):
        raise wire.refuse("A tool_choice was set on the request but no tools were specified.")


def _effort(body: Body, model: models.Grok) -> str:
    return effort((body.get("reasoning") or {}).get("effort") or body.get("reasoning_effort"), model)


def _expand(body: Body, store: Store) -> list[Item]:
    given = body["input"]
    new: list[Item] = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    previous = body.get("previous_response_id")
    before = store.history(previous) if previous else []
    if before is None:
        raise wire.refuse(f"Response with id={previous} not found.", 404, "Some requested entity was not found")
    return before + new


def _thoughts(items: list[Item]) -> None:
    """Encrypted reasoning comes back unaltered, and is not left out where the calls of its turn come back."""
    present = set()
    for item in items:
        sealed = item.get("encrypted_content") if item.get("type") == "reasoning" else None
        if sealed and unseal("grok", sealed) is None:
            raise wire.refuse("Could not decrypt the provided encrypted_content. Please return it unchanged.")
        if sealed or item.get("kept"):
            present.add(str(item.get("id", "")).removeprefix("rs_"))
    for item in items:
        turn = _SEALED_TURN.match(str(item.get("id", "")))
        if turn and turn[1] not in present and not item.get("kept"):
            raise wire.refuse(f"The encrypted reasoning of item {item['id']} is missing. Please return it unchanged.")


def understand(body: Body, items: list[Item], model: models.Grok) -> Prompt:
    last = _last_user(items)
    form = (body.get("text") or {}).get("format") or {}
    messages = [(item["role"], _text(item["content"])) for item in items if item.get("type", "message") == "message"]
    system = [text for role, text in messages if role in {"system", "developer"}]
    told = [(number, _medium(part)) for number, item in enumerate(items) for part in _parts(item)]
    return Prompt(
        model=model.id,
        said=triggers.without(reading.plain(_said(items))),
        earlier=tuple(_text(item["content"]) for item in items[: max(last, 0)] if item.get("role") == "user"),
        system="\n".join([body.get("instructions") or "", *system]),
        results=tuple(_results(items, last)),
        media=tuple(words for number, words in told if words and number == last),
        tools=tuple(
            Tool(tool["name"], tool.get("description") or "", _schema(tool))
            for tool in body.get("tools") or ()
            if tool["type"] == "function"
        ),
        choice=_choice(body),
        schema={} if form.get("type") == "json_object" else form.get("schema"),
        limit=body.get("max_output_tokens"),
        limit_counts_thinking=False,
        thinking=models.THINKING[_effort(body, model)],
    )


def _schema(tool: Body) -> Mapping[str, Any]:
    return tool["parameters"] if isinstance(tool["parameters"], Mapping) else {}


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
    return (
        content if isinstance(content, str) else "\n".join(part["text"] for part in content if part["type"] in _TEXTS)
    )


def _parts(item: Item) -> list[Body]:
    content = item.get("content") if item.get("type", "message") == "message" else item.get("output")
    return content if isinstance(content, list) else []


def _medium(part: Body) -> str:
    if part["type"] == "input_image":
        return files.image(part["image_url"])
    return files.file(dict(part)) if part["type"] == "input_file" else ""


def _results(items: list[Item], last: int) -> Iterator[Result]:
    calls = {item["call_id"]: item for item in items if item.get("type") == "function_call"}
    for item in items[last + 1 :]:
        if item.get("type") == "function_call_output":
            call = calls.get(item["call_id"], {"name": item["call_id"], "arguments": "{}"})
            yield Result(call["name"], _text(item["output"]), about=subject(call["arguments"]))


def _choice(body: Body) -> Choice:
    asked = body.get("tool_choice") or "auto"
    parallel = body.get("parallel_tool_calls") is not False
    if isinstance(asked, str):
        return Choice(asked, (), parallel)  # type: ignore[arg-type]  # the table admits auto, none and required alone
    return Choice("required", (asked["name"],), parallel)


def _usage(body: Body, items: list[Item], model: models.Grok, answer: Answer, cache: Prefixes) -> dict[str, Any]:
    weights = [tokens.weigh({k: v for k, v in item.items() if k != "kept"}) + tokens.PER_MESSAGE for item in items]
    head = sum(tokens.weigh(value) for value in (body.get("instructions"), body.get("tools"), body.get("text")))
    pieces = [[body.get("instructions"), body.get("tools")], *items]
    cached = cache.implicit(
        f"responses|{model.id}|{body.get('prompt_cache_key')}", pieces, [head, *weights], CACHE_LEAST, 1
    )
    total = head + sum(weights)
    output = spoken(answer) + answer.thinking_tokens
    return {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
        "total_tokens": total + output,
        "num_sources_used": 0,
        "num_server_side_tools_used": 0,
        "cost_in_usd_ticks": wire.ticks(model, total, cached, output),
    }


@dataclass(slots=True)
class _Turn:
    """One response being written. A turn whose reasoning was sealed is known by its id, which begins with e."""

    body: Body
    model: models.Grok
    answer: Answer
    usage: dict[str, Any]
    id: str = ""

    def __post_init__(self) -> None:
        self.id = ("e" if self._sealed else "0") + str(uuid.uuid4())[1:]

    @property
    def _sealed(self) -> bool:
        return bool(self.answer.thinking_tokens) and (
            self.model.encrypted or _ENCRYPTED in (self.body.get("include") or ())
        )

    def output(self) -> Iterator[Item]:
        if self.answer.thinking_tokens:
            yield self._reasoning()
        if self.answer.text or not self.answer.calls:
            content = [{"type": "output_text", "text": self.answer.text, "logprobs": [], "annotations": []}]
            status = "incomplete" if self.answer.finish == "length" else "completed"
            yield {"content": content, "id": f"msg_{self.id}", "role": "assistant", "type": "message", "status": status}
        for number, call in enumerate(self.answer.calls):
            yield {
                "arguments": arguments(call), "call_id": wire.call_id(), "name": call.name, "type": "function_call",
                "id": f"fc_{self.id}_{number}",
                "status": "completed",
            }  # fmt: skip

    def _reasoning(self) -> Item:
        summary = [{"type": "summary_text", "text": self.answer.thinking}] if self.model.shows else []
        item: Item = {"id": f"rs_{self.id}", "summary": summary, "type": "reasoning", "status": "completed"}
        return item | ({"encrypted_content": seal("grok", {"id": self.id})} if self._sealed else {})

    def response(self, output: list[Item]) -> dict[str, Any]:
        body, length = self.body, self.answer.finish == "length"
        repeated = (
            "instructions",
            "max_output_tokens",
            "previous_response_id",
            "prompt_cache_key",
            "safety_identifier",
            "user",
        )
        return {
            **{name: body.get(name) for name in repeated},
            "id": self.id,
            "object": "response",
            "created_at": wire.now(),
            "completed_at": wire.now(),
            "model": self.model.id,
            "output": output,
            "status": "incomplete" if length else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if length else None,
            "error": None,
            "usage": self.usage,
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "reasoning": {"effort": _effort(body, self.model) if self.model.efforts else None, "summary": None},
            "store": body.get("store") is not False,
            "temperature": body.get("temperature"),
            "top_p": body.get("top_p"),
            "text": {"format": (body.get("text") or {}).get("format") or {"type": "text"}},
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": body.get("tools") or [],
            "metadata": {"system_fingerprint": FINGERPRINT},
            "background": False,
            "service_tier": "default",
            "truncation": "disabled",
            "top_logprobs": 0,
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "max_tool_calls": None,
        }
