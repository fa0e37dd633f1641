"""What only a socket shows: connections that die, silence, clients that leave."""

import contextlib
import http.client
import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from polyglot_cloud.sandbox.asgi import App, Receive, Reply, Scope, Send
from polyglot_cloud.sandbox.openai import KEY
from sandbox.kit import user
from sandbox.live import serving


@contextlib.contextmanager
def asked(url: str, text: str, **more: Any) -> Iterator[http.client.HTTPResponse]:
    """The response to a chat, its connection closed at the end."""
    body = json.dumps({"model": "gpt-4o", "messages": user(text), **more})
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)) as connection:
        connection.request("POST", "/v1/chat/completions", body, headers)
        with connection.getresponse() as response:
            yield response


def _connection(port: int) -> contextlib.closing[http.client.HTTPConnection]:
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5))


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_connection_dies_without_a_word_in_the_log(
    urls: dict[str, str], stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), asked(urls["openai"], "[[sandbox:cut 3]] Hello", stream=stream) as response:
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
    assert cut.value.partial.count(b"data: ") == (3 if stream else 0)
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_an_app_that_merely_forgets_is_still_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(App):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    forgetful = Forgetful("test", lambda _: Reply())
    with caplog.at_level(logging.ERROR), serving(forgetful) as (port,), _connection(port) as connection:
        connection.request("GET", "/")
        with connection.getresponse() as response, pytest.raises(http.client.HTTPException):
            response.read()
    assert "without completing response" in caplog.text


def test_a_clean_cut_ends_the_body(urls: dict[str, str]) -> None:
    with asked(urls["openai"], "[[sandbox:clean-cut 3]] Hello", stream=True) as response:
        body = response.read()
    assert body.count(b"data: ") == 3
    assert b"[DONE]" not in body


def test_split_bytes_are_the_same_bytes(urls: dict[str, str]) -> None:
    with asked(urls["openai"], "[[sandbox:split 5]] say é日本🚀", stream=True) as response:
        body = response.read()
    deltas = [json.loads(line[6:]) for line in body.decode().split("\n\n") if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in deltas) == "é日本🚀"


def test_hanging_and_slowness(urls: dict[str, str]) -> None:
    before = time.monotonic()
    with asked(urls["openai"], "[[sandbox:slow 0.2]] Hello") as response:
        assert response.status == 200
        assert time.monotonic() - before >= 0.2
    with asked(urls["openai"], "[[sandbox:hang 2]] Hello", stream=True) as response:
        assert response.read1().count(b"data: ") >= 1


def test_nothing_is_made_for_a_client_that_has_gone() -> None:
    made: list[int] = []
    finished = threading.Event()

    def events() -> Iterator[bytes]:
        try:
            for number in range(100_000):
                made.append(number)
                yield b"data: x\n\n"
        finally:
            finished.set()

    with serving(App("test", lambda _: Reply(events=events()), 0.001)) as (port,):
        with _connection(port) as connection:
            connection.request("GET", "/")
            with connection.getresponse() as response:
                response.read1()
        assert finished.wait(5)
    assert len(made) < 100_000
