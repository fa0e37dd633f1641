import asyncio
import runpy
import socket

import pytest
import uvicorn

from polyglot_cloud.sandbox import CLOUDS, __main__


def test_the_clouds() -> None:
    assert list(CLOUDS) == ["openai", "anthropic", "gemini", "grok"]
    assert [cloud.base_path for cloud in CLOUDS.values()] == ["/v1", "/v1", "/v1beta", "/v1"]
    assert all(cloud.key == f"sandbox-{name}-key" for name, cloud in CLOUDS.items())


def test_the_table() -> None:
    table = __main__.table(8190)
    assert "anthropic  http://127.0.0.1:8191/v1      sandbox-anthropic-key" in table


def test_options() -> None:
    options = __main__.parse(["--port", "9000", "--delay", "2"])
    assert (options.port, options.delay) == (9000, 2.0)


def test_servers_take_ports_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for cloud in CLOUDS.values():
        monkeypatch.setattr(cloud.app, "pause", None)
    assert [server.config.port for server in __main__.servers(9000, None)] == [9000, 9001, 9002, 9003]
    assert all(cloud.app.pause is None for cloud in CLOUDS.values())
    __main__.servers(9000, 5)
    assert all(cloud.app.pause == 0.005 for cloud in CLOUDS.values())


def free_ports() -> int:
    """The first of four ports in a row that nobody holds just now."""
    for first in range(20_000, 40_000, 7):
        held = [socket.socket() for _ in range(4)]
        try:
            for number, sock in enumerate(held):
                sock.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()
        return first
    raise AssertionError("no four free ports in a row")


async def test_serving() -> None:
    first = free_ports()
    running: list[uvicorn.Server] = []
    serving = asyncio.create_task(__main__.serve(first, 0, running.extend))
    async with asyncio.timeout(10):
        while not (running and all(server.started for server in running)):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", first + 3)
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()
        running[0].should_exit = True
        await serving


def test_as_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sandbox"])
    monkeypatch.setattr(asyncio, "run", lambda serving: serving.close())
    runpy.run_path(__main__.__file__, run_name="__main__")


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[int, float | None]] = []

    async def serve(port: int, delay: float | None) -> None:
        asked.append((port, delay))
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "serve", serve)
    monkeypatch.setattr("sys.argv", ["sandbox", "--port", "9100"])
    __main__.main()
    assert asked == [(9100, None)]
    assert "9100" in capsys.readouterr().out
