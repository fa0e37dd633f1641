"""POST generate: wire -> neutral. What only a local model could honour is refused aloud."""

from typing import Any

from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Format, Image, Inline, Message, Need, Peek, Request, Sampling, Text

FIELDS = frozenset({
    "model", "prompt", "suffix", "images", "system", "template", "context", "stream", "raw", "format", "options", "keep_alive", "think",
})  # fmt: skip
SAMPLING = {"temperature": float, "top_p": float, "top_k": int, "presence_penalty": float, "frequency_penalty": float}
HINTS = ("seed", "repeat_penalty")
_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    int: "an integer",
    float: "a number",
}

_MAGIC = (("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
"""What the first bytes of each kind of file are in base64."""


def peek(body: dict[str, Any], path: str) -> Peek:
    prompt = _member(body, "prompt", str)
    if not prompt:
        raise BadRequest("'prompt' is required and must not be empty.", param="prompt")
    needs: set[Need] = set()
    options = _options(body)
    if _member(body, "images", list):
        needs.add("image")
    if isinstance(body.get("format"), dict):
        needs.add("schema")
    if options.get("stop"):
        needs.add("stop")
    limit = _member(options, "num_predict", int, "options.num_predict")
    # Ollama's -1 and -2 mean "no limit" and "fill the context"
    return Peek(
        model=_member(body, "model", str),
        stream=bool(_member(body, "stream", bool)),
        needs=frozenset(needs),
        max_tokens=limit if limit and limit > 0 else None,
    )


def read_request(body: dict[str, Any]) -> Request:
    """Raises BadRequest and Unsupported, with `param`."""
    for name in body:
        if name not in FIELDS:
            raise BadRequest(f"Unrecognized field {name!r}.", param=name)
    for name in ("template", "suffix", "context", "raw"):
        if body.get(name):
            raise Unsupported(
                f"{name!r} works on a local model's own prompt format, which no cloud offers.", param=name
            )
    seen = peek(body, "")
    options = _options(body)
    system = _member(body, "system", str)
    images = [_image(data, index) for index, data in enumerate(_member(body, "images", list) or [])]
    return Request(
        model=seen.model or "",
        system=[Message("system", [Text(system)])] if system else [],
        messages=[Message("user", [*images, Text(body["prompt"])])],
        max_tokens=seen.max_tokens,
        sampling=Sampling(**{name: _number(options, name) for name in SAMPLING}),
        stop=_stop(options),
        format=_format(body.get("format")),
        stream=seen.stream,
        include_usage=True,
        hints={name: options[name] for name in HINTS if options.get(name) is not None},
    )


def _member(body: dict[str, Any], name: str, kind: type, param: str | None = None) -> Any:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadRequest(f"{param or name!r} must be {_NAMES[kind]}.", param=param or name)
    return value


def _options(body: dict[str, Any]) -> dict[str, Any]:
    return _member(body, "options", dict) or {}


def _number(options: dict[str, Any], name: str) -> Any:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (SAMPLING[name] is int and value != int(value)):
        raise BadRequest(f"'options.{name}' must be {_NAMES[SAMPLING[name]]}.", param=f"options.{name}")
    return SAMPLING[name](value)


def _stop(options: dict[str, Any]) -> list[str]:
    stop = options.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or not all(isinstance(word, str) for word in stop):
        raise BadRequest("'options.stop' must be a string or an array of strings.", param="options.stop")
    return stop


def _format(value: Any) -> Format | None:
    if value is None or value == "":
        return None
    if value == "json":
        return Format("json")
    if isinstance(value, dict):
        return Format("schema", name="response", schema=value, strict=False)
    raise BadRequest("'format' must be \"json\" or a JSON schema.", param="format")


def _image(data: Any, index: int) -> Image:
    if isinstance(data, str):
        for start, media_type in _MAGIC:
            if data.startswith(start):
                return Image(Inline(media_type, data))
    raise BadRequest("An image must be a PNG, JPEG, GIF or WebP file in base64.", param=f"images[{index}]")
