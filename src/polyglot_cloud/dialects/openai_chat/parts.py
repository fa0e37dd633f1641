"""Content parts: the typed pieces of a message, read and written."""

import mimetypes
from collections.abc import Callable, Sequence
from typing import Any

from polyglot_cloud.dialects.openai_chat import data_url, fields
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.media_types import head, sniff
from polyglot_cloud.neutral import Audio, Block, File, FileId, Image, Inline, Mark, Opaque, Refusal, Text, Url

DIALECT_NAME = "openai_chat"

TEXT_ONLY = ("text",)
USER = ("text", "image_url", "input_audio", "file")
ASSISTANT = ("text", "refusal")
RESULT = ("text", "image_url", "file")
"""Chat itself has text alone in a tool's result; images and files are our extension, since every other vendor takes them."""

_DETAILS = ("auto", "low", "high", "original")
_AUDIO_FORMATS = ("wav", "mp3")


def read_content(holder: Object, at: str, kinds: tuple[str, ...]) -> list[Block]:
    """The blocks of `content`, a string or a list of parts of these kinds. Raises BadRequest."""
    content, param = holder.get("content"), f"{at}content"
    if isinstance(content, str):
        return [Text(content)]
    if "content" not in holder:
        raise fields.missing(param)
    if not isinstance(content, list):
        raise fields.wrong_type(param, "one of a string or array of objects", content)
    return [
        read_part(part, f"{param}[{index}]", kinds) for index, part in enumerate(fields.objects(holder, "content", at))
    ]


def read_part(part: Object, at: str, kinds: tuple[str, ...]) -> Block:
    kind = fields.needed_string(part, "type", f"{at}.")
    if kind not in kinds:
        raise fields.invalid_value(f"{at}.type", kind, kinds)
    block = _READERS[kind](part, f"{at}.")
    block.mark = read_mark(part, f"{at}.")
    return block


def read_mark(holder: Object, at: str) -> Mark | None:
    """A cache breakpoint: OpenAI's `prompt_cache_breakpoint`, or Anthropic's `cache_control` as an extension."""
    if "cache_control" not in holder and "prompt_cache_breakpoint" not in holder:
        return None
    for name in ("cache_control", "prompt_cache_breakpoint"):
        found = fields.mapping(holder, name, at)
        if found is not None:
            return Mark(fields.string(found, "ttl", f"{at}{name}."))
    return None


def _read_text(part: Object, at: str) -> Block:
    return Text(fields.needed_string(part, "text", at))


def _read_refusal(part: Object, at: str) -> Block:
    return Refusal(fields.needed_string(part, "refusal", at))


def _read_image(part: Object, at: str) -> Block:
    holder = fields.needed_mapping(part, "image_url", at)
    at = f"{at}image_url."
    url = fields.needed_string(holder, "url", at)
    detail = fields.word(holder, "detail", _DETAILS, at)
    if data_url.is_data_url(url):
        return Image(_filled(data_url.parse(url, f"{at}url", default="image/png"), f"{at}url"), detail)
    if not url[:8].lower().startswith(("https://", "http://")):  # a scheme is the same in any case (RFC 3986, 3.1)
        raise BadRequest(
            f"Invalid '{at}url': expected an https URL or a data URL with base64.",
            param=f"{at}url",
            code="invalid_image_url",
        )
    return Image(Url(url), detail)


def _read_audio(part: Object, at: str) -> Block:
    holder = fields.needed_mapping(part, "input_audio", at)
    at = f"{at}input_audio."
    data = fields.needed_string(holder, "data", at)
    format_ = fields.word(holder, "format", _AUDIO_FORMATS, at)
    if format_ is None:
        raise fields.missing(f"{at}format")
    return Audio(_filled(Inline(f"audio/{format_}", data_url.standard(data, f"{at}data")), f"{at}data"))


def _read_file(part: Object, at: str) -> Block:
    holder = fields.needed_mapping(part, "file", at)
    at = f"{at}file."
    name = fields.string(holder, "filename", at)
    id_, data = fields.string(holder, "file_id", at), fields.string(holder, "file_data", at)
    if id_ is not None:
        return File(FileId(id_), name)
    if data is None:
        raise fields.missing(f"{at}file_data")
    guessed, param = mimetypes.guess_type(name or "")[0], f"{at}file_data"
    if data_url.is_data_url(data):
        return File(_filled(data_url.parse(data, param, default=guessed or "text/plain"), param), name)
    if guessed is None:
        message = (
            f"Invalid '{param}': expected a data URL like 'data:application/pdf;base64,...', "
            "or base64 with a filename whose extension tells what it is."
        )
        raise BadRequest(message, param=param, code="invalid_value")
    return File(_filled(Inline(guessed, data_url.standard(data, param)), param), name)


def _filled(source: Inline, param: str) -> Inline:
    """With the media type that the bytes have, where they tell (trap 9)."""
    if not source.data:
        raise BadRequest(f"Invalid '{param}': there is nothing in it.", param=param, code="empty_string")
    seen = sniff(head(source.data))
    return Inline(seen, source.data) if seen else source


_READERS: dict[str, Callable[[Object, str], Block]] = {
    "text": _read_text,
    "refusal": _read_refusal,
    "image_url": _read_image,
    "input_audio": _read_audio,
    "file": _read_file,
}


def takes_url(block: Block) -> bool:
    """Images alone: a file has no URL here, only data or an id, and audio only data (openai-openapi, 2026-08-21)."""
    return not isinstance(block, File | Audio)


def write_content(blocks: Sequence[Block]) -> str | list[Object]:
    """A lone text as a string, anything else as parts. Raises Unsupported for what Chat has no part for."""
    if not blocks:
        return ""
    if len(blocks) == 1 and isinstance(blocks[0], Text):
        return blocks[0].text
    return [write_part(block) for block in blocks]


def write_part(block: Block) -> Object:
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Refusal(text):
            return {"type": "refusal", "refusal": text}
        case Image(source, detail):
            return {"type": "image_url", "image_url": {"url": _image_url(source), **_given(detail=detail)}}
        case Audio(Inline("audio/wav" | "audio/mp3" as media_type, data)):
            return {"type": "input_audio", "input_audio": {"data": data, "format": media_type.removeprefix("audio/")}}
        case File(FileId(id_), name):
            return {"type": "file", "file": {"file_id": id_, **_given(filename=name)}}
        case File(Inline() as source, name):
            return {"type": "file", "file": {"file_data": data_url.compose(source), **_given(filename=name)}}
        case Opaque(dialect, raw) if dialect == DIALECT_NAME:
            return raw
        case File():
            raise Unsupported("Chat Completions takes a file as data or by its id, not by URL.", param="messages")
        case Audio():
            raise Unsupported("Chat Completions takes audio as wav or mp3 data only.", param="messages")
        case _:
            kind = type(block).__name__
            raise Unsupported(
                f"A {kind} block has no place in the content of a Chat Completions message.", param="messages"
            )


def _image_url(source: Any) -> str:
    match source:
        case Url(url):
            return url
        case Inline():
            return data_url.compose(source)
        case _:
            raise Unsupported("Chat Completions takes an image by URL or as data, not by a file id.", param="messages")


def _given(**members: str | None) -> Object:
    return {name: value for name, value in members.items() if value is not None}
