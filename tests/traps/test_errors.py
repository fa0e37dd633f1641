"""Traps 39 and 40: the shapes of errors, how streams end and how they break, through the whole app.

What the traps say of retries, fallback and delays comes with those: here it is what the client is told.
"""

import json
from typing import Any

import httpx
import pytest

from harness import KEYS
from traps.clouds import (
    EACH_CLOUD,
    LOOKUP,
    MODES,
    SPEAKERS,
    Answer,
    Json,
    ask,
    call_of,
    claude_stream,
    events,
    gemini_stream,
    plain,
    record,
    responses_stream,
    text_of,
    translated,
)

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
XAI_KEY = KEYS["XAI_API_KEY"]
MASKED = f"{XAI_KEY[:2]}***{XAI_KEY[-2:]}"

# --- 39: shapes ---


def google(status: int, word: str, message: str = "It broke.", details: list[Json] | None = None) -> Json:
    return {"error": {"code": status, "message": message, "status": word, "details": details or []}}


def anthropic(type_: str, message: str = "It broke.", **more: Any) -> Json:
    return {"type": "error", "error": {"type": type_, "message": message, **more}, "request_id": "req_1"}


def openai(type_: str, code: str | None, message: str = "It broke.", param: str | None = None) -> Json:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


PER_DAY = [
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
    }
]
DELAY = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]
BAD_KEY = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]

SHAPES: list[tuple[str, int, Any, int, str | None, str | None]] = [
    # cloud, its status and body, the client's status, type and code
    ("openai", 400, openai("invalid_request_error", "invalid_value", param="input[0]"), 400, "invalid_request_error", "invalid_value"),
    ("openai", 404, openai("invalid_request_error", "model_not_found"), 404, "invalid_request_error", "model_not_found"),
    ("openai", 429, openai("requests", "rate_limit_exceeded"), 429, "requests", "rate_limit_exceeded"),
    ("openai", 429, openai("insufficient_quota", "insufficient_quota"), 429, "insufficient_quota", "insufficient_quota"),
    ("openai", 429, openai("billing", "billing_hard_limit_reached"), 429, "billing", "billing_hard_limit_reached"),
    ("openai", 500, openai("server_error", None), 500, "server_error", None),
    ("openai", 503, openai("server_error", "slow_down"), 503, "server_error", "slow_down"),
    ("anthropic", 400, anthropic("invalid_request_error"), 400, "invalid_request_error", None),
    ("anthropic", 413, anthropic("request_too_large"), 413, "request_too_large", None),
    ("anthropic", 429, anthropic("rate_limit_error"), 429, "rate_limit_error", None),
    (
        "anthropic", 429, anthropic("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
        429, "rate_limit_error", "enforced_spend_limit_reached",
    ),
    ("anthropic", 529, anthropic("overloaded_error"), 529, "overloaded_error", None),
    ("gemini", 400, google(400, "INVALID_ARGUMENT"), 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ("gemini", 400, [google(400, "INVALID_ARGUMENT")], 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ("gemini", 429, [google(429, "RESOURCE_EXHAUSTED", details=DELAY)], 429, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", details=PER_DAY), 429, "RESOURCE_EXHAUSTED", "quota_per_day"),
    ("gemini", 503, google(503, "UNAVAILABLE"), 503, "UNAVAILABLE", "UNAVAILABLE"),
    ("grok", 422, {"code": "Deserialize error", "error": "It broke."}, 422, "invalid_request_error", "Deserialize error"),
    ("grok", 410, {"code": "Gone", "error": "It broke."}, 410, "invalid_request_error", "Gone"),
    ("grok", 400, {"error": "It broke."}, 400, "invalid_request_error", None),
    ("grok", 429, {"code": "rate", "error": "It broke."}, 429, "rate_limit_error", "rate"),
    ("grok", 400, openai("invalid_request_error", "x"), 400, "invalid_request_error", "x"),
]  # fmt: skip


async def failed(provider: str, reply: httpx.Response, *, stream: bool = False) -> Answer:
    model = dict(SPEAKERS)[provider]
    return (await ask(f"{provider}/{model}", reply, **translated(provider, stream=stream))).answer


@MODES
@pytest.mark.parametrize(("provider", "status", "body", "told", "type_", "code"), SHAPES)
async def test_trap_39_each_clouds_error_in_openais_shape(
    provider: str, status: int, body: Any, told: int, type_: str | None, code: str | None, stream: bool
) -> None:
    got = await failed(provider, plain(body, status), stream=stream)
    assert got.status == told
    value = json.loads(got.raw)
    assert value.keys() == {"error"}
    assert value["error"].keys() == {"message", "type", "param", "code"}
    assert value["error"]["message"] == "It broke."
    assert (value["error"]["type"], value["error"]["code"]) == (type_, code)


MONEY = [
    ("openai", 429, openai("insufficient_quota", "insufficient_quota")),
    ("openai", 429, openai("x", "billing_hard_limit_reached")),
    ("anthropic", 402, anthropic("billing_error")),
    ("anthropic", 429, anthropic("rate_limit_error", details={"error_code": "contract_spend_limit_reached"})),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", details=PER_DAY)),
    ("grok", 402, {"code": "no credit", "error": "It broke."}),
]
RATE = [
    ("openai", 429, openai("requests", "rate_limit_exceeded")),
    ("anthropic", 429, anthropic("rate_limit_error")),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", details=DELAY)),
    ("grok", 429, {"code": "rate", "error": "It broke."}),
]


@pytest.mark.parametrize(("provider", "status", "body"), MONEY)
async def test_trap_39_money_is_not_worth_another_try(provider: str, status: int, body: Any) -> None:
    got = await failed(provider, plain(body, status))
    assert got.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(("provider", "status", "body"), RATE)
async def test_trap_39_a_rate_is(provider: str, status: int, body: Any) -> None:
    got = await failed(provider, plain(body, status))
    assert got.status == 429
    assert got.headers.get("x-should-retry") != "false"


BAD_KEYS = [
    ("openai", 401, openai("invalid_request_error", "invalid_api_key", "Incorrect API key provided.")),
    ("anthropic", 401, anthropic("authentication_error", "invalid x-api-key")),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY)),
    ("gemini", 400, [google(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY)]),
    ("grok", 400, {"code": "Client specified an invalid argument", "error": f"Incorrect API key provided: {MASKED}."}),
    ("grok", 401, {"code": "x", "error": "no auth"}),
]


@MODES
@pytest.mark.parametrize(("provider", "status", "body"), BAD_KEYS)
async def test_trap_39_a_bad_key_is_the_gateways_fault(provider: str, status: int, body: Any, stream: bool) -> None:
    got = await failed(provider, plain(body, status), stream=stream)
    assert got.status == 502
    assert got.error is not None
    assert got.error["code"] == "provider_credential_refused"
    assert MASKED not in got.error["message"]
    assert got.headers["x-should-retry"] == "false"


async def test_trap_39_another_refusal_of_grok_stays_the_clients() -> None:
    body = {"code": "Client specified an invalid argument", "error": "Argument not supported: presencePenalty"}
    got = await failed("grok", plain(body, 400))
    assert got.status == 400
    assert got.error is not None
    assert got.error["message"] == "Argument not supported: presencePenalty"


@MODES
@EACH_CLOUD
@pytest.mark.parametrize(
    "body", [PAGE, b"", b"\xff\xfe", b"[]", b"null", b"7", b'{"error":null}', b'{"error":[]}', b'"x"', b"[[]]"]
)
async def test_trap_39_what_is_no_error_of_a_cloud_is_told_and_never_quoted(
    provider: str, model: str, body: bytes, stream: bool
) -> None:
    """A proxy's page, an empty body: the status and a sentence of ours."""
    got = await failed(provider, httpx.Response(503, content=body), stream=stream)
    assert got.status == 503
    assert got.error is not None
    assert got.error["message"]
    assert "<" not in got.error["message"]
    assert "cloudflare" not in got.error["message"]


@EACH_CLOUD
async def test_trap_39_a_body_that_repeats_the_key_never_reaches_the_client(provider: str, model: str) -> None:
    names = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "gemini": "GEMINI", "grok": "XAI"}
    key = KEYS[f"{names[provider]}_API_KEY"]
    for body in (
        {"error": {"message": f"no: {key}", "code": key, "type": key, "param": key}},
        {"code": key, "error": key},
    ):
        for status in (400, 401, 429, 500):
            got = await failed(provider, plain(body, status))
            assert key.encode() not in got.raw
            assert got.status == (502 if status == 401 else status)


@pytest.mark.parametrize("header", [{"retry-after": "7"}, {"retry-after-ms": "6800"}])
@pytest.mark.parametrize(("provider", "status", "body"), RATE)
async def test_trap_39_the_delay_reaches_the_client_in_seconds_and_never_too_short(
    provider: str, status: int, body: Any, header: Json
) -> None:
    """Gemini says it in the body, as a proto duration."""
    got = await failed(provider, plain(body, status, **({} if provider == "gemini" else header)))
    assert got.headers["retry-after"] == ("35" if provider == "gemini" else "7")


# --- 40: how streams end ---

_STREAMS = {"anthropic": claude_stream, "gemini": gemini_stream, "openai": responses_stream, "grok": responses_stream}
TEXT = "Grüezi 🏔 mitenand."


def stream_of(provider: str, *, calls: bool = False) -> bytes:
    model = dict(SPEAKERS)[provider]
    answer = call_of(provider, {"word": TEXT}, model) if calls else text_of(provider, TEXT, model)
    return _STREAMS[provider](answer)


async def streamed(provider: str, pieces: list[bytes], error: Exception | None = None) -> Answer:
    model = dict(SPEAKERS)[provider]
    return (await ask(f"{provider}/{model}", events(pieces, error), **translated(provider, stream=True))).answer


@EACH_CLOUD
@pytest.mark.parametrize("mark", [b"", b"data: [DONE]\n\n"], ids=["no mark", "DONE"])
async def test_trap_40_a_whole_stream_ends_in_done_whatever_the_clouds_own_end(
    provider: str, model: str, mark: bytes
) -> None:
    """[DONE] ends Chat and xAI's Responses; elsewhere it is not documented, and tolerated."""
    if mark and provider == "anthropic":
        mark = b""  # never seen there
    got = await streamed(provider, [stream_of(provider) + mark])
    assert (got.message["content"], got.finish, got.done) == (TEXT, "stop", True)
    assert got.raw.endswith(b"data: [DONE]\n\n")


@EACH_CLOUD
@pytest.mark.parametrize("calls", [False, True], ids=["text", "call"])
async def test_trap_40_a_stream_without_its_end_mark_is_no_success(provider: str, model: str, calls: bool) -> None:
    """Wherever it is cut: an error, never `[DONE]`, and no finish reason that nobody gave."""
    stream = stream_of(provider, calls=calls)
    whole = [piece + b"\n\n" for piece in stream.split(b"\n\n")[:-1]]
    # a Gemini stream of one chunk has its end in it: what is cut off is the chunk
    for count in range(len(whole)):
        for error in (None, httpx.ReadError("gone")):
            got = await streamed(provider, whole[:count], error)
            assert got.error is not None, (count, got.raw)
            assert not got.done
            assert got.finish is None
            assert got.status in {200, 502}
            assert (got.status == 200) == bool(got.chunks)


@EACH_CLOUD
async def test_trap_40_a_cut_within_an_event_is_a_cut(provider: str, model: str) -> None:
    stream = stream_of(provider)
    for end in range(len(stream) - 3, max(0, len(stream) - 60), -7):
        got = await streamed(provider, [stream[:end]])
        assert got.error is not None, stream[:end][-40:]
        assert (got.done, got.finish) == (False, None)


@EACH_CLOUD
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
async def test_trap_40_utf_8_is_decoded_across_pieces(provider: str, model: str, size: int) -> None:
    stream = stream_of(provider)
    got = await streamed(provider, [stream[at : at + size] for at in range(0, len(stream), size)])
    assert (got.message["content"], got.finish, got.done) == (TEXT, "stop", True)


@EACH_CLOUD
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
async def test_trap_40_any_line_end_will_do(provider: str, model: str, end: bytes) -> None:
    got = await streamed(provider, [stream_of(provider).replace(b"\n", end)])
    assert (got.message["content"], got.finish, got.done) == (TEXT, "stop", True)


IN_BAND: dict[str, list[tuple[bytes, int, str]]] = {
    # what a cloud sends inside a 200, and the status and words it would have had
    "anthropic": [
        (record(anthropic("overloaded_error", "Overloaded"), "error"), 529, "Overloaded"),
        (record(anthropic("api_error"), "error"), 500, "It broke."),
        (record(anthropic("rate_limit_error"), "error"), 429, "It broke."),
    ],
    "openai": [
        (record({"type": "error", "code": "rate_limit_exceeded", "message": "It broke."}, "error"), 429, "It broke."),
        (record({"type": "error", "error": {"code": "server_error", "message": "It broke."}}), 500, "It broke."),
        (
            record(
                {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "It broke."}}}
            ),
            500,
            "It broke.",
        ),
        (record({"error": {"message": "It broke.", "code": "server_error"}}), 500, "It broke."),
    ],
    "gemini": [
        (record(google(503, "UNAVAILABLE", "Overloaded")), 503, "Overloaded"),
        (record([google(429, "RESOURCE_EXHAUSTED")]), 429, "It broke."),
    ],
    "grok": [
        (record({"type": "error", "code": "server_error", "message": "It broke."}, "error"), 500, "It broke."),
    ],
}
CASES = [(provider, *case) for provider, cases in IN_BAND.items() for case in cases]


@pytest.mark.parametrize(("provider", "error", "status", "words"), CASES)
async def test_trap_40_an_error_before_the_first_content_is_an_honest_status(
    provider: str, error: bytes, status: int, words: str
) -> None:
    head = stream_of(provider).split(b"\n\n")[0] + b"\n\n" if provider != "gemini" else b""
    for before in (b"", b": ping\n\n", head):
        got = await streamed(provider, [before, error])
        assert got.status == status
        assert json.loads(got.raw)["error"]["message"] == words


@pytest.mark.parametrize(("provider", "error", "status", "words"), CASES)
async def test_trap_40_an_error_after_content_is_told_in_openais_form_and_closes(
    provider: str, error: bytes, status: int, words: str
) -> None:
    """No [DONE], no invented finish_reason, and nothing after it, whatever the cloud still sends."""
    whole = [piece + b"\n\n" for piece in stream_of(provider).split(b"\n\n")[:-1]]
    if provider == "gemini":
        started = [whole[0].replace(b'"finishReason": "STOP"', b'"avgLogprobs": -1')]
    else:
        place = next(at for at, piece in enumerate(whole) if b"delta" in piece and b"Gr" in piece)
        started = whole[: place + 1]
    got = await streamed(provider, [*started, error, *whole])
    assert got.status == 200
    assert got.message["content"] in {TEXT, TEXT[: len(TEXT) // 2]}
    assert got.error is not None
    assert got.error.keys() == {"message", "type", "param", "code"}
    assert got.error["message"] == words
    assert (got.done, got.finish) == (False, None)
    last = got.raw.rstrip().split(b"\n\n")[-1]
    assert last.startswith(b'data: {"error":')


@pytest.mark.parametrize("provider", ["openai", "grok"])
async def test_trap_40_padding_is_neither_wanted_nor_passed_on(provider: str) -> None:
    model = dict(SPEAKERS)[provider]
    stream = stream_of(provider)
    assert b"obfuscation" in stream
    got = await ask(f"{provider}/{model}", events(stream), **translated(provider, stream=True))
    assert b"obfuscation" not in got.answer.raw
    if provider == "openai":
        assert got.sent["stream_options"] == {"include_obfuscation": False}
    else:
        assert "stream_options" not in got.sent  # xAI refuses the member


@EACH_CLOUD
@pytest.mark.parametrize("junk", [b"data: {\n\n", b"data: \xff\n\n"])
async def test_trap_40_an_event_that_is_no_json_breaks_the_stream(provider: str, model: str, junk: bytes) -> None:
    whole = [piece + b"\n\n" for piece in stream_of(provider).split(b"\n\n")[:-1]]
    got = await streamed(provider, [junk, *whole])
    assert got.status == 502
    assert got.error is not None
    assert got.error["code"] == "provider_broken_reply"


@EACH_CLOUD
async def test_trap_40_nothing_at_all_is_no_answer(provider: str, model: str) -> None:
    for pieces in ([], [b""], [b": ping\n\n"], [b"data: [DONE]\n\n"]):
        got = await streamed(provider, pieces)
        assert got.status == 502, pieces
        assert not got.done


async def test_trap_40_a_json_answer_to_a_streamed_call_is_told() -> None:
    got = await failed("anthropic", plain({"type": "message"}), stream=True)
    assert got.status == 502


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_trap_40_a_call_that_was_cut_is_not_a_call_to_run(provider: str) -> None:
    """Its arguments are half: no finish reason tells the client to run it."""
    whole = [piece + b"\n\n" for piece in stream_of(provider, calls=True).split(b"\n\n")[:-1]]
    place = next(at for at, piece in enumerate(whole) if b"delta" in piece and b"word" in piece)
    got = await streamed(provider, whole[: place + 1])
    assert got.message["tool_calls"][0]["function"]["name"] == LOOKUP["function"]["name"]
    assert got.error is not None
    assert (got.done, got.finish) == (False, None)
