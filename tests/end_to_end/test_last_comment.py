"""Which official SDKs read past a comment line at the end of a stream, as `Dialect.comments` has it. Recorded streams, over loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from polyglot_cloud.app import DIALECTS
from polyglot_cloud.sse import comment

anthropic = pytest.importorskip("anthropic", reason="the Anthropic SDK is a development dependency")
genai = pytest.importorskip("google.genai", reason="the Google SDK is a development dependency")
openai = pytest.importorskip("openai", reason="the OpenAI SDK is a development dependency")

FIXTURES = Path(__file__).parent.parent / "fixtures"
LAST = comment("x-polyglot-dropped: /seed") + comment("x-polyglot-cost-usd: 0.0123")


@contextmanager
def playing(stream: bytes) -> Iterator[str]:
    """The address of a server that answers every POST with this stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(stream)))
            self.end_headers()
            self.wfile.write(stream)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def chat(url: str) -> str:
    with openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        chunks = client.chat.completions.create(model="m", messages=[], stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def responses(url: str) -> str:
    with openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        events = client.responses.create(model="m", input="x", stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def messages(url: str) -> str:
    with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
        events = client.messages.create(model="m", max_tokens=5, messages=[], stream=True)
        deltas = [event.delta for event in events if event.type == "content_block_delta"]
        return "".join(delta.text for delta in deltas if delta.type == "text_delta")


def generated(url: str) -> str:
    with genai.Client(api_key="x", http_options=genai.types.HttpOptions(base_url=url)) as client:
        return "".join(chunk.text or "" for chunk in client.models.generate_content_stream(model="m", contents="x"))


SDKS = {
    "openai_chat": ("sandbox_openai_text", chat), "openai_responses": ("sandbox_openai_text", responses),
    "anthropic": ("sandbox_anthropic_text", messages), "gemini": ("sandbox_gemini_text", generated),
}  # fmt: skip


@pytest.mark.parametrize("dialect", SDKS)
def test_the_sdk_reads_past_it_where_it_is_said(dialect: str) -> None:
    case, read = SDKS[dialect]
    (recorded,) = [path for path in (FIXTURES / dialect / case).iterdir() if path.name.endswith(".sse")]
    stream = recorded.read_bytes()
    with playing(stream) as url:
        plain = read(url)
    assert plain
    with playing(stream + LAST) as url:
        if DIALECTS[dialect].comments:
            assert read(url) == plain
        else:
            with pytest.raises(genai.errors.UnknownApiResponseError):
                read(url)


def test_every_dialect_with_an_sdk_is_played() -> None:
    assert set(SDKS) == set(DIALECTS) - {"ollama"}
