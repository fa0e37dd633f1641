"""Inline data and file references inside Gemini requests."""

from collections.abc import Mapping
from typing import Any

from polyglot_cloud.sandbox import media
from polyglot_cloud.sandbox.gemini.wire import refuse

_TAKEN = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/heic",
    "image/heif",
    "application/pdf",
    "audio/wav",
    "audio/mp3",
    "audio/mpeg",
    "audio/aiff",
    "audio/aac",
    "audio/ogg",
    "audio/flac",
    "video/mp4",
    "video/mpeg",
    "video/mov",
    "video/webm",
    "text/plain",
    "text/html",
    "text/css",
    "text/markdown",
    "text/csv",
    "text/xml",
    "application/json",
    "text/x-python",
    "application/x-javascript",
    "text/javascript",
]


def told(part: Mapping[str, Any]) -> str:
    """A part in words; nothing for what is no file."""
    if "inlineData" in part:
        return _inline(part["inlineData"])
    return _referred(part["fileData"]) if "fileData" in part else ""


def _inline(blob: Mapping[str, Any]) -> str:
    kind = blob.get("mimeType", "")
    if kind not in _TAKEN:
        raise refuse(f"Unsupported MIME type: {kind}")
    medium = media.inspect(blob.get("data", b""))
    if kind.startswith("image/") and (not medium.type.startswith("image/") or not medium.whole):
        raise refuse("Unable to process input image. Please retry with a valid image.")
    if kind == "application/pdf" and (medium.type != kind or not medium.whole):
        raise refuse("The document has no pages.")
    return medium.told


def _referred(file: Mapping[str, Any]) -> str:
    uri = file.get("fileUri", "")
    if "/files/" in uri:
        name = uri.rsplit("/", 1)[1]
        raise refuse(f"You do not have permission to access the File {name} or it may not exist.", 403)
    if "youtube.com/" in uri or "youtu.be/" in uri:
        return "a video"
    raise refuse("Cannot fetch content from the provided URL.")
