"""/openapi.json and /docs of a face. The page needs no network: no script, no font, no style from elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from polyglot_cloud.errors import UnknownPath
from polyglot_cloud.routes.service import Face

OBJECT = {"type": "object", "additionalProperties": True}
MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
            "content": {"description": "text, or an array of parts (text, image_url, file, input_audio)"},
        },
    },
}
CHAT = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "model": {
            "type": "string",
            "description": "a model id, an alias, or one of low, medium, high; left out: the default",
        },
        "messages": MESSAGES,
        "stream": {"type": "boolean", "default": False},
        "max_completion_tokens": {"type": "integer", "minimum": 1},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "tools": {"type": "array", "items": OBJECT},
        "tool_choice": {"description": "none, auto, required, or a named function"},
        "response_format": OBJECT,
        "reasoning_effort": {
            "type": "string",
            "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        },
    },
    "additionalProperties": True,
}
GENERATE = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "model": {"type": "string"},
        "prompt": {"type": "string", "minLength": 1},
        "system": {"type": "string"},
        "stream": {"type": "boolean", "default": False},
        "format": {"description": '"json" or a JSON schema'},
        "options": OBJECT,
    },
    "additionalProperties": False,
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table that both documents are made from. `dialect`: only where the provider speaks it; None: everywhere."""

    method: str
    path: str
    summary: str
    body: Mapping[str, Any] | None = None
    dialect: str | None = None


OPERATIONS = (
    Operation("post", "/v1/chat/completions", "OpenAI Chat Completions, plain or streamed, for every model of this provider", CHAT),
    Operation("post", "/v1/any/chat/completions", "The same for any model of any provider, also as provider/model", CHAT),
    Operation("post", "/v1/responses", "OpenAI Responses, passed through byte for byte", OBJECT, "openai_responses"),
    Operation("post", "/v1/messages", "Anthropic Messages, passed through byte for byte", OBJECT, "anthropic"),
    Operation("post", "/v1/messages/count_tokens", "Anthropic token counting, passed through", OBJECT, "anthropic"),
    Operation("post", "/v1beta/models/{model}:generateContent", "Gemini, passed through byte for byte", OBJECT, "gemini"),
    Operation("post", "/v1beta/models/{model}:streamGenerateContent", "Gemini, streamed (alt=sse)", OBJECT, "gemini"),
    Operation("post", "/v1beta/models/{model}:countTokens", "Gemini token counting, passed through", OBJECT, "gemini"),
    Operation("post", "/generate", "One prompt in, its text out, in Ollama's shape; stream: true gives a line for each piece", GENERATE),
    Operation("post", "/v1/quote/chat/completions", "What that call would cost; /v1/quote stands before any other path as well", CHAT),
    Operation("get", "/v1/models", "The models of this provider, with what the catalog knows of them"),
    Operation("get", "/v1/models/{model}", "One model, by id, alias or tier"),
    Operation("get", "/health", "Alive, and how"),
    Operation("get", "/ready", "Whether new calls are taken; 503 while the process stops"),
    Operation("get", "/info", "The default model, its limits, prices and capabilities"),
    Operation("get", "/", "What this service is"),
)  # fmt: skip


class Docs:
    def __init__(self, faces: Callable[[], Mapping[str, Face]], version: str) -> None:
        self._faces = faces
        self._version = version

    def _face(self, request: Request) -> Face:
        name = request.path_params["provider"]
        faces = self._faces()
        if name not in faces:
            raise UnknownPath(f"There is no provider {name!r} here; there are {', '.join(faces)}.")
        return faces[name]

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(openapi(self._face(request), self._version))

    async def page(self, request: Request) -> Response:
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        }
        return HTMLResponse(page(self._face(request), self._version), headers=headers)


def offered(face: Face) -> list[Operation]:
    return [
        operation for operation in OPERATIONS if operation.dialect is None or operation.dialect in face.row.dialects
    ]


def openapi(face: Face, version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of one face."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in offered(face):
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": face.title, "version": version, "description": f"polyglot-cloud's face of {face.row.title}."},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {
            "200": {"description": "The answer", "content": {"application/json": {"schema": OBJECT}}},
            "4XX": {"description": "The request is at fault", "content": _json({"$ref": "#/components/schemas/Error"})},
            "5XX": {"description": "The provider or the gateway is at fault", "content": _json({"$ref": "#/components/schemas/Error"})},
        },
    }  # fmt: skip
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    if "{model}" in operation.path:
        described["parameters"] = [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}]
    return described


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}


_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884 }
code, pre { font: 14px/1.45 ui-monospace, monospace } pre { background: #8881; padding: .8rem; overflow-x: auto; border-radius: .4rem }
.verb { font-weight: 700; text-transform: uppercase } .quiet { opacity: .7 }
"""


def _row(operation: Operation) -> str:
    cells = f"<td><code>{escape(operation.path)}</code></td><td>{escape(operation.summary)}</td>"
    return f'<tr><td class="verb">{operation.method}</td>{cells}</tr>'


def page(face: Face, version: str) -> str:
    base = f"http://127.0.0.1:{face.port}" if face.port else f"http://127.0.0.1:PORT/v1/{face.row.name}"
    rows = "".join(_row(operation) for operation in offered(face))
    title = escape(face.title)
    key = "configured" if face.has_key else "not configured: calls answer 503 and say how to set it"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p class="quiet">polyglot-cloud {escape(version)} &middot; base URL <code>{base}/v1</code> &middot; API key {key}</p>
<table><tr><th>Verb</th><th>Path</th><th>What it does</th></tr>{rows}</table>
<h2>With curl</h2>
<pre>curl {base}/v1/chat/completions -H 'content-type: application/json' \\
  -d '{{"messages": [{{"role": "user", "content": "Say hello in three languages."}}]}}'</pre>
<h2>With the OpenAI SDK</h2>
<pre>from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="unused")
reply = client.chat.completions.create(
    model="{escape(face.default or "medium")}",
    messages=[{{"role": "user", "content": "Say hello in three languages."}}],
)
print(reply.choices[0].message.content)</pre>
<p>The same as a machine reads it: <a href="openapi.json">openapi.json</a></p>
</body></html>
"""
