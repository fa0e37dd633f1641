"""A call's way through the whole app, with respx or a scripted transport in the network's place."""

import contextlib
import json
from datetime import date
from typing import Any

import httpx
import pytest
import respx

from harness import HELLO, HOSTS, KEYS, Pieces, application, client, post, replying, streamed

CHAT_REPLY = (
    b'{ "id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"gpt-6.1-terra-x",\n "choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}], '
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}, "new_field": [1.50] }'
)
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip
HEAD = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":['
CHUNKS = [
    HEAD + b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
    HEAD + b'{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n',
    HEAD + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    HEAD + b'],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n',
    b"data: [DONE]\n\n",
]


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-6.1-terra", "messages": HELLO, **fields}


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json=value, headers=headers)


async def test_the_same_dialect_passes_the_very_bytes_both_ways() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY, headers={"content-type": "application/json"}))
    body = b'{"messages": [{"role":"user","content":"hello"}],  "model":"gpt-6.1-terra", "x_unknown": 1.50}'
    reply = await post(application(upstream), "/v1/openai/chat/completions", body)
    assert reply.content == CHAT_REPLY
    assert seen[0].content == body
    assert str(seen[0].url) == f"{HOSTS['openai']}/chat/completions"
    assert reply.headers["x-polyglot-dialect"] == "openai_chat"
    assert "x-polyglot-edited" not in reply.headers


@pytest.mark.parametrize(
    ("model", "sent"),
    [("high", "gpt-6.2-sol"), (None, "gpt-6.1-terra"), ("fast", "gpt-6-luna"), ("openai/low", "gpt-6-luna")],
)
async def test_a_tier_an_alias_and_the_default_are_one_named_edit(model: str | None, sent: str) -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    named = "" if model is None else f'"model" : "{model}", '
    body = f'{{{named}"messages":[{{"role":"user","content":"hello"}}]}}'.encode()
    app = application(upstream, {"POLYGLOT_ALIASES": '{"fast": "openai/low"}'})
    reply = await post(app, "/v1/openai/chat/completions", body)
    expected = (
        body.replace(f'"{model}"'.encode(), f'"{sent}"'.encode())
        if model
        else body[:-1] + f',"model":"{sent}"}}'.encode()
    )
    assert seen[0].content == expected
    assert reply.headers["x-polyglot-edited"] == "model"


@pytest.mark.parametrize(
    ("provider", "header", "key"),
    [
        ("openai", "authorization", f"Bearer {KEYS['OPENAI_API_KEY']}"),
        ("anthropic", "x-api-key", KEYS["ANTHROPIC_API_KEY"]),
        ("gemini", "x-goog-api-key", KEYS["GEMINI_API_KEY"]),
        ("grok", "authorization", f"Bearer {KEYS['XAI_API_KEY']}"),
    ],
)
async def test_the_gateways_key_goes_up_and_the_clients_never(provider: str, header: str, key: str) -> None:
    upstream, seen = replying(httpx.Response(500, json={"error": {"message": "x"}}))
    given = {"authorization": "Bearer client", "x-api-key": "client", "x-goog-api-key": "client", "cookie": "client"}
    await post(application(upstream), f"/v1/{provider}/chat/completions", {"messages": HELLO}, given)
    sent = {name: value for name, value in seen[0].headers.items() if "client" in value}
    assert sent == {}
    assert seen[0].headers[header] == key
    assert str(seen[0].url).startswith(HOSTS[provider])


async def test_vendor_headers_go_up_and_rate_limits_come_down() -> None:
    upstream, seen = replying(
        json_reply(
            MESSAGE, headers={"request-id": "req_1", "anthropic-ratelimit-tokens-remaining": "9", "set-cookie": "a=b"}
        )
    )
    headers = {"anthropic-beta": "x-2026", "anthropic-version": "2023-06-01", "user-agent": "claude-cli/2"}
    body = {"model": "claude-sonnet-5-5", "max_tokens": 5, "messages": HELLO}
    reply = await post(application(upstream), "/v1/anthropic/messages", body, headers)
    assert {name: seen[0].headers[name] for name in headers} == headers
    assert (reply.headers["request-id"], reply.headers["anthropic-ratelimit-tokens-remaining"]) == ("req_1", "9")
    assert "set-cookie" not in reply.headers


async def test_another_dialect_is_read_and_written() -> None:
    upstream, seen = replying(json_reply(MESSAGE))
    body = {"model": "claude-sonnet-5-5", "messages": HELLO, "seed": 7}
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", body)
    assert str(seen[0].url) == f"{HOSTS['anthropic']}/messages"
    assert seen[0].headers["anthropic-version"]
    assert json.loads(seen[0].content)["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    value = reply.json()
    assert value["choices"][0]["message"]["content"] == "hi"
    assert (value["usage"]["prompt_tokens"], value["usage"]["completion_tokens"]) == (3, 1)
    assert value["model"] == "claude-sonnet-5-5"
    assert reply.headers["x-polyglot-dropped"] == "/seed"


async def test_tools_on_a_model_that_refuses_them_in_chat_go_to_responses() -> None:
    upstream, seen = replying(
        httpx.Response(400, json={"error": {"message": "stop here", "type": "invalid_request_error"}})
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    await post(application(upstream), "/v1/openai/chat/completions", chat(model="gpt-6.2-sol", tools=[tool]))
    assert str(seen[0].url) == f"{HOSTS['openai']}/responses"
    assert json.loads(seen[0].content)["store"] is False


async def test_the_face_of_all_models_finds_the_provider() -> None:
    upstream, seen = replying(json_reply(MESSAGE), json_reply(MESSAGE))
    app = application(upstream)
    for model in ("claude-sonnet-5-5", "anthropic/medium"):
        await post(app, "/v1/any/chat/completions", {"model": model, "messages": HELLO})
    assert [json.loads(request.content)["model"] for request in seen] == ["claude-sonnet-5-5"] * 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("/v1/openai/chat/completions", chat(model="claude-sonnet-5-5"), 400, "wrong_provider", "model"),
        ("/v1/openai/chat/completions", chat(model="../x"), 400, "invalid_model_id", "model"),
        ("/v1/openai/chat/completions", chat(model="gpt-4-turbo"), 404, "model_retired", "model"),
        ("/v1/any/chat/completions", chat(model="nobody-knows"), 404, "model_not_found", "model"),
        ("/v1/any/chat/completions", {"messages": HELLO}, 400, "missing_required_parameter", "model"),
        ("/v1/openai/chat/completions", chat(messages="hello"), 400, "invalid_type", "messages"),
        ("/v1/openai/chat/completions", b'{"model":"a","model":"b","messages":[]}', 400, "duplicate_field", "model"),
        ("/v1/openai/chat/completions", b"{", 400, "invalid_json", None),
        ("/v1/openai/chat/completions", b"[]", 400, "invalid_json", None),
        ("/v1/openai/chat/completions", b'{"messages": NaN}', 400, "invalid_json", None),
        ("/v1/openai/chat/completions", b'{"messages": "\xff"}', 400, "invalid_json", None),
        (
            "/v1/anthropic/chat/completions",
            chat(model="claude-sonnet-5-5", logprobs=True),
            400,
            "unsupported_parameter",
            "logprobs",
        ),
        ("/v1/openai/messages", {"model": "gpt-6.1-terra", "messages": HELLO}, 400, None, None),
    ],
)
async def test_bad_input_is_refused_before_anything_is_sent(
    path: str, body: Any, status: int, code: str | None, param: str | None
) -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), path, body)
    assert reply.status_code == status
    error = reply.json()["error"]
    assert seen == []
    if "messages" not in path:
        assert (error["code"], error["param"]) == (code, param)


async def test_the_message_at_the_wrong_face_names_the_right_url() -> None:
    reply = await post(application(replying()[0]), "/v1/openai/chat/completions", chat(model="claude-sonnet-5-5"))
    assert "http://127.0.0.1:8101/v1" in reply.json()["error"]["message"]


async def test_a_retired_model_says_when_and_what_instead_and_not_to_retry() -> None:
    reply = await post(application(replying()[0]), "/v1/openai/chat/completions", chat(model="gpt-4-turbo"))
    assert "2026-10-23" in reply.json()["error"]["message"]
    assert reply.headers["x-should-retry"] == "false"


async def test_a_retired_default_does_not_break_its_port() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    app = application(upstream, {"OPENAI_MODEL_NAME": "gpt-4-turbo"})
    reply = await post(app, "/v1/openai/chat/completions", {"messages": HELLO})
    asked = json.loads(seen[0].content)["model"]
    assert asked != "gpt-4-turbo"
    assert reply.headers["x-polyglot-model-substituted"] == f"gpt-4-turbo->{asked}"


@pytest.mark.parametrize(("day", "status"), [(date(2026, 11, 29), 200), (date(2026, 11, 30), 404)])
async def test_retirement_comes_on_its_day(day: date, status: int) -> None:
    upstream, _ = replying(json_reply(MESSAGE))
    body = {"model": "claude-sonnet-4-5-20250929", "messages": HELLO}
    reply = await post(application(upstream, today=day), "/v1/anthropic/chat/completions", body)
    assert reply.status_code == status


async def test_retired_models_may_be_passed_on() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    app = application(upstream, {"POLYGLOT_RETIRED": "pass"})
    await post(app, "/v1/openai/chat/completions", chat(model="gpt-4-turbo"))
    assert json.loads(seen[0].content)["model"] == "gpt-4-turbo"


async def test_an_unknown_model_passes_on_in_the_clients_dialect() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    await post(application(upstream), "/v1/openai/chat/completions", chat(model="gpt-99-preview", tools=[]))
    assert json.loads(seen[0].content)["model"] == "gpt-99-preview"


async def test_a_missing_key_says_which_and_how_and_not_to_retry() -> None:
    upstream, seen = replying()
    reply = await post(application(upstream, {"OPENAI_API_KEY": ""}), "/v1/openai/chat/completions", chat())
    assert (reply.status_code, seen) == (503, [])
    assert "OPENAI_API_KEY=sk-" in reply.json()["error"]["message"]
    assert reply.headers["x-should-retry"] == "false"


# --- errors of the provider ---


async def test_an_error_in_the_same_dialect_comes_back_as_it_stands() -> None:
    raw = b'{ "error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded", "extra": 1} }'
    upstream, _ = replying(
        httpx.Response(
            429, content=raw, headers={"content-type": "application/json", "retry-after": "7", "x-request-id": "r1"}
        )
    )
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat())
    assert (reply.status_code, reply.content) == (429, raw)
    assert (reply.headers["retry-after"], reply.headers["x-request-id"]) == ("7", "r1")


async def test_an_error_of_another_dialect_arrives_in_the_clients_with_status_and_wait() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_9"}
    upstream, _ = replying(json_reply(body, 529, {"retry-after": "3", "request-id": "req_9"}))
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO})
    assert reply.status_code == 529
    assert reply.json()["error"]["message"] == "Overloaded"
    assert reply.json()["error"]["type"] == "overloaded_error"
    assert (reply.headers["retry-after"], reply.headers["request-id"]) == ("3", "req_9")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "grok"])
async def test_a_refused_key_is_the_gateways_fault_and_leaks_nothing(provider: str) -> None:
    said = f"Incorrect API key provided: {KEYS['OPENAI_API_KEY']}"
    upstream, _ = replying(json_reply({"error": {"message": said, "type": "x", "code": "invalid_api_key"}}, 401))
    reply = await post(application(upstream), f"/v1/{provider}/chat/completions", {"messages": HELLO})
    assert reply.status_code == 502
    assert "sk-test" not in reply.text
    assert reply.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (httpx.ConnectError("refused"), 502, "provider_unreachable"),
        (httpx.ConnectTimeout("slow"), 502, "provider_unreachable"),
        (httpx.ReadTimeout("silent"), 504, "provider_timeout"),
        (httpx.RemoteProtocolError("garbage"), 502, "provider_broken_reply"),
    ],
)
async def test_a_provider_that_cannot_be_heard(error: Exception, status: int, code: str) -> None:
    reply = await post(application(replying(error)[0]), "/v1/openai/chat/completions", chat())
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_page_in_place_of_an_answer_is_a_broken_reply(provider: str) -> None:
    upstream, _ = replying(httpx.Response(200, html="<html>proxy</html>"))
    reply = await post(application(upstream), f"/v1/{provider}/chat/completions", {"messages": HELLO})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_broken_reply")


async def test_a_body_that_we_cannot_read_is_left_to_the_provider_where_it_speaks_the_dialect() -> None:
    raw = b'{"error":{"message":"no such role","type":"invalid_request_error","param":"messages","code":null}}'
    upstream, seen = replying(httpx.Response(400, content=raw))
    body = chat(model="gpt-6.2-sol", messages=[{"role": "wizard", "content": "x"}], max_tokens=5)
    reply = await post(application(upstream), "/v1/openai/chat/completions", body)
    assert (reply.status_code, reply.content) == (400, raw)
    assert str(seen[0].url).endswith("/chat/completions")


# --- streams ---


async def test_a_stream_passes_byte_for_byte_when_usage_was_asked_for() -> None:
    upstream, seen = replying(streamed(CHUNKS))
    body = json.dumps(chat(stream=True, stream_options={"include_usage": True})).encode()
    reply = await post(application(upstream), "/v1/openai/chat/completions", body)
    assert reply.content == b"".join(CHUNKS)
    assert seen[0].content == body
    assert reply.headers["content-type"] == "text/event-stream"


async def test_usage_that_was_not_asked_for_is_cut_out_again() -> None:
    upstream, seen = replying(streamed(CHUNKS))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stream=True))
    assert reply.content == b"".join(CHUNKS[:3] + CHUNKS[4:])
    assert json.loads(seen[0].content) == {**chat(stream=True), "stream_options": {"include_usage": True}}
    assert reply.headers["x-polyglot-edited"] == "stream_options.include_usage"


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_a_stream_in_small_pieces_is_the_same_stream(size: int) -> None:
    whole = b"".join(CHUNKS)
    upstream, _ = replying(streamed([whole[at : at + size] for at in range(0, len(whole), size)]))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stream=True))
    assert reply.content == b"".join(CHUNKS[:3] + CHUNKS[4:])


@pytest.mark.parametrize("error", [None, httpx.ReadError("gone")])
async def test_a_stream_that_is_cut_after_content_says_so_in_band(error: Exception | None) -> None:
    upstream, _ = replying(streamed([*CHUNKS[:2], b'data: {"id":"c","choi'], error))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stream=True))
    head, _, last = reply.content.partition(CHUNKS[1])
    assert (reply.status_code, head) == (200, CHUNKS[0])
    assert last.startswith(b'data: {"error":')
    assert b"[DONE]" not in last
    assert b"choi" not in last


@pytest.mark.parametrize("error", [None, httpx.ReadError("gone")])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
async def test_a_stream_that_is_cut_before_content_is_an_honest_status(provider: str, error: Exception | None) -> None:
    upstream, _ = replying(streamed(b": nothing yet\n\n", error))
    reply = await post(application(upstream), f"/v1/{provider}/chat/completions", {"messages": HELLO, "stream": True})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_broken_reply")


async def test_an_error_event_before_content_is_an_honest_status_when_translated() -> None:
    event = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    reply = await post(
        application(replying(streamed(event))[0]), "/v1/anthropic/chat/completions", {"messages": HELLO, "stream": True}
    )
    assert (reply.status_code, reply.json()["error"]["message"]) == (529, "Overloaded")


async def test_an_error_event_passes_as_it_stands_in_the_same_dialect() -> None:
    event = b'data: {"error":{"message":"Overloaded","type":"server_error","code":null}}\n\n'
    reply = await post(application(replying(streamed(event))[0]), "/v1/openai/chat/completions", chat(stream=True))
    assert (reply.status_code, reply.content) == (200, event)


async def test_a_plain_answer_to_a_streamed_call_is_a_broken_reply_when_translated() -> None:
    upstream, _ = replying(json_reply(MESSAGE))
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO, "stream": True})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_broken_reply")


async def test_a_gemini_stream_as_a_json_array_passes_piece_by_piece() -> None:
    array = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n,\r\n{"usageMetadata":{"promptTokenCount":1}}]'
    upstream, seen = replying(
        httpx.Response(200, stream=Pieces([array[:20], array[20:]]), headers={"content-type": "application/json"})
    )
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    path = "/v1/gemini/models/gemini-3.8-flash:streamGenerateContent?key=mine"
    reply = await post(application(upstream), path, body)
    assert reply.content == array
    assert reply.headers["content-type"] == "application/json"
    assert seen[0].url.path == "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
    assert "key" not in seen[0].url.params


async def test_the_upstream_connection_is_freed_however_the_call_ends() -> None:
    for body, fields in (
        (CHUNKS, {"stream": True}),
        ([CHAT_REPLY], {}),
        (CHUNKS[:1], {"stream": True}),
        ([b"junk"], {}),
    ):
        stream = Pieces(list(body))
        kind = "text/event-stream" if fields else "application/json"
        upstream, _ = replying(httpx.Response(200, stream=stream, headers={"content-type": kind}))
        await post(application(upstream), "/v1/openai/chat/completions", chat(**fields))
        assert stream.closed


async def test_an_error_reply_frees_the_connection_too() -> None:
    stream = Pieces([b'{"error":{"message":"x"}}'])
    upstream, _ = replying(httpx.Response(500, stream=stream))
    await post(application(upstream), "/v1/openai/chat/completions", chat())
    assert stream.closed


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_redirect_is_not_followed(status: int, stream: bool) -> None:
    upstream, seen = replying(httpx.Response(status, json={"a": 1}, headers={"location": "https://evil.example/v1"}))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stream=stream))
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_broken_reply")
    assert len(seen) == 1


async def test_a_provider_cannot_speak_in_our_name() -> None:
    headers = {"x-polyglot-cost": "0", "x-polyglot-provider": "nobody", "x-polyglot-sandbox": "openai"}
    upstream, _ = replying(httpx.Response(200, content=CHAT_REPLY, headers=headers))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat())
    assert "x-polyglot-cost" not in reply.headers
    assert reply.headers["x-polyglot-provider"] == "openai"
    assert reply.headers["x-polyglot-sandbox"] == "openai"


@pytest.mark.parametrize("call", ["x:deleteEverything", "x:embedContent", "x:generateContent%3Fkey=mine", "x"])
async def test_only_known_methods_of_gemini_go_up(call: str) -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), f"/v1/gemini/models/{call}", {"contents": []})
    assert reply.status_code == 404
    assert seen == []


async def test_a_long_model_name_is_short_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    upstream, _ = replying()
    await post(application(upstream), "/v1/openai/chat/completions", chat(model="m" * 100_000))
    assert "mmm..." in caplog.text
    assert len(caplog.text) < 1000


ECHO = {
    "role": "assistant",
    "content": "b",
    "parsed": None,  # the official SDKs' own, in what their stream and parse helpers give
    "reasoning_content": "hm",
    "reasoning_details": [
        {
            "type": "thinking",
            "index": 0,
            "provider": "anthropic",
            "model": "claude-sonnet-5-5",
            "text": "hm",
            "data": {"type": "thinking"},
        }
    ],
}


@pytest.mark.parametrize(
    ("provider", "model", "ending"),
    [("openai", "gpt-6.1-sol", "/responses"), ("grok", "grok-4.7", "/responses"), ("openai", "gpt-4o", "/")],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_only_ours_never_goes_up(provider: str, model: str, ending: str, stream: bool) -> None:
    """A client hands our own answer back; the vendor would refuse the members that we added."""
    upstream, seen = replying(httpx.Response(500, json={"error": {"message": "enough"}}))
    body = chat(model=model, messages=[*HELLO, ECHO, {"role": "user", "content": "c"}], stream=stream)
    await post(application(upstream), f"/v1/{provider}/chat/completions", body)
    assert b"reasoning_details" not in seen[0].content
    assert b"reasoning_content" not in seen[0].content
    assert b"parsed" not in seen[0].content
    assert ending in seen[0].url.path


async def test_a_body_that_is_written_anew_in_its_own_dialect_still_cuts_usage() -> None:
    tool = {"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}
    body = chat(model="gpt-4.1", stop="END", stream=True, tools=[tool])
    upstream, seen = replying(streamed(CHUNKS))
    reply = await post(application(upstream), "/v1/openai/chat/completions", body)
    assert str(seen[0].url).endswith("/chat/completions")
    assert b"cache_control" not in seen[0].content
    assert reply.headers["x-polyglot-edited"] == "body"
    assert reply.content == b"".join(CHUNKS[:3] + CHUNKS[4:])


async def test_a_stream_that_breaks_shows_what_waited_for_a_stop_sequence() -> None:
    events: list[Any] = [
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "message", "id": "i", "content": []},
        },
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "i", "content_index": 0, "delta": "so E"},
    ]
    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    upstream, _ = replying(streamed(pieces, httpx.ReadError("gone")))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stop="END", stream=True))
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1]) == "so E"
    assert chunks[-1]["error"]["code"] == "provider_broken_reply"
    assert "[DONE]" not in reply.text


async def test_a_host_that_nobody_described_gets_the_very_bytes() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    body = json.dumps(chat(model="gpt-99", messages=[*HELLO, ECHO, *HELLO])).encode()
    await post(application(upstream), "/v1/openai/chat/completions", body)
    assert seen[0].content == body


async def test_a_plain_answer_to_a_streamed_call_is_a_broken_reply_in_the_same_dialect_too() -> None:
    upstream, _ = replying(httpx.Response(200, content=b'{"id": "half', headers={"content-type": "application/json"}))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat(stream=True))
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_broken_reply")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"code":"The model is overloaded","error":"Try later"}', "Try later"),
        (b"<html>gateway</html>", ""),
        (b"rate limited", "rate limited"),
    ],
)
async def test_an_error_in_a_shape_that_no_client_reads_is_written_in_openais(body: bytes, message: str) -> None:
    upstream, _ = replying(httpx.Response(503, content=body))
    reply = await post(application(upstream), "/v1/grok/chat/completions", {"model": "grok-4.7", "messages": HELLO})
    assert reply.status_code == 503
    assert message in reply.json()["error"]["message"]


async def test_every_answer_has_an_id_that_the_log_has_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    upstream, _ = replying(json_reply(MESSAGE, headers={"request-id": "req_1"}), httpx.ConnectError("x"))
    app = application(upstream)
    reply = await post(app, "/v1/anthropic/chat/completions", {"messages": HELLO})
    failed = await post(app, "/v1/anthropic/chat/completions", {"messages": HELLO})
    assert reply.headers["x-request-id"] == reply.headers["request-id"] == "req_1"
    for answer in (reply, failed):
        assert answer.headers["x-polyglot-request-id"] in caplog.text


K = KEYS["OPENAI_API_KEY"]


@pytest.mark.parametrize("field", ["message", "type", "param", "code"])
async def test_the_key_comes_back_in_no_field_and_stands_in_no_log(
    field: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    error = {"message": "bad", "type": "t", "param": "p", "code": "c", field: f"it is {K}"}
    upstream, _ = replying(json_reply({"error": error}, 400, {"x-request-id": K}))
    reply = await post(application(upstream), "/v1/openai/chat/completions", chat())
    assert K not in reply.text + str(reply.headers) + caplog.text


async def test_a_refusal_with_an_endless_body_keeps_its_status_and_wait() -> None:
    for stream in (Pieces([b"x" * 700_000] * 3), Pieces([b"{"], httpx.ReadError("cut"))):
        upstream, _ = replying(httpx.Response(429, headers={"retry-after": "7"}, stream=stream))
        reply = await post(application(upstream), "/v1/openai/chat/completions", chat())
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
        assert stream.closed


@pytest.mark.parametrize("status", [600, 999])
async def test_a_status_that_http_does_not_have_is_a_broken_reply(status: int) -> None:
    reply = await post(application(replying(httpx.Response(status))[0]), "/v1/openai/chat/completions", chat())
    assert reply.status_code == 502


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<script>alert(1)</script>"),
        httpx.Response(204),
        httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"id'),
        httpx.Response(
            200, headers={"content-type": "text/event-stream", "content-encoding": "br"}, stream=Pieces([b"\x8b"])
        ),
    ],
    ids=["a page", "nothing", "half an object", "compressed"],
)
async def test_only_a_stream_is_an_answer_to_a_streamed_call(answer: httpx.Response) -> None:
    reply = await post(application(replying(answer)[0]), "/v1/openai/chat/completions", chat(stream=True))
    assert (reply.status_code, reply.headers["content-type"]) == (502, "application/json")


async def test_a_content_type_is_known_in_any_case() -> None:
    answer = httpx.Response(200, headers={"content-type": "Text/Event-Stream"}, stream=Pieces(list(CHUNKS)))
    reply = await post(application(replying(answer)[0]), "/v1/openai/chat/completions", chat(stream=True))
    assert reply.content == b"".join(CHUNKS[:3] + CHUNKS[4:])


async def test_any_header_that_a_client_may_send_goes_up() -> None:
    upstream, seen = replying(httpx.Response(200, content=CHAT_REPLY))
    app = application(upstream)
    async with client(app) as http:
        headers = [
            (b"content-type", b"application/json"),
            (b"x-cafe", b"caf\xe9 "),
            (b"user-agent", b"\xff"),
        ]
        await http.post("/v1/openai/chat/completions", content=json.dumps(chat()), headers=headers)
    assert dict(seen[0].headers.raw)[b"x-cafe"] == b"caf\xe9"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2, "stream": True}, "n"),
        ({"n": 17}, "n"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
    ],
)
async def test_what_cannot_be_translated_is_refused_before_anything_is_sent(fields: dict[str, Any], param: str) -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO, **fields})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert seen == []


async def test_a_tier_in_a_path_is_an_edit_of_the_path() -> None:
    upstream, seen = replying(httpx.Response(200, json={"candidates": []}))
    body = b'{"contents":[{"parts":[{"text":"x"}]}]}'
    reply = await post(application(upstream), "/v1/gemini/models/high:generateContent", body)
    assert (seen[0].url.path, seen[0].content) == ("/v1beta/models/gemini-4-argon:generateContent", body)
    assert reply.headers["x-polyglot-edited"] == "model"


async def test_json_of_any_kind_passes_in_its_own_dialect() -> None:
    upstream, _ = replying(httpx.Response(200, content=b'"odd"'))
    assert (await post(application(upstream), "/v1/openai/chat/completions", chat())).content == b'"odd"'


@pytest.mark.parametrize("error", [None, httpx.ReadError("gone")])
async def test_an_array_that_is_cut_is_never_logged_as_whole(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    stream = Pieces([b'[{"candidates":[]}', b","], error)
    upstream, _ = replying(httpx.Response(200, stream=stream, headers={"content-type": "application/json"}))
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    with contextlib.suppress(AssertionError):  # how the played client sees a connection that breaks off
        await post(application(upstream), "/v1/gemini/models/gemini-3.8-flash:streamGenerateContent", body)
    assert "outcome=truncated" in caplog.text
    assert stream.closed


async def test_respx_plays_where_the_transport_goes() -> None:
    router = respx.Router()
    route = router.post(f"{HOSTS['openai']}/chat/completions").respond(200, content=CHAT_REPLY)
    reply = await post(application(router), "/v1/openai/chat/completions", chat())
    assert reply.content == CHAT_REPLY
    assert route.called


async def test_no_key_is_ever_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    upstream, _ = replying(httpx.Response(200, content=CHAT_REPLY), httpx.ConnectError("refused"), json_reply({}, 401))
    app = application(upstream)
    for _ in range(3):
        await post(app, "/v1/openai/chat/completions", chat(), {"authorization": "Bearer client-secret"})
    assert "outcome=complete" in caplog.text
    assert not [secret for secret in (*KEYS.values(), "client-secret", "hello") if secret in caplog.text]
