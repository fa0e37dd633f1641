"""Images, files and audio as parts. Gemini takes bytes inline, and files that are kept at Google by their URI."""

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.media_types import head, sniff
from polyglot_cloud.neutral import Audio, Block, File, FileId, Image, Inline
from polyglot_cloud.rows import Destination

_KINDS = {Image: "images", File: "files", Audio: "audio"}
_TEXT_TYPES = frozenset({
    "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
    "application/javascript", "application/x-javascript", "application/x-python", "application/sql",
})  # fmt: skip


def takes_url(block: Block) -> bool:
    """None: `fileUri` is for files that were uploaded to Gemini (its API reference, Part; facts of 2026-11-22)."""
    return not isinstance(block, Image | File | Audio)


def part(block: Image | File | Audio, destination: Destination) -> Body:
    match block.source:
        case Inline() as source:
            media_type = _media_type(block, source)
            _check_taken(block, media_type, destination)
            return {"inlineData": {"mimeType": media_type, "data": source.data}}
        case FileId(id_):
            return {"fileData": {"fileUri": _uri(id_)}}
    raise Unsupported(
        f"Gemini takes {_KINDS[type(block)]} inline only, not by URL. Send a data URL (data:<media type>;base64,...) instead.",
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
    seen = _sniffed(source.data)
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


def _sniffed(data: str) -> str | None:
    try:
        return sniff(head(data))
    except ValueError:
        raise Unsupported("An inline image or file is not valid base64.", param="messages") from None
