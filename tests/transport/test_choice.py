"""Which transport serves, and that httpx's does what it is chosen for."""

import importlib.util
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from polyglot_cloud import catalog
from polyglot_cloud.app import create_app, transport_choice
from polyglot_cloud.errors import WireError
from polyglot_cloud.settings import Settings, load
from polyglot_cloud.transport import BadTransport, Choice, NativeTransport, Proxies, open_transport
from polyglot_cloud.transport.choice import Kind
from transport.peer import OK, TLS, Line, answering, ask, peer, server_context, whole

PROXIED = Proxies.of({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "b.example"})
URLS = ("https://a.example/v1", "https://b.example/v1", "http://c.example/v1")


@pytest.mark.parametrize(
    ("choice", "native", "told"),
    [
        (Choice(), True, None),
        (Choice("native"), True, None),
        (Choice("httpx"), False, None),
        (Choice(proxies=PROXIED), True, None),
        (Choice(proxies=PROXIED, urls=URLS[1:]), True, None),
        (Choice(proxies=PROXIED, urls=URLS), False, "a proxy for a.example"),
        (Choice("native", proxies=PROXIED, urls=URLS), True, "goes directly"),
        (Choice("httpx", proxies=PROXIED, urls=URLS), False, None),
        (Choice(certificate=TLS / "client.pem"), False, "POLYGLOT_CLIENT_CERT"),
        (Choice("native", certificate=TLS / "client.pem"), True, None),
    ],
)
async def test_ours_serves_unless_something_else_is_asked_for(choice: Choice, native: bool, told: str | None) -> None:
    assert (told or "") in (choice.told or "")
    assert (choice.told is None) is (told is None)
    async with open_transport(choice) as transport:
        assert isinstance(transport, NativeTransport) is native


def test_what_is_not_installed_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyglot_cloud.transport.choice.find_spec", lambda name: None)
    assert "POLYGLOT_HTTP2" in (Choice(http2=True).told or "")
    with pytest.raises(BadTransport, match="h2 is not installed"):
        open_transport(Choice(http2=True))
    monkeypatch.setattr("polyglot_cloud.transport.choice.find_spec", importlib.util.find_spec)
    if importlib.util.find_spec("socksio") is None:
        with pytest.raises(BadTransport, match="SOCKS"):
            open_transport(Choice("httpx", proxies=Proxies.of({"ALL_PROXY": "socks5://p:1080"})))


def test_http2_is_not_for_ours() -> None:
    with pytest.raises(BadTransport, match=r"HTTP/1\.1 only"):
        open_transport(Choice("native", http2=True))


def test_http2_is_asked_of_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("polyglot_cloud.transport.choice.find_spec", lambda name: object())
    monkeypatch.setattr("httpx.AsyncHTTPTransport", lambda **options: asked.append(options["http2"]))
    open_transport(Choice(http2=True))
    assert asked == [True]


@pytest.mark.parametrize("proxy", ["ftp://p", "http://[::1"])
def test_a_proxy_that_cannot_be_used(proxy: str) -> None:
    with pytest.raises(BadTransport, match="proxy that cannot be used"):
        open_transport(Choice("httpx", proxies=Proxies.of({"ALL_PROXY": proxy})))


def test_certificates_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadTransport, match="POLYGLOT_CLIENT_CERT is not"):
        open_transport(Choice(key=TLS / "client.pem"))
    with pytest.raises(BadTransport, match="POLYGLOT_CLIENT_CERT"):
        open_transport(Choice(certificate=tmp_path / "none.pem"))
    with pytest.raises(BadTransport, match="POLYGLOT_CLIENT_CERT"):
        open_transport(Choice(certificate=TLS / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(BadTransport, match="SSL_CERT_FILE"):
        open_transport()


# --- over sockets ---


async def test_a_proxy_carries_what_is_not_reached_directly() -> None:
    talk, heard = answering(OK)()
    direct, heard_directly = answering(OK)()
    async with peer(talk) as proxy, peer(direct) as served:
        proxies = Proxies.of({"HTTP_PROXY": proxy.url.partition("/v1")[0]})
        async with open_transport(Choice("httpx", proxies=proxies)) as transport:
            assert await whole(await ask(transport, "http://far.example/v1/x")) == b"ok"
            assert await whole(await ask(transport, served.url)) == b"ok"
    assert heard[0].startswith(b"POST http://far.example/v1/x HTTP/1.1\r\n")
    assert heard_directly[0].startswith(b"POST /v1/x?y=1 HTTP/1.1\r\n")


async def test_tls_goes_through_a_proxy_and_not_to_it() -> None:
    heard: list[bytes] = []

    async def talk(line: Line) -> None:
        heard.append(await line.request())
        await line.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        heard.append(await line.reader.read(1))

    async with peer(talk) as proxy:
        proxies = Proxies.of({"HTTPS_PROXY": proxy.url.partition("/v1")[0]})
        async with open_transport(Choice("httpx", proxies=proxies)) as transport:
            with pytest.raises(WireError):
                await ask(transport, "https://far.example/v1/x", headers={"authorization": "Bearer k"})
    assert heard[0].startswith(b"CONNECT far.example:443 HTTP/1.1\r\n")
    assert b"Bearer" not in heard[0]
    assert heard[1] == b"\x16"  # a TLS handshake


@pytest.mark.parametrize("apart", [False, True], ids=["one file", "two files"])
async def test_a_client_shows_its_certificate(kind: Kind, trusted: None, tmp_path: Path, apart: bool) -> None:
    certificate, key = TLS / "client.pem", None
    if apart:
        first, mark, rest = certificate.read_text().partition("-----BEGIN PRIVATE KEY-----")
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_text(first)
        key.write_text(mark + rest)
    context = server_context("good", client_authority=TLS / "ca.pem")
    talk, heard = answering(OK)()
    async with peer(talk, context=context) as served:
        async with open_transport(Choice(kind, certificate=certificate, key=key)) as transport:
            assert await whole(await ask(transport, served.url)) == b"ok"
        async with open_transport(Choice(kind)) as transport:
            with pytest.raises(WireError):
                await ask(transport, served.url)
    assert len(heard) == 1


# --- from the settings ---


def chosen(tmp_path: Path, environ: dict[str, str]) -> tuple[Settings, Choice]:
    settings = load(environ, tmp_path / ".env")
    rows = catalog.load()
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    return settings, transport_choice(settings, accesses, environ)


def test_the_settings_say_which(tmp_path: Path) -> None:
    assert chosen(tmp_path, {})[1].told is None
    assert "a proxy for" in (chosen(tmp_path, {"HTTPS_PROXY": "http://p:1"})[1].told or "")
    environ = {
        "POLYGLOT_TRANSPORT": "HTTPX",
        "POLYGLOT_HTTP2": "on",
        "POLYGLOT_CLIENT_CERT": "a.pem",
        "POLYGLOT_CLIENT_KEY": "b.pem",
    }
    _, choice = chosen(tmp_path, environ)
    assert (choice.kind, choice.http2, choice.certificate, choice.key) == ("httpx", True, Path("a.pem"), Path("b.pem"))
    assert len(choice.urls) == 4


async def test_an_app_opens_what_its_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for kind, native in (("native", True), ("httpx", False)):
        settings, _ = chosen(tmp_path, {"POLYGLOT_TRANSPORT": kind})
        rows = catalog.load()
        application = create_app(settings, rows, settings.credentials(list(rows.providers.values())))
        async with application.lifespan():
            assert isinstance(application.parts.transport, NativeTransport) is native


# --- any other transport ---


async def test_a_transport_of_httpx_may_be_anything_that_answers() -> None:
    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"o"
            yield b"k"

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Body(), headers={"X-A": "1"}))
    incoming = await ask(transport, "https://somewhere.example/")
    assert (incoming.status, incoming.headers, await whole(incoming)) == (200, {"x-a": "1"}, b"ok")


def test_the_certificates_of_these_tests_are_what_they_are_called() -> None:
    context = ssl.create_default_context(cafile=TLS / "ca.pem")
    assert context.cert_store_stats()["x509_ca"] >= 1
