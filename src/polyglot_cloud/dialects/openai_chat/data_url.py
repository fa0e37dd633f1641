"""data: URLs (RFC 2397) and base64 as clients really write them: with parameters, line breaks, the URL-safe alphabet, no padding."""

import base64
import re
from urllib.parse import unquote_to_bytes

from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Inline

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HEAD = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def is_data_url(text: str) -> bool:
    return text[:64].lstrip()[:5].lower() == "data:"


def parse(url: str, param: str, default: str = "text/plain") -> Inline:
    """The URL's bytes in the standard alphabet. Raises BadRequest where it is no data URL or its base64 is broken."""
    head = _HEAD.match(url)
    if head is None:
        raise BadRequest(
            f"Invalid '{param}': expected a data URL like 'data:image/png;base64,...'.",
            param=param,
            code="invalid_value",
        )
    media_type, *parameters = (piece.strip().lower() for piece in head[1].split(";"))
    data = url[head.end() :]
    if "base64" in parameters:
        return Inline(media_type or default, standard(data, param))
    return Inline(media_type or default, base64.b64encode(unquote_to_bytes(data)).decode("ascii"))


def standard(data: str, param: str) -> str:
    """Base64 in the standard alphabet, padded, without white space. Raises BadRequest where it is no base64."""
    try:
        raw = data.encode("ascii")
    except UnicodeEncodeError:
        raise _broken(param) from None
    body = raw.rstrip(b"=")
    if len(raw) % 4 == 0 and len(raw) - len(body) <= 2 and not body.translate(None, _ALPHABET):
        return data
    # the slow way: only what was not clean already
    body = b"".join(unquote_to_bytes(raw).split()).rstrip(b"=").translate(_URL_SAFE)
    if len(body) % 4 == 1 or body.translate(None, _ALPHABET):
        raise _broken(param)
    return (body + b"=" * (-len(body) % 4)).decode("ascii")


def _broken(param: str) -> BadRequest:
    return BadRequest(f"Invalid '{param}': the data is not valid base64.", param=param, code="invalid_base64")


def compose(source: Inline) -> str:
    return f"data:{source.media_type};base64,{source.data}"
