"""What the pass-through path looks at in a request, and where a request goes."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Peek

READS = ("model", "stream", "max_output_tokens")


def path(_model: str, _stream: bool) -> str:
    return "responses"


def peek(body: Body, _path: str) -> Peek:
    """Raises BadRequest where one of READS has the wrong type. No needs: whoever speaks this dialect says the rest to its own vendor."""
    return Peek(
        model=_typed(body, "model", str, "a string"),
        stream=bool(_typed(body, "stream", bool, "true or false")),
        max_tokens=_typed(body, "max_output_tokens", int, "an integer"),
    )


def _typed(body: Body, name: str, kind: type, words: str) -> Any:
    value = body.get(name)
    if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
        return value
    raise BadRequest(f"{name!r} must be {words}.", param=name, code="invalid_type")
