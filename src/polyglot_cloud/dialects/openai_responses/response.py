"""A whole reply, and the parts of it that a stream shows too: both modes read an item with the same functions."""

from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.openai_responses.fault import fault_in, status_of
from polyglot_cloud.dialects.openai_responses.usage import read_usage
from polyglot_cloud.errors import BrokenReply, classify
from polyglot_cloud.neutral import (
    Block,
    Choice,
    FinishReason,
    Opaque,
    Refusal,
    Response,
    State,
    Text,
    Thinking,
    ToolCall,
)

NAME = "openai_responses"
CALLS = ("function_call", "custom_tool_call")
PARAGRAPH = "\n\n"
"""Stands between the parts of a reasoning item's text."""

_UNFINISHED = ("queued", "in_progress", "cancelled")


def read_response(body: Body) -> Response:
    """A response object. Raises BrokenReply where it is none, a ProviderError where it failed inside its 200."""
    if not isinstance(body, dict):
        raise BrokenReply("The provider's answer is not a response object.")
    if body.get("status") == "failed" or ("output" not in body and body.get("error")):
        fault = fault_in(body)
        raise classify(status_of(fault), fault)
    if not isinstance(body.get("output"), list):
        raise BrokenReply("The provider's answer has no list of output items.")
    if body.get("status") in _UNFINISHED:
        raise BrokenReply(f"The provider's answer is not finished: its status is {body['status']}.")
    hosted = hosts_custom_tools(body)
    blocks = [block for item in objects(body.get("output")) for block in _blocks(item, hosted)]
    reason, detail = finish_of(body, called=any(isinstance(block, ToolCall) for block in blocks))
    return Response(
        id=string(body.get("id")),
        model=string(body.get("model")),
        choices=[Choice(blocks, reason, detail)],
        usage=read_usage(body),
        created=created_of(body),
    )


def _blocks(item: Body, hosted: bool) -> list[Block]:
    match kind_of(item, hosted):
        case "message":
            parts = [_part(part) for part in objects(item.get("content"))]
            return [part for part in parts if part is not None]
        case "function_call" | "custom_tool_call":
            return [call_of(item, arguments_of(item))]
        case "reasoning":
            text = PARAGRAPH.join(text for text in reasoning_texts(item).values() if text)
            return [Thinking(text, state=state_of(item))]
        case _:
            return [opaque_of(item)]


def _part(part: Body) -> Block | None:
    match part.get("type"):
        case "output_text":
            annotations = [annotation_of(each) for each in objects(part.get("annotations"))]
            return Text(string(part.get("text")), annotations or None, logprobs_of(part.get("logprobs")) or None)
        case "refusal":
            return Refusal(string(part.get("refusal")))
        case _:
            return None


def finish_of(body: Body, called: bool) -> tuple[FinishReason, str | None]:
    """The finish reason and, where the vendor's own word says more, that word. A cut reply is `length` even if a call was begun."""
    if body.get("status") == "incomplete":
        word = "".join(string(details.get("reason")) for details in objects([body.get("incomplete_details")]))
        if word == "content_filter":
            return "content_filter", None
        return "length", word if word not in {"", "max_output_tokens"} else None
    return ("tool_calls" if called else "stop"), None


# --- items ---


def kind_of(item: Body, hosted: bool) -> str:
    """The item's type; "hosted_call" for a call that the provider runs itself."""
    kind = string(item.get("type"))
    return "hosted_call" if hosted and kind == "custom_tool_call" else kind


def hosts_custom_tools(body: Body) -> bool:
    """Whether custom calls are the provider's own: xAI shows the steps of `x_search` so, and takes no custom tool of a client."""
    return any(tool.get("type") == "x_search" for tool in objects(body.get("tools")))


def call_of(item: Body, arguments: str) -> ToolCall:
    """`call_id` is what the result will refer to; `id` names the item only, and stands in where a server gives nothing else."""
    identity = string(item.get("call_id")) or string(item.get("id"))
    kind = "custom" if item.get("type") == "custom_tool_call" else "function"
    return ToolCall(identity, string(item.get("name")), arguments, kind)  # type: ignore[arg-type]  # mypy widens the literals


def arguments_of(item: Body) -> str:
    given = item.get("input" if item.get("type") == "custom_tool_call" else "arguments")
    return given if isinstance(given, str) else "" if given is None else wire.encode(given).decode()


def reasoning_texts(item: Body) -> dict[tuple[str, int], str]:
    """The texts of a reasoning item by (list, position): the raw reasoning of open-weight models, then the summary. Rarely both."""
    return {
        (name, at): string(part.get("text"))
        for name in ("content", "summary")
        for at, part in enumerate(objects(item.get(name)))
    }


def state_of(item: Body) -> State | None:
    """The whole item: it goes back as it came. None where it carries nothing that could be sent back."""
    return State(item) if item.get("encrypted_content") or item.get("id") else None


def opaque_of(item: Body) -> Opaque:
    """Anything else that the provider did. Its state holds nothing but whose it is, so that no other provider is sent it."""
    return Opaque(NAME, item, state=State({}))


def annotation_of(annotation: Body) -> Body:
    """Chat's shape: a URL citation has its members under its own name; other kinds are the same in both."""
    if annotation.get("type") != "url_citation":
        return annotation
    members = {name: value for name, value in annotation.items() if name != "type"}
    return {"type": "url_citation", "url_citation": members}


def logprobs_of(given: Any) -> list[Body]:
    """Chat's shape. Delta events leave `bytes` out although Chat requires them, so they are made from the token."""
    return [
        {**_token(each), "top_logprobs": [_token(top) for top in objects(each.get("top_logprobs"))]}
        for each in objects(given)
    ]


def _token(given: Body) -> Body:
    token, known = string(given.get("token")), given.get("bytes")
    return {
        "token": token,
        "logprob": given.get("logprob"),
        "bytes": known if isinstance(known, list) else list(token.encode("utf-8", "replace")),
    }


def created_of(body: Body) -> int:
    created = body.get("created_at")
    return int(created) if isinstance(created, int | float) else 0


# --- what a provider sent, held to its type ---


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def objects(value: Any) -> list[Body]:
    return [each for each in value if isinstance(each, dict)] if value and isinstance(value, list) else []
