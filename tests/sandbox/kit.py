"""Asking a stand-in without a socket: one ASGI call, one answer."""

import asyncio
import json
import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # jsonschema ships no types

from polyglot_cloud.sandbox import anthropic, gemini, grok, openai
from polyglot_cloud.sandbox.asgi import App, Message

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def png(width: int = 2, height: int = 2) -> bytes:
    """A whole PNG of one colour."""
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


PNG = b64encode(png()).decode()
PNG_URL = f"data:image/png;base64,{PNG}"
TORN_PNG = b64encode(png()[:-20]).decode()
PDF = b64encode(b"%PDF-1.4\n1 0 obj << /Type /Page >> endobj\n%%EOF\n").decode()
GIF = b64encode(b"GIF89a\x02\x00\x03\x00\x00\x00\x00;").decode()


@dataclass(frozen=True)
class Answer:
    """A whole reply. `complete` is False where the app left it unfinished."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """(event, data) of a stream; data is text where it is no JSON."""
        return [_event(block) for block in self.body.decode().replace("\r\n", "\n").split("\n\n") if block.strip()]

    @property
    def data(self) -> list[Any]:
        return [data for _, data in self.events]


def _event(block: str) -> tuple[str, Any]:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    text = fields.get("data", "")
    return fields.get("event", ""), json.loads(text) if text.startswith(("{", "[")) and text != "[DONE]" else text


@dataclass
class Asker:
    """A fresh stand-in and the headers it wants."""

    app: App
    base: str
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content, headers)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, b"", headers)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Header names are given with _ for -; a header given as "" is left out."""
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        return asyncio.run(call(self.app, method, self.base + path, body, {**self.headers, **named}))


async def call(app: App, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    sent: list[Message] = []
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})

    async def send(message: Message) -> None:
        sent.append(message)

    name, _, query = path.partition("?")
    listed = [(key.encode(), value.encode()) for key, value in headers.items() if value]
    scope = {"type": "http", "method": method, "path": name, "query_string": query.encode(), "headers": listed}
    await app(scope, inbox.get, send)
    start, parts = sent[0], sent[1:]
    return Answer(
        start["status"],
        {key.decode(): value.decode() for key, value in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
        bool(parts) and not parts[-1].get("more_body", False),
    )


def cloud(name: str) -> Asker:
    json_type = {"content-type": "application/json"}
    if name == "openai":
        return Asker(App(name, openai.OpenAI(), 0), "/v1", {"authorization": f"Bearer {openai.KEY}", **json_type})
    if name == "anthropic":
        version = {"anthropic-version": "2026-10-21"}
        return Asker(App(name, anthropic.Anthropic(), 0), "/v1", {"x-api-key": anthropic.KEY, **version, **json_type})
    if name == "gemini":
        return Asker(App(name, gemini.Gemini(), 0), "/v1beta", {"x-goog-api-key": gemini.KEY, **json_type})
    return Asker(App(name, grok.Grok(), 0), "/v1", {"authorization": f"Bearer {grok.KEY}", **json_type})


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def validate(value: Any, schema: Mapping[str, Any]) -> None:
    """Raises jsonschema.ValidationError, formats included."""
    jsonschema.validate(
        value, schema, jsonschema.Draft202012Validator, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
