"""What the app answers where no endpoint does."""

import pytest

from harness import HELLO, application, client, get, post, replying


@pytest.mark.parametrize(
    "path", ["/v1/openai/nothing", "/v1/openai/embeddings", "/nothing", "/v1/openai/chat/completions/x"]
)
async def test_an_unknown_path_is_a_404_in_openais_shape(path: str) -> None:
    reply = await post(application(replying()[0]), path, {})
    assert reply.status_code in {404, 405}
    assert reply.json()["error"]["code"] in {"unknown_url", "method_not_allowed"}


@pytest.mark.parametrize("path", ["/v1/openai/embeddings", "/v1/openai/files", "/v1/openai/audio/speech", "/metrics"])
async def test_what_is_left_out_on_purpose_says_so(path: str) -> None:
    message = (await post(application(replying()[0]), path, {})).json()["error"]["message"]
    assert " not " in message
    assert "/docs" not in message


async def test_another_method_is_a_405_that_names_the_right_one() -> None:
    reply = await get(application(replying()[0]), "/v1/openai/chat/completions")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "headers", "key"),
    [
        ("/v1/anthropic/nothing", {"anthropic-version": "2023-06-01"}, "type"),
        ("/v1/anthropic/messages", {}, "type"),
        ("/v1/gemini/models/x:generateContent", {}, "error"),
    ],
)
async def test_refusals_are_in_the_clients_own_shape(path: str, headers: dict[str, str], key: str) -> None:
    async with client(application(replying()[0])) as http:
        reply = await http.post(path, content=b"x", headers={"content-type": "text/plain", **headers})
    assert reply.status_code == 415
    assert key in reply.json()
    if key == "error":
        assert reply.json()["error"]["status"] == "INVALID_ARGUMENT"


async def test_a_defect_of_ours_is_a_500_without_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    app = application(replying(RuntimeError("secret detail"))[0])
    async with client(app) as http:
        http._transport.raise_app_exceptions = False  # type: ignore[attr-defined]  # as a server would, which logs it
        reply = await http.post("/v1/openai/chat/completions", json={"messages": HELLO})
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
    assert "secret detail" not in reply.text
    assert reply.headers["connection"] == "close"


async def test_a_body_over_the_limit_is_refused() -> None:
    app = application(replying()[0], {"POLYGLOT_MAX_BODY_BYTES": "100"})
    reply = await post(app, "/v1/openai/chat/completions", {"messages": HELLO, "x": "y" * 200})
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")


async def test_the_door_stands_before_everything() -> None:
    app = application(replying()[0])
    async with client(app) as http:
        rebound = await http.get("/v1/openai/health", headers={"host": "evil.example"})
        page = await http.get("/v1/openai/health", headers={"origin": "https://evil.example"})
    assert (rebound.status_code, page.status_code) == (421, 403)
