"""An alert of a real process that is killed before the webhook took it: the next process delivers it, once."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from end_to_end.conftest import Gateway, start, stop

CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}


class Receiver(ThreadingHTTPServer):
    """Refuses with `status` until that is changed."""

    status = 503

    def __init__(self) -> None:
        self.told: list[tuple[int, dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.told.append((receiver.status, body))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def wait(self, status: int) -> dict[str, Any]:
        """What was told under this status first."""
        for _ in range(1000):
            if found := [body for given, body in self.told if given == status]:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"nothing was told under {status}: {self.told}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def begin(folder: Path, hook: Receiver) -> Gateway:
    given = {
        "POLYGLOT_BUDGET_USD_PER_DAY": "0.5", "POLYGLOT_BUDGET_ALERTS": "1",
        "POLYGLOT_ALERT_WEBHOOK": f"http://127.0.0.1:{hook.server_address[1]}/hook",
    }  # fmt: skip
    return start(folder, "--sandbox", environ=given)


def test_what_a_killed_process_owes_the_next_one_delivers_once(tmp_path: Path, receiver: Receiver) -> None:
    gateway = begin(tmp_path, receiver)
    assert gateway.process is not None
    while not receiver.told:
        reply = httpx.post(f"{gateway.base_url('openai')}/chat/completions", json=CHAT, timeout=20)
        assert reply.status_code == 200
    first = receiver.wait(503)
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    assert gateway.process.stdout is not None
    gateway.process.stdout.close()
    receiver.status = 200
    gateway = begin(tmp_path, receiver)
    again = receiver.wait(200)
    assert stop(gateway) == 0
    told = [body for status, body in receiver.told if status == 200]
    assert [body["id"] for body in told] == [first["id"]]
    assert (again["percent"], again["budget"], again["gateway"]["sandbox"]) == (1, "process/day", True)
