"""The few fields of a Messages request that the pass-through path looks at."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Peek

_KINDS = {str: "string", bool: "boolean", int: "integer"}


def peek(body: Body, path: str) -> Peek:
    """Raises BadRequest, in Anthropic's own words, for a wrong type. Needs are none: what a client sends, its vendor judges."""
    model = _member(body, "model", str)
    if path.rstrip("/").endswith("count_tokens"):
        return Peek(model, stream=False, counting=True)
    return Peek(model, stream=bool(_member(body, "stream", bool)), max_tokens=_member(body, "max_tokens", int))


def path(_model: str, _stream: bool) -> str:
    return "messages"


def _member(body: Body, name: str, kind: type) -> Any:
    value = body.get(name)
    if value is not None and type(value) is not kind:
        raise BadRequest(f"{name}: Input should be a valid {_KINDS[kind]}", param=name)
    return value
