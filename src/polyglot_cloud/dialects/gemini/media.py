"""Images, files and audio as parts. Gemini takes bytes inline, and files that are kept at Google by their URI."""

import base64
import binascii

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Audio, File, FileId, Image, Inline
from polyglot_cloud.rows import Destination

_KINDS = {Image: "images", File: "files", Audio: "audio"}
_TEXT_TYPES = frozenset({
    "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
    "application/javascript", "application/x-javascript", "application/x-python", "application/sql",
})  # fmt: skip


def part(block: Image | File | Audio, destination: Destination) -> Body:
    match block.source:
        case Inline() as source:
            media_type = _media_type(block, source)
            _check_taken(block, media_type, destination)
            return {"inlineData": {"mimeType": media_type, "data": source.data}}
        case FileId(id_):
            return {"fileData": {"fileUri": _uri(id_)}}
    raise Unsupported(
        f"Gemini takes {_KINDS[type(block)]} inline only, and this gateway does not fetch URLs for it yet. "
        "Send a data URL (data:<media type>;base64,...) instead.",
        param="messages",
    )


def _uri(id_: str) -> str:
    """Gemini's own files are known by a URI; a bare id belongs to another cloud."""
    if "/" not in id_:
        raise Unsupported(
            f'The file id "{id_}" is not one of Gemini\'s, which are URIs. Upload the file there, or send its bytes inline.',
            param="messages",
        )
    return id_


def _media_type(block: Image | File | Audio, source: Inline) -> str:
    """The bytes decide where they can be told; else the client's word."""
    named = source.media_type.partition(";")[0].strip().lower()
    if isinstance(block, Audio):
        return named
    seen = _sniffed(_head(source.data))
    if seen:
        return seen
    return "text/plain" if named.startswith("text/") or named in _TEXT_TYPES else named


def _check_taken(block: Image | File | Audio, media_type: str, destination: Destination) -> None:
    taken = destination.quirks.image_types
    if isinstance(block, Image) and taken and media_type not in taken:
        raise Unsupported(
            f"{destination.model} takes images of the types {', '.join(taken)}; this one is {media_type}.",
            param="messages",
        )


def _head(data: str) -> bytes:
    """The first 24 bytes."""
    try:
        return base64.b64decode(data[:32], validate=True)
    except (binascii.Error, ValueError):
        raise Unsupported("An inline image or file is not valid base64.", param="messages") from None


def _sniffed(head: bytes) -> str | None:
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return None


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"msf1": "image/heif"}
