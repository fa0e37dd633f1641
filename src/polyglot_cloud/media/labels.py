"""What was fetched, named for what its bytes are: servers name media types as carelessly as clients do."""

import base64
import re
from collections.abc import Callable, Mapping

from polyglot_cloud.media.fetching import Fetched, NotFetched
from polyglot_cloud.media_types import sniff
from polyglot_cloud.neutral import Audio, File, Image, Inline

Media = Image | File | Audio
Kind = type[Image] | type[File] | type[Audio]
KINDS: Mapping[Kind, str] = {Image: "image", File: "file", Audio: "audio"}
_AUDIO = ((b"ID3", "audio/mp3"), (b"\xff\xfb", "audio/mp3"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"))
_TEXT_TYPE = re.compile(r"text/[a-z0-9.+-]{1,64}")


def labelled(kind: Kind, fetched: Fetched) -> Inline:
    """As base64, named for what the bytes are. Raises NotFetched for what is none of this kind."""
    media_type = _TYPES[kind](fetched)
    return Inline(media_type, base64.b64encode(fetched.data).decode("ascii"))


def _image_type(fetched: Fetched) -> str:
    seen = sniff(fetched.data[:24])
    if seen and seen.startswith("image/"):
        return seen
    if fetched.media_type == "text/html":
        raise NotFetched("unsupported_image_type", "It leads to a web page, not to the image itself.")
    what = "a PDF, which is sent as a file" if seen else "no JPEG, PNG, GIF, WebP, HEIC or HEIF image"
    raise NotFetched("unsupported_image_type", f"It leads to {what}.")


def _file_type(fetched: Fetched) -> str:
    """PDF and images by their first bytes; else text, which must be UTF-8."""
    seen = sniff(fetched.data[:24])
    if seen:
        return seen
    if not _is_text(fetched.data):
        raise NotFetched("unsupported_file_type", "It leads to what is neither PDF nor text in UTF-8.")
    return fetched.media_type if _TEXT_TYPE.fullmatch(fetched.media_type) else "text/plain"


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _audio_type(fetched: Fetched) -> str:
    if fetched.data[:4] == b"RIFF" and fetched.data[8:12] == b"WAVE":
        return "audio/wav"
    for magic, media_type in _AUDIO:
        if fetched.data.startswith(magic):
            return media_type
    raise NotFetched("unsupported_audio_type", "It leads to no WAV, MP3, Ogg or FLAC audio.")


_TYPES: Mapping[Kind, Callable[[Fetched], str]] = {Image: _image_type, File: _file_type, Audio: _audio_type}
