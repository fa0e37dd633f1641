"""Against a server that others wrote and everybody runs: nginx, where it is on the PATH."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from polyglot_cloud.errors import BrokenReply, TimedOut
from polyglot_cloud.transport import Choice, NativeTransport, Timeouts, open_transport
from polyglot_cloud.transport.choice import Kind
from transport.peer import TLS, ask, whole

NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not on the PATH")
LARGE = bytes(range(256)) * 8192
CONFIGURATION = """
daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; default_type application/octet-stream; keepalive_timeout 30s; client_max_body_size 1m;
    client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
    server {{
        listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; keepalive_requests 3;
        ssl_certificate {certificate}; ssl_certificate_key {certificate};
        location /files/ {{ alias {here}/files/; gzip off; }}
        location /chunked/ {{ alias {here}/files/; gzip on; gzip_types application/octet-stream; gzip_min_length 1; }}
        location /echo {{ return 200 "$request_method $http_x_note"; }}
        location /none {{ return 204; }}
        location /drop {{ return 444; }}
    }}
}}
"""


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    assert NGINX is not None
    here: Path = tmp_path_factory.mktemp("nginx")
    (here / "files").mkdir()
    (here / "files" / "large.bin").write_bytes(LARGE)
    plain, tls = free(), free()
    text = CONFIGURATION.format(here=here, plain=plain, tls=tls, certificate=TLS / "good.pem")
    (here / "nginx.conf").write_text(text)
    running = subprocess.Popen([NGINX, "-p", str(here), "-c", str(here / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", plain)) == 0:
                    break
            time.sleep(0.05)  # nobody tells when another program listens
        yield f"http://127.0.0.1:{plain}", f"https://localhost:{tls}"
    finally:
        running.terminate()
        running.wait()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_nginx_is_asked_many_things(nginx: tuple[str, str], kind: Kind, trusted: None, secure: bool) -> None:
    base = nginx[secure]
    async with open_transport(Choice(kind)) as transport:

        async def one(number: int) -> None:
            note = {"x-note": str(number)}
            incoming = await ask(transport, f"{base}/echo", "GET", b"", headers=note)
            assert await whole(incoming) == b"GET %d" % number
            incoming = await ask(transport, f"{base}/files/large.bin", "GET", b"")
            assert await whole(incoming) == LARGE
            incoming = await ask(
                transport, f"{base}/chunked/large.bin", "GET", b"", headers={"accept-encoding": "gzip"}
            )
            assert incoming.headers["transfer-encoding"] == "chunked"
            assert (await whole(incoming))[:2] == b"\x1f\x8b"
            incoming = await ask(transport, f"{base}/files/large.bin", "HEAD", b"")
            assert (incoming.headers["content-length"], await whole(incoming)) == (str(len(LARGE)), b"")
            incoming = await ask(transport, f"{base}/none", "GET", b"")
            assert (incoming.status, await whole(incoming)) == (204, b"")

        await asyncio.gather(*map(one, range(8)))


async def test_nginx_refuses_what_is_too_large_before_it_is_sent(nginx: tuple[str, str]) -> None:
    async with NativeTransport() as native:
        incoming = await ask(native, f"{nginx[0]}/echo", body=bytes(32 << 20))
        assert incoming.status == 413
        await whole(incoming)


async def test_nginx_hangs_up(nginx: tuple[str, str], transport: httpx.AsyncBaseTransport) -> None:
    with pytest.raises((BrokenReply, TimedOut)):
        await ask(transport, f"{nginx[0]}/drop", timeouts=Timeouts(read=5))
