"""Ollama's `generate`: one prompt in, its text out, as newline-delimited JSON where it is streamed. Clients only; no provider speaks it.

Source: ollama/ollama docs/api.md (read 2026-11-22) and the swarm's contract, section 6.
"""

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.dialects.ollama.bulk import bulk
from polyglot_cloud.dialects.ollama.failure import read_error, write_break, write_error
from polyglot_cloud.dialects.ollama.request import peek, read_request
from polyglot_cloud.dialects.ollama.response import NoReader, Writer, write_response


def path(model: str, stream: bool) -> str:
    return "generate"


DIALECT = Dialect(
    bulk=bulk,
    name="ollama",
    peek=peek,
    path=path,
    read_request=read_request,
    write_request=None,
    read_response=None,
    write_response=write_response,
    read_usage=lambda body: None,
    read_error=read_error,
    write_error=write_error,
    write_break=write_break,
    reader=NoReader,
    writer=Writer,
    reads=("model", "stream", "prompt", "images", "format", "options"),
    media_type="application/x-ndjson",
    comments=False,
)
