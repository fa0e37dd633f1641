"""Images and documents. What the bytes are is read from the bytes: Anthropic refuses an image with a wrong label."""

import base64
import binascii
import re

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.media_types import sniff
from polyglot_cloud.neutral import Block, File, FileId, Image, Inline, Url

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"
_TEXTUAL = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})


def takes_url(block: Block) -> bool:
    """Images and PDFs over https (facts of 2026-11-22). What a document is shows only in how its address ends; text goes as text."""
    match block:
        case Image(Url(url)):
            return _is_https(url)
        case File(Url(url)):
            return _is_https(url) and re.split(r"[?#]", url, maxsplit=1)[0].lower().endswith(".pdf")
        case _:
            return True


def _is_https(url: str) -> bool:
    return url[:8].lower() == "https://"


def image(draft: Draft, block: Image, at: int) -> Body:
    """An image block. Raises Unsupported for a type Anthropic does not take, BadRequest for data that is no base64."""
    if block.detail not in {None, "auto"}:
        draft.lose(f"/messages/{at}", "dropped", "Anthropic has no level of detail for images")
    if not isinstance(block.source, Inline):
        return {"type": "image", "source": _reference(block.source, at)}
    data = block.source.data
    return {"type": "image", "source": {"type": "base64", "media_type": _image_type(draft, data, at), "data": data}}


def document(block: File, at: int) -> Body:
    """A document block: PDF as base64, text as text. Raises Unsupported for other media types."""
    source = block.source
    written = _document_source(source, at) if isinstance(source, Inline) else _reference(source, at)
    return {"type": "document", "source": written} | ({"title": block.name} if block.name else {})


def _reference(source: Url | FileId, at: int) -> Body:
    """What Anthropic fetches or keeps itself. A file of another cloud is known by its id: `file-...` is OpenAI's, a URI is Gemini's."""
    if isinstance(source, Url):
        if not _is_https(source.url):
            message = (
                f"messages[{at}] names an address that is not https, which Anthropic does not fetch. Send the data."
            )
            raise Unsupported(message, param="messages")
        return {"type": "url", "url": source.url}
    if source.id.startswith("file-") or "/" in source.id:
        message = f"The file {source.id!r} in messages[{at}] is kept by another provider. Upload it at Anthropic, or send its data."
        raise Unsupported(message, param="messages")
    return {"type": "file", "file_id": source.id}


def _image_type(draft: Draft, data: str, at: int) -> str:
    media_type = sniff(_decoded(data[:16], at))
    taken = draft.quirks.image_types or IMAGE_TYPES
    if media_type not in taken:
        message = f"The image in messages[{at}] is none of {', '.join(taken)}, which are what this model takes."
        raise Unsupported(message, param="messages")
    return media_type


def _document_source(inline: Inline, at: int) -> Body:
    media_type = inline.media_type.partition(";")[0].strip().lower()
    if media_type == _PDF or _decoded(inline.data[:8], at).startswith(b"%PDF-"):
        return {"type": "base64", "media_type": _PDF, "data": inline.data}
    if media_type.startswith("text/") or media_type in _TEXTUAL:
        return {"type": "text", "media_type": "text/plain", "data": _text(inline.data, at)}
    message = f"The file in messages[{at}] is {media_type or 'of no named type'}; Anthropic reads PDF and text."
    raise Unsupported(message, param="messages")


def _text(data: str, at: int) -> str:
    try:
        return _decoded(data, at).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The text file in messages[{at}] is not UTF-8 at byte {error.start}. Send it as UTF-8."
        raise BadRequest(message, param="messages") from None


def _decoded(data: str, at: int) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"The data of a file in messages[{at}] is not base64.", param="messages") from None
