"""What Anthropic refuses though the types are right: by model, by version, and between messages."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from polyglot_cloud.sandbox import cache, grammar, models
from polyglot_cloud.sandbox.anthropic import wire
from polyglot_cloud.sandbox.anthropic.turns import Placed, Turn, as_blocks, everything, turns, unmarked
from polyglot_cloud.sandbox.anthropic.wire import refuse
from polyglot_cloud.sandbox.seal import seal, unseal

Body = Mapping[str, Any]
Model = models.Claude

_SAMPLING = ("temperature", "top_p", "top_k")
_MOST_MARKS = 4
_SCHEMA_WORDS = frozenset(
    [
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "const",
        "anyOf",
        "allOf",
        "$defs",
        "definitions",
        "$ref",
        "description",
        "title",
        "minItems",
        "format",
        "additionalProperties",
        "default",
    ]
)


def find_model(name: str) -> Model:
    row = models.CLAUDE.get(models.CLAUDE_ALIASES.get(name, name))
    if row is None:
        raise refuse(f"model: {name}", 404)
    return row


def effort(body: Body, model: Model) -> str:
    return str((body.get("output_config") or {}).get("effort") or model.default_effort)


def thinks(body: Body, model: Model) -> bool:
    """Whether this request will think."""
    asked = (body.get("thinking") or {}).get("type")
    if asked == "between_tools":
        return bool(turns(body["messages"])[-1].of("tool_result"))
    return model.on if asked is None else asked != "disabled"


def sampling(body: Body, model: Model) -> None:
    given = [name for name in _SAMPLING if name in body]
    if given and not model.sampling:
        raise refuse(f"{given[0]}: sampling parameters are not supported on {model.id}")
    if model.prefill and {"temperature", "top_p"} <= set(given):
        raise refuse("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if (body.get("thinking") or {}).get("type") in {"enabled", "adaptive"} and body.get("temperature", 1) != 1:
        raise refuse("`temperature` may only be set to 1 when thinking is enabled.")


def limits(body: Body, model: Model) -> None:
    limit = body.get("max_tokens", 0)
    if limit > model.output:
        raise refuse(
            f"max_tokens: {limit} > {model.output}, which is the maximum allowed number of output tokens for {body['model']}"
        )
    for stop in body.get("stop_sequences") or ():
        if not stop.strip():
            raise refuse("stop_sequences: each stop sequence must contain non-whitespace")


def thinking(body: Body, model: Model) -> None:
    asked = body.get("thinking") or {}
    kind, level = asked.get("type"), effort(body, model)
    if kind and kind not in model.thinking:
        raise refuse(
            f'"thinking.type.{kind}" is not supported for this model. Supported: {wire.listed(model.thinking)}.'
        )
    if kind == "enabled" and "max_tokens" in body and asked["budget_tokens"] >= body["max_tokens"]:
        raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if kind in {"between_tools", "disabled"} and model.on and level in {"xhigh", "max"}:
        raise refuse(f'"thinking.type.{kind}" is not supported at effort {level}.')


def efforts(body: Body, model: Model) -> None:
    asked = (body.get("output_config") or {}).get("effort")
    if asked and not model.efforts:
        raise refuse("This model does not support the effort parameter.")
    if asked and asked not in model.efforts:
        raise refuse(f"output_config.effort: Input should be {wire.listed(model.efforts)} for {model.id}")


def tools(body: Body, model: Model) -> None:
    offered = body.get("tools") or []
    names = [tool["name"] for tool in offered if "name" in tool]
    if len(set(names)) != len(names):
        raise refuse("tools: Tool names must be unique.")
    blocks = {placed.kind for placed in everything(body["messages"])}
    if not offered and blocks & {"tool_use", "tool_result"}:
        raise refuse("Requests which include `tool_use` or `tool_result` blocks must define tools")
    for number, tool in enumerate(offered):
        if "input_schema" in tool and (told := grammar.problem(tool["input_schema"])):
            raise refuse(
                f"tools.{number}.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12: {told}"
            )
        if tool.get("strict"):
            strict_schema(tool["input_schema"], f"tools.{number}.custom.input_schema")
    _choice(body, model, names)


def _choice(body: Body, model: Model, names: list[str]) -> None:
    choice = body.get("tool_choice")
    if not choice:
        return
    if not names:
        raise refuse("tool_choice: tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in names:
        raise refuse(f"tool_choice: Tool '{choice['name']}' not found in provided tools")
    if choice["type"] not in {"any", "tool"}:
        return
    if not model.forced_choice:
        raise refuse(
            f"tool_choice.{choice['type']}: forced tool use is not supported on {model.id}. Use tool_choice.auto."
        )
    if (body.get("thinking") or {}).get("type") == "enabled":
        raise refuse("Thinking may not be enabled when tool_choice forces tool use.")


def formats(body: Body, _model: Model) -> None:
    form = structured(body)
    if form is not None:
        strict_schema(form, "output_config.format.schema")


def structured(body: Body) -> Mapping[str, Any] | None:
    """The schema of the answer, in either spelling."""
    form = (body.get("output_config") or {}).get("format") or body.get("output_format")
    return form["schema"] if form else None


def strict_schema(schema: Any, where: str) -> None:
    """The subset that can be enforced: closed objects, no limits on numbers and lengths."""
    if told := grammar.problem(schema):
        raise refuse(f"{where}: JSON schema is invalid: {told}")
    for inner in _schemas(schema):
        unknown = [word for word in inner if word not in _SCHEMA_WORDS]
        if unknown:
            raise refuse(f"{where}: For '{inner.get('type', 'object')}' type, property '{unknown[0]}' is not supported")
        if inner.get("type") == "object" and inner.get("additionalProperties") is not False:
            raise refuse(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
        if inner.get("minItems", 0) not in {0, 1}:
            raise refuse(f"{where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")


def _schemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return
    yield schema
    for keyword in ("properties", "$defs", "definitions"):
        for inner in (schema.get(keyword) or {}).values():
            yield from _schemas(inner)
    for inner in (schema.get("items"), *(schema.get("anyOf") or ()), *(schema.get("allOf") or ())):
        yield from _schemas(inner)


def content(body: Body, _model: Model) -> None:
    """No empty messages, no empty text, no blank text but beside a call."""
    last = len(body["messages"]) - 1
    for number, message in enumerate(body["messages"]):
        if not message["content"] and not (number == last and message["role"] == "assistant"):
            raise refuse(
                f"messages.{number}: all messages must have non-empty content except for the optional final assistant message"
            )
        blocks = as_blocks(message["content"]) if message["content"] else []
        # recorded traffic of 2025: what the model itself said beside a call is taken back, though it is white space only
        calling = message["role"] == "assistant" and any(block["type"] == "tool_use" for block in blocks)
        for block in blocks:
            _blank(block, "messages", spaces=calling)
    for block in as_blocks(body.get("system") or []):
        _blank(block, "system")


def _blank(block: Mapping[str, Any], where: str, *, spaces: bool = False) -> None:
    if block["type"] == "text" and not block["text"]:
        raise refuse(f"{where}: text content blocks must be non-empty")
    if block["type"] == "text" and not block["text"].strip() and not spaces:
        raise refuse(f"{where}: text content blocks must contain non-whitespace text")


def roles(body: Body, model: Model) -> None:
    messages = body["messages"]
    for number, message in enumerate(messages):
        if message["role"] == "system":
            _system_turn(messages, number, model)
        for index, block in enumerate(as_blocks(message["content"])):
            _at_home(message["role"], block, f"messages.{number}.content.{index}")
    last = messages[-1]
    if last["role"] != "assistant":
        return
    if not model.prefill:
        raise refuse(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if thinks(body, model):
        raise refuse("Prefilling assistant messages is not supported when thinking is enabled.")
    final = as_blocks(last["content"])[-1:] if last["content"] else []
    if final and final[0]["type"] == "text" and final[0]["text"] != final[0]["text"].rstrip():
        raise refuse("messages: final assistant content cannot end with trailing whitespace")


def _system_turn(messages: list[Body], number: int, model: Model) -> None:
    if not model.system_turns:
        raise refuse(f"messages.{number}.role: role 'system' is not supported on this model")
    before = messages[number - 1]["role"] if number else None
    after = messages[number + 1]["role"] if number + 1 < len(messages) else None
    if before != "user" or after not in {None, "assistant"}:
        raise refuse(
            f"messages.{number}: a 'system' message must directly follow a user turn and be last or followed by an assistant turn"
        )


def _at_home(role: str, block: Mapping[str, Any], where: str) -> None:
    """Some blocks belong to one role."""
    kind = block["type"]
    if role == "user" and kind in {"tool_use", "thinking", "redacted_thinking", "server_tool_use"}:
        raise refuse(f"{where}: `{kind}` blocks can only be in `assistant` messages")
    if role == "assistant" and kind in {"tool_result", "image"}:
        raise refuse(f"{where}: `{kind}` blocks can only be in `user` messages")


def newest(body: Body) -> None:
    """What anthropic-version 2026-10-21 adds."""
    for placed in everything(body["messages"]):
        role = body["messages"][placed.message]["role"]
        if role == "assistant" and placed.kind == "document":
            raise refuse(f"{placed.where}: `document` blocks are not permitted in `assistant` messages")
        if role == "user" and placed.kind == "text" and placed.block.get("citations"):
            raise refuse(f"{placed.where}.text.citations: Extra inputs are not permitted")


def results(body: Body, _model: Model) -> None:
    """All tool results of a turn come first in the one user turn after it, one for each call."""
    conversation = [turn for turn in turns(body["messages"]) if turn.role != "system"]
    seen: set[str] = set()
    for number, turn in enumerate(conversation):
        called = [str(placed.block["id"]) for placed in turn.of("tool_use")]
        if len(set(called)) != len(called) or seen & set(called):
            raise refuse("messages: `tool_use` ids must be unique")
        seen |= set(called)
        _unexpected(turn, conversation[number - 1] if number else None)
        if called:
            _answered(turn, called, conversation[number + 1] if number + 1 < len(conversation) else None)


def _unexpected(turn: Turn, before: Turn | None) -> None:
    called = {placed.block["id"] for placed in before.of("tool_use")} if before else set()
    answered: set[str] = set()
    for placed in turn.of("tool_result"):
        name = str(placed.block["tool_use_id"])
        if name not in called:
            text = f"{placed.where}: unexpected `tool_use_id` found in `tool_result` blocks: {name}."
            raise refuse(
                f"{text} Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if name in answered:
            raise refuse(
                f"{placed.where}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {name}"
            )
        answered.add(name)


def _answered(turn: Turn, called: list[str], after: Turn | None) -> None:
    first: list[str] = []
    for placed in after.blocks if after else ():
        if placed.kind != "tool_result":
            break
        first.append(str(placed.block["tool_use_id"]))
    missing = [name for name in called if name not in first]
    if missing:
        where, names = turn.blocks[-1].message, ", ".join(missing)
        text = f"messages.{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {names}."
        raise refuse(f"{text} Each `tool_use` block must have a corresponding `tool_result` block in the next message.")


def thoughts(body: Body, model: Model) -> None:
    """Returned thinking blocks are unaltered; on the newest models also in their own place."""
    conversation = turns(body["messages"])
    for number, turn in enumerate(conversation):
        for placed in turn.of("thinking"):
            payload = unseal("anthropic", str(placed.block["signature"]))
            whole = payload is not None and payload["t"] == cache.digest(placed.block["thinking"])
            if payload and whole and model.bound:
                whole = payload["m"] == model.id and payload["p"] == prefix(conversation[:number])
            if not whole:
                raise refuse(f"{placed.where}: Invalid `signature` in `thinking` block")
        for placed in turn.of("redacted_thinking"):
            if unseal("anthropic", str(placed.block["data"])) is None:
                raise refuse(f"{placed.where}: Invalid `data` in `redacted_thinking` block")
    if (body.get("thinking") or {}).get("type") == "enabled":
        _begins_with_thought(conversation)


def _begins_with_thought(conversation: list[Turn]) -> None:
    if len(conversation) < 2 or not conversation[-1].of("tool_result"):
        return
    first = conversation[-2].blocks[0]
    if first.kind not in {"thinking", "redacted_thinking"}:
        text = f"{first.where}.type: Expected `thinking` or `redacted_thinking`, but found `{first.kind}`."
        raise refuse(
            f"{text} When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def prefix(conversation: list[Turn]) -> str:
    """The fingerprint of all that came before a turn."""
    return cache.digest([[turn.role, [unmarked(placed.block) for placed in turn.blocks]] for turn in conversation])


def sign(body: Body, model: Model, text: str) -> str:
    """The signature of a thinking block that answers this request."""
    conversation = turns(body["messages"])
    return seal("anthropic", {"t": cache.digest(text), "m": model.id, "p": prefix(conversation)})


def marks(body: Body, _model: Model) -> None:
    """Cache marks: at most four, longer ones first."""
    found = [placed["cache_control"] for placed in _marked(body)]
    if len(found) > _MOST_MARKS:
        raise refuse(f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(found)}.")
    lives = [mark.get("ttl", "5m") for mark in found]
    if any(earlier == "5m" and later == "1h" for earlier, later in pairwise(lives)):
        raise refuse("messages: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")


def _marked(body: Body) -> Iterator[Mapping[str, Any]]:
    system = as_blocks(body.get("system") or [])
    blocks = [*(body.get("tools") or ()), *system, *(placed.block for placed in everything(body["messages"]))]
    for block in blocks:
        if block.get("cache_control"):
            yield block
        inner = block.get("content") if block.get("type") == "tool_result" else None
        yield from (part for part in (inner if isinstance(inner, list) else ()) if part.get("cache_control"))


def places(body: Body) -> Iterator[Placed]:
    """Every block with its place, those inside tool results included."""
    for placed in everything(body["messages"]):
        yield placed
        inner = placed.block.get("content") if placed.kind == "tool_result" else None
        for part in inner if isinstance(inner, list) else ():
            yield Placed(part, placed.message, placed.index)


RULES = (sampling, limits, efforts, thinking, tools, formats, content, roles, results, thoughts, marks)
