import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from polyglot_cloud.asgi import Headers, Message, Receive, Scope, Send
from polyglot_cloud.door import Door
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.server import Limits, Stop, serve
from polyglot_cloud.sockets import Port

OWN = (b"host", b"127.0.0.1:8101")
JSON = (b"content-type", b"application/json")
BODY = (b"content-length", b"2")
LISTED = "https://app.example"
ORIGIN = (b"origin", LISTED.encode())


def refuse(scope: Scope, error: GatewayError) -> tuple[int, Headers, bytes]:
    body = json.dumps({"code": error.code, "message": error.message, "path": scope["path"]}).encode()
    return error.status, [(b"content-type", b"application/json")], body


class App:
    """Answers 200 and reads nothing."""

    def __init__(self) -> None:
        self.visits: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.visits.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Answer:
    def __init__(self, app: App, messages: list[Message]) -> None:
        self.came_in = bool(app.visits)
        self.status: int = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body: bytes = messages[1]["body"]


async def untouched() -> Message:
    raise AssertionError("the door read from the body")


async def knock(*headers: tuple[bytes, bytes], method: str = "GET", path: str = "/v1/openai/health") -> Answer:
    app, sent = App(), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    door = Door(
        app,
        refuse,
        hosts=["gateway.lan", "192.168.0.7", "::7", "0.0.0.0", "::"],
        origins=[LISTED + "/", "tauri://localhost"],
    )
    await door({"type": "http", "method": method, "path": path, "headers": list(headers)}, untouched, send)
    answer = Answer(app, sent)
    assert answer.came_in is (answer.status == 200)
    return answer


# --- Host ---


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8100", "localhost.:8100", "127.0.0.1", "127.0.0.1:1", "127.9.9.9:8101", "[::1]", "[::1]:8103",
        "gateway.lan", "Gateway.LAN:80", "192.168.0.7:8100", "[::7]:8100",
    ],
)  # fmt: skip
async def test_our_own_names(host: str) -> None:
    assert (await knock((b"host", host.encode()))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8101", "127.0.0.1.evil.example", "localhost.evil.example", "x.localhost:8101", "0.0.0.0:8101",
        "[::]:8101", "127.1", "2130706433", "0x7f000001", "10.0.0.1", "[::ffff:127.0.0.1]", "192.168.0.8",
    ],
)  # fmt: skip
async def test_a_rebound_name_is_misdirected(host: str) -> None:
    answer = await knock((b"host", host.encode()))
    assert answer.status == 421
    assert json.loads(answer.body)["code"] == "misdirected_request"


@pytest.mark.parametrize(
    "hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"], [""], ["a b"], ["x@localhost"]]
)
async def test_one_host_is_needed(hosts: list[str]) -> None:
    assert (await knock(*[(b"host", host.encode()) for host in hosts])).status == 400


# --- Origin and Sec-Fetch-Site ---


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://localhost:3000", "http://127.0.0.1:8101", "null", "", "https://app.example.evil.example",
        "http://app.example", "https://app.example:444", "https://APP.example", "chrome-extension://abc", "*",
    ],
)  # fmt: skip
async def test_a_foreign_page_is_refused(method: str, origin: str) -> None:
    answer = await knock(OWN, (b"origin", origin.encode()), JSON, BODY, method=method)
    assert answer.status == 403
    assert json.loads(answer.body)["code"] == "foreign_origin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_preflight_of_a_foreign_page_is_refused() -> None:
    asks = (b"access-control-request-method", b"POST")
    assert (await knock(OWN, (b"origin", b"https://evil.example"), asks, method="OPTIONS")).status == 403


async def test_a_second_origin_helps_nobody() -> None:
    assert (await knock(OWN, ORIGIN, (b"origin", b"https://evil.example"))).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "None", "unheard-of"])
async def test_images_scripts_and_links_of_other_sites_are_refused(site: str) -> None:
    assert (await knock(OWN, (b"sec-fetch-site", site.encode()))).status == 403
    assert (await knock(OWN, (b"sec-fetch-site", b"none"), (b"sec-fetch-site", site.encode()))).status == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_the_docs_page_opens_in_a_browser(site: str) -> None:
    navigation = [(b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]
    assert (await knock(OWN, (b"sec-fetch-site", site.encode()), *navigation, path="/v1/openai/docs")).status == 200


async def test_a_listed_page_may_call_and_see_the_answer() -> None:
    answer = await knock(OWN, ORIGIN, (b"sec-fetch-site", b"cross-site"), JSON, BODY, method="POST")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["content-length"] == "2"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_listed_page_sees_its_errors_too() -> None:
    answer = await knock(OWN, ORIGIN, (b"content-type", b"text/plain"), BODY, method="POST")
    assert answer.status == 415
    assert answer.headers["access-control-allow-origin"] == LISTED


async def test_a_listed_page_is_answered_its_preflight() -> None:
    asks = [
        (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", b"authorization, content-type,x-api-key"),
        (b"access-control-request-private-network", b"true"),
    ]
    answer = await knock(OWN, ORIGIN, *asks, method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type,x-api-key"
    assert answer.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_permits_no_more_than_it_was_asked() -> None:
    asks = (b"access-control-request-method", b"GET")
    answer = await knock(OWN, (b"origin", b"tauri://localhost"), asks, method="OPTIONS")
    assert "access-control-allow-headers" not in answer.headers
    assert "access-control-allow-private-network" not in answer.headers
    odd = await knock(OWN, ORIGIN, asks, (b"access-control-request-headers", b'x"y'), method="OPTIONS")
    assert "access-control-allow-headers" not in odd.headers


async def test_options_without_a_preflight_is_the_apps_business() -> None:
    assert (await knock(OWN, method="OPTIONS")).status == 200
    assert (await knock(OWN, ORIGIN, method="OPTIONS")).status == 200
    assert (await knock(OWN, (b"access-control-request-method", b"POST"), method="OPTIONS")).status == 200


# --- path ---


@pytest.mark.parametrize(
    "path",
    [
        "/v1/openai/../gemini/x",
        "/v1/openai/./x",
        "/v1/openai/models/..",
        "/..",
        "/v1\\openai",
        "/a\x00",
        "/a\r\nb",
        "/a\x7f",
    ],
)
async def test_a_path_that_can_be_read_in_two_ways_is_refused(path: str) -> None:
    answer = await knock(OWN, path=path)
    assert answer.status == 400
    assert json.loads(answer.body)["path"] == path


@pytest.mark.parametrize(
    "path", ["/v1/openai/models/a/b..c", "/v1/openai/...", "/v1/openai/.well-known/x", "/v1/openai/ü x"]
)
async def test_other_paths_pass(path: str) -> None:
    assert (await knock(OWN, path=path)).status == 200


# --- body, by its headers ---


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/json;charset=UTF-8"]
)
async def test_json_is_taken(method: str, kind: str) -> None:
    assert (await knock(OWN, (b"content-type", kind.encode()), BODY, method=method)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/vnd.api+json",
        "application/jsonx", "text/plain; application/json", "application/json, text/plain", "", "json",
    ],
)  # fmt: skip
async def test_other_bodies_are_not(method: str, kind: str) -> None:
    answer = await knock(OWN, (b"content-type", kind.encode()), BODY, method=method)
    assert answer.status == 415
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    "declared", [(b"content-length", b"7"), (b"content-length", b"10"), (b"transfer-encoding", b"chunked")]
)
async def test_a_body_must_say_what_it_is(declared: tuple[bytes, bytes]) -> None:
    assert (await knock(OWN, declared, method="POST")).status == 415
    assert (await knock(OWN, declared, JSON, JSON, method="POST")).status == 415


@pytest.mark.parametrize("declared", [[], [(b"content-length", b"0")]])
async def test_a_call_without_a_body_needs_no_type(declared: list[tuple[bytes, bytes]]) -> None:
    assert (await knock(OWN, *declared, method="POST")).status == 200
    assert (await knock(OWN, *declared, (b"content-type", b"text/plain"), method="POST")).status == 415


async def test_what_is_read_may_come_with_any_type() -> None:
    assert (await knock(OWN, (b"content-type", b"text/plain"), method="GET")).status == 200


async def test_files_may_come_as_a_form() -> None:
    form = (b"content-type", b"multipart/form-data; boundary=x")
    assert (await knock(OWN, form, BODY, method="POST", path="/v1/openai/files")).status == 200
    assert (
        await knock(OWN, (b"content-type", b"text/plain"), BODY, method="POST", path="/v1/openai/files")
    ).status == 415


@pytest.mark.parametrize(
    ("coding", "status"), [("identity", 200), ("", 200), ("gzip", 415), ("identity, gzip", 415), ("zstd", 415)]
)
async def test_compressed_bodies_are_not_taken(coding: str, status: int) -> None:
    assert (await knock(OWN, JSON, BODY, (b"content-encoding", coding.encode()), method="POST")).status == status


# --- what is no HTTP request, and what is no setting ---


async def test_websockets_are_closed() -> None:
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    app = App()
    await Door(app, refuse)({"type": "websocket", "path": "/", "headers": [OWN]}, untouched, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert not app.visits


async def test_the_lifespan_passes() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def send(message: Message) -> None:
        raise AssertionError("nothing to say")

    await Door(app, refuse)({"type": "lifespan"}, untouched, send)
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    "origin", ["*", "null", "", "app.example", "https://", "https://app.example/x", "https://*.example", "a b://c"]
)
def test_an_origin_that_is_none_is_no_setting(origin: str) -> None:
    with pytest.raises(ValueError, match="no web origin"):
        Door(App(), refuse, origins=[origin])


@pytest.mark.parametrize("host", ["", "http://x", "a b", "*"])
def test_a_host_that_is_none_is_no_setting(host: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        Door(App(), refuse, hosts=[host])


# --- the attacks, as bytes on a real socket ---


@pytest.fixture
async def port() -> AsyncIterator[int]:
    ready, stop = asyncio.get_running_loop().create_future(), Stop()
    door = Door(App(), refuse)
    limits = Limits(drain_timeout=0, last_words=0)
    serving = asyncio.create_task(serve(door, [Port("openai", 0)], limits=limits, on_ready=ready.set_result, stop=stop))
    yield (await ready)[0].port
    stop.ask()
    await serving


async def say(port: int, request: bytes) -> bytes:
    """The first line of the answer. The request's body, if it promises one, never comes: the door must not wait for it."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.replace(b"\n", b"\r\n"))
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line.strip()


HOSTILE = {
    "a form posted by a page": (
        (
            b"POST /v1/chat/completions HTTP/1.1\nHost: 127.0.0.1:%d\nOrigin: https://evil.example\nSec-Fetch-Site: cross-site\n"
            b"Content-Type: text/plain\nContent-Length: 100\n\n"
        ),
        b"403",
    ),
    "a form of an old browser, without any sign of where it is from": (
        b"POST /v1/chat/completions HTTP/1.1\nHost: 127.0.0.1:%d\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 100\n\n",
        b"415",
    ),
    "the preflight of a fetch": (
        (
            b"OPTIONS /v1/chat/completions HTTP/1.1\nHost: localhost:%d\nOrigin: https://evil.example\n"
            b"Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: content-type\n\n"
        ),
        b"403",
    ),
    "an image on a page": (
        b"GET /v1/models HTTP/1.1\nHost: 127.0.0.1:%d\nSec-Fetch-Site: cross-site\nSec-Fetch-Dest: image\n\n",
        b"403",
    ),
    "a page of another server on this machine": (
        (
            b"POST /v1/chat/completions HTTP/1.1\nHost: localhost:%d\nOrigin: http://localhost:3000\nSec-Fetch-Site: same-site\n"
            b"Content-Type: application/json\nContent-Length: 100\n\n"
        ),
        b"403",
    ),
    "a sandboxed frame": (
        b"POST /v1/chat/completions HTTP/1.1\nHost: localhost:%d\nOrigin: null\nContent-Type: application/json\nContent-Length: 100\n\n",
        b"403",
    ),
    "a rebound name, same-origin for its page": (
        (
            b"POST /v1/chat/completions HTTP/1.1\nHost: rebound.evil.example:%d\nOrigin: http://rebound.evil.example\n"
            b"Sec-Fetch-Site: same-origin\nContent-Type: application/json\nContent-Length: 100\n\n"
        ),
        b"421",
    ),
    "a rebound name that only reads": (b"GET /v1/models HTTP/1.1\nHost: rebound.evil.example:%d\n\n", b"421"),
    "a second host behind ours": (b"GET /health HTTP/1.1\nHost: localhost:%d\nHost: evil.example\n\n", b"400"),
    "no host at all": (b"GET /health?%d HTTP/1.0\n\n", b"400"),
    "a way around, encoded": (b"GET /v1/openai/%%2e%%2e/%%2e%%2e/x HTTP/1.1\nHost: localhost:%d\n\n", b"400"),
    "a socket for a page": (
        (
            b"GET /v1/responses HTTP/1.1\nHost: localhost:%d\nOrigin: https://evil.example\nConnection: Upgrade\nUpgrade: websocket\n"
            b"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n"
        ),
        b"403",
    ),
    "(a program)": (
        b"POST /v1/chat/completions HTTP/1.1\nHost: localhost:%d\nContent-Type: application/json\nContent-Length: 100\n\n",
        b"200",
    ),
}  # fmt: skip


async def test_a_hostile_page_and_a_rebound_name_over_a_real_socket(port: int) -> None:
    lines = {attack: await say(port, request % port) for attack, (request, _) in HOSTILE.items()}
    assert {attack: line.split()[1] for attack, line in lines.items()} == {
        attack: status for attack, (_, status) in HOSTILE.items()
    }
