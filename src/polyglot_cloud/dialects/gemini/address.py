"""The address of a call. In this dialect model and streaming stand in the path, not in the body."""

import re
from typing import Any
from urllib.parse import quote

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Peek

STREAMING = "streamGenerateContent"
COUNTING = "countTokens"
_PREFIX = "models/"
_METHOD = re.compile(r"(?:models/){0,2}+(?P<model>[^:]+):(?P<method>[A-Za-z]+)")
MAXIMUM = ("maxOutputTokens", "max_output_tokens")
_CANDIDATES = ("candidateCount", "candidate_count")
CONFIG = ("generationConfig", "generation_config")


def path(model: str, stream: bool) -> str:
    """The path under the base URL. The id may stand with or without its prefix; nothing in it can leave its segment."""
    method = f"{STREAMING}?alt=sse" if stream else "generateContent"
    return f"{_PREFIX}{quote(model.removeprefix(_PREFIX), safe='')}:{method}"


def peek(body: Body, path: str) -> Peek:
    """Model and streaming from the path, the output maximum from the body. Both spellings of proto JSON count, but not both at once."""
    match = _METHOD.fullmatch(path.partition("?")[0].strip("/"))
    if match is None:
        raise BadRequest(f'The path must be "models/{{model}}:{{method}}", not "{path}".', param="model")
    config = _one_of(body, CONFIG, "")
    if config is not None and not isinstance(config, dict):
        raise BadRequest("generationConfig must be an object.", param="generationConfig")
    maximum = _one_of(config or {}, MAXIMUM, "generationConfig.")
    return Peek(
        model=match["model"],
        stream=match["method"] == STREAMING,
        max_tokens=None if maximum is None else integer(maximum),
        choices=integer(_one_of(config or {}, _CANDIDATES, "generationConfig.") or 1),
        counting=match["method"] == COUNTING,
    )


def _one_of(body: Body, names: tuple[str, str], prefix: str) -> Any:
    camel, snake = names
    if camel in body and snake in body:
        raise BadRequest(f"{camel} is given twice, also as {snake}. Leave one out.", param=prefix + camel)
    return body.get(camel, body.get(snake))


def integer(value: Any) -> int:
    """An int32 of proto JSON: 100, 100.0 and "100" are the same number."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest("maxOutputTokens must be an integer.", param="generationConfig.maxOutputTokens")
    return value
