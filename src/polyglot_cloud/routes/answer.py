"""Replies and errors as ASGI messages."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache

from polyglot_cloud import wire
from polyglot_cloud.asgi import Send
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import GatewayError, Internal, ProviderError
from polyglot_cloud.large import Segments

JSON = "application/json"
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def raw_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Whatever a provider wrote, a value holds no control character when it leaves here: the server would break off over it."""
    return [
        (_raw(name), value.encode() if value.isascii() and value.isprintable() else _harmless(value))
        for name, value in headers.items()
    ]


@lru_cache(maxsize=512)  # the same few names stand in every answer
def _raw(name: str) -> bytes:
    return name.lower().encode("latin-1")


def _harmless(value: str) -> bytes:
    return _CONTROL.sub(b" ", value.encode("latin-1", "replace"))


async def send_whole(send: Send, status: int, headers: Mapping[str, str], body: bytes | Segments) -> None:
    heads = raw_headers(headers)
    heads.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": heads})
    if isinstance(body, Segments):
        for piece in body.views(0, len(body)):
            await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


def error_headers(error: GatewayError) -> dict[str, str]:
    """What an SDK acts on: whether and when to try again."""
    headers = {name: value for name, value in error.headers.items() if name != "content-type"}
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    if error.retry_after is not None:
        headers.setdefault("retry-after", str(max(0, math.ceil(error.retry_after))))
    return headers


def rendered(error: GatewayError, dialect: Dialect) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error for a client of `dialect`: the provider's own bytes where it speaks the same."""
    headers = error_headers(error)
    raw = error.raw if isinstance(error, ProviderError) else None
    if raw is not None and raw.dialect == dialect.name:
        return raw.status, {**headers, "content-type": raw.content_type}, raw.body
    return error.status, {**headers, "content-type": JSON}, wire.encode(dialect.write_error(error))


def defect(error: BaseException) -> Internal:
    """What a client is told of a defect of ours; the log has its traceback."""
    message = f"The gateway failed over this request ({type(error).__name__}). Its log has the details."
    return Internal(message, headers={"connection": "close"})


async def send_error(send: Send, error: GatewayError, dialect: Dialect) -> None:
    await send_whole(send, *rendered(error, dialect))
