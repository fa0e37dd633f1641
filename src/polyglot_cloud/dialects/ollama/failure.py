"""Errors as Ollama writes them: `{"error": "text"}`, in a stream as a line of its own."""

from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.errors import Fault, GatewayError


def write_error(error: GatewayError) -> dict[str, Any]:
    return {"error": error.message, "code": error.code, "param": error.param}


def write_break(error: GatewayError) -> bytes:
    return wire.encode(write_error(error)) + b"\n"


def read_error(status: int, body: bytes, headers: dict[str, str]) -> Fault:
    return Fault(body.decode("utf-8", "replace")[:500] or f"HTTP {status}")
