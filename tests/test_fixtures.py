"""Every fixture is well formed, and is played through the whole gateway with respx in the network's place.

At its own face a reply must arrive as it stands, byte for byte; at chat/completions with what it says, in OpenAI's shape. What it says is
read by `scripts.recording.said`, from the vendor's own JSON and not by the gateway's readers. A new folder joins by being there.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import respx
from scripts.recording import said, scrub
from scripts.recording.folder import RECORDED
from scripts.recording.said import Said

from harness import FIXTURES, HELLO, HOSTS, TODAY, application, post, streamed
from polyglot_cloud import catalog
from polyglot_cloud.app import Application

ROWS = catalog.load()
MODEL = "a-model-nobody-knows"
"""Asked for at a fixture's own face: the catalog has no row that could send the call another way."""
RESPONSES_ONLY = next(
    row.id for row in ROWS.models("openai", TODAY) if [offer.dialect for offer in row.offers] == ["openai_responses"]
)
FILES = frozenset({"origin.json", "request.json", "response.json", "stream.sse", "error.json", "count.json"})


@dataclass(frozen=True)
class Case:
    dialect: str
    folder: Path

    @property
    def origin(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.file("origin.json"))
        return value

    @property
    def provider(self) -> str:
        """Who said it: as the origin has it, else whose model it is, else the first who speaks the dialect."""
        speakers = [row.name for row in ROWS.providers.values() if self.dialect in row.dialects]
        owners = [name for name in speakers if ROWS.model(name, self.origin["model"])]
        found: str = self.origin.get("provider") or (owners or speakers)[0]
        return found

    def file(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def place(self, name: str) -> str:
        return f"{self.dialect}/{self.folder.name}/{name}"

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


CASES = [Case(folder.parent.name, folder) for folder in sorted(FIXTURES.glob("*/*/"))]


WITHHELD: dict[str, str] = {}
"""Where the gateway is known to do otherwise. Strict: what is mended must leave this table."""


def each(
    *names: str, dialects: tuple[str, ...] = tuple(said.READ), known: Mapping[str, str] = MappingProxyType({})
) -> pytest.MarkDecorator:
    """Once for each case of these dialects that has such a file."""
    found = [
        pytest.param(
            case,
            name,
            id=f"{case.dialect}-{case.folder.name}-{name}",
            marks=[pytest.mark.xfail(reason=known[place])] if (place := case.place(name)) in known else [],
        )
        for case in CASES
        for name in names
        if case.has(name) and case.dialect in dialects
    ]
    return pytest.mark.parametrize(("case", "name"), found)


# --- each folder is well formed ---


@each("origin.json")
def test_the_origin_says_where_it_comes_from(case: Case, name: str) -> None:
    origin = case.origin
    assert date.fromisoformat(origin["date"]) >= date(2026, 11, 22)
    assert isinstance(origin["model"], str)
    assert isinstance(origin.get("twins", False), bool)
    if origin["origin"].startswith(RECORDED):
        assert origin["provider"] in ROWS.providers
        assert origin["content_type"].partition(";")[0] in {"application/json", "text/event-stream"}
        assert re.fullmatch(r"\d+\.\d+\.\d+.*", origin["gateway"])
        assert all(scrub.KEPT_HEADERS.fullmatch(header) for header in origin["headers"])
    else:
        assert origin["origin"] == "by hand from the documented wire format"
        assert origin["source"]
    assert isinstance(origin.get("status", 200), int)
    assert (origin.get("status", 200) >= 400) == case.has("error.json")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.dialect}-{case.folder.name}")
def test_the_files_are_what_they_seem(case: Case) -> None:
    names = {path.name for path in case.folder.iterdir()}
    assert names <= FILES, names - FILES
    assert names - {"origin.json"}, "an origin alone is no fixture"
    for name in names - {"stream.sse"}:
        assert isinstance(json.loads(case.file(name)), dict | list), name
    if "stream.sse" in names:
        assert list(said.events(case.file("stream.sse")))


# spelt so that this file itself does not hold what it looks for
NEVER = {
    "a key": rb"(?<![A-Za-z0-9])(sk-[A-Za-z0-9_-]{16,}|xai-[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{20,}|AQ\.[A-Za-z0-9_-]{20,})",
    "a bearer": rb"(?i)bearer [a-z0-9._-]{12,}",
    "a package registry": rb"py[p]i|npmj[s]|artifactor[y]|/simpl[e]/",
    "a path of a machine": rb"(?<![\w/.])/(home|work|root|Users|tmp)/",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.dialect}-{case.folder.name}")
def test_nothing_in_it_tells_of_an_account_or_a_machine(case: Case) -> None:
    recorded = case.origin["origin"].startswith(RECORDED)
    for file in sorted(case.folder.iterdir()):
        data = file.read_bytes()
        assert not [what for what, pattern in NEVER.items() if re.search(pattern, data)], file.name
        assert not recorded or not list(scrub.left(data)), file.name


# --- the stage ---


Play = Callable[[str, str, httpx.Response, str, Any], Awaitable[httpx.Response]]
"""(provider, its path, its reply, our path, the client's body) -> what the client gets."""


@dataclass
class Stage:
    """One app for all tests: what its network answers is set anew for each."""

    router: respx.Router = field(default_factory=respx.Router)
    seen: list[httpx.Request] = field(default_factory=list)

    async def play(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return await self.router.async_handler(request)

    def set(self, provider: str, path: str, reply: httpx.Response) -> None:
        self.router = respx.Router()
        self.router.post(f"{HOSTS[provider]}/{path}").mock(return_value=reply)
        self.seen.clear()


@pytest.fixture(scope="module")
def theatre() -> tuple[Stage, Application]:
    stage = Stage()
    return stage, application(httpx.MockTransport(stage.play))


@pytest.fixture
def stage(theatre: tuple[Stage, Application]) -> Play:
    here, app = theatre

    async def play(provider: str, upstream: str, reply: httpx.Response, face: str, body: Any) -> httpx.Response:
        here.set(provider, upstream, reply)
        answer = await post(app, face, body)
        assert len(here.seen) == 1, answer.text
        if isinstance(body, bytes):
            assert here.seen[0].content == body
        return answer

    return play


def replied(case: Case, name: str) -> httpx.Response:
    data, origin = case.file(name), case.origin
    if name == "stream.sse":
        return streamed(data)
    kind = {"content-type": origin.get("content_type", "application/json")}
    return httpx.Response(origin.get("status", 200), content=data, headers=kind)


# --- at its own face ---

STREAM: dict[str, dict[str, Any]] = {
    "openai_chat": {"stream": True, "stream_options": {"include_usage": True}},
    "openai_responses": {"stream": True},
    "anthropic": {"stream": True},
    "gemini": {},
}
LEAST: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": HELLO},
    "openai_responses": {"input": HELLO},
    "anthropic": {"messages": HELLO, "max_tokens": 9},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
}
PATHS = {
    ("openai_chat", ""): "chat/completions",
    ("openai_responses", ""): "responses",
    ("anthropic", ""): "messages",
    ("anthropic", "count.json"): "messages/count_tokens",
    ("gemini", ""): f"models/{MODEL}:generateContent",
    ("gemini", "stream.sse"): f"models/{MODEL}:streamGenerateContent?alt=sse",
    ("gemini", "count.json"): f"models/{MODEL}:countTokens",
}


def asked(case: Case, name: str) -> bytes:
    """The fixture's request, or the least there is, as it would have been sent for this reply."""
    body = json.loads(case.file("request.json")) if case.has("request.json") else LEAST[case.dialect]
    plain = {member: value for member, value in body.items() if member not in {"stream", "stream_options"}}
    named = {} if case.dialect == "gemini" else {"model": MODEL}
    return json.dumps({**plain, **named, **(STREAM[case.dialect] if name == "stream.sse" else {})}, indent=1).encode()


def refuses_the_key(case: Case) -> bool:
    codes = (b'"API_KEY_INVALID"', b'"invalid_api_key"')
    return case.origin["status"] == 401 or any(code in case.file("error.json") for code in codes)


def words_of(error: Any) -> str:
    """Gemini may wrap its error in an array, xAI has a text for an object."""
    told = (error[0] if isinstance(error, list) else error)["error"]
    words: str = told if isinstance(told, str) else told["message"]
    return words


def is_whole(spoken: Said) -> bool:
    return spoken.finish is not None or spoken.error is not None


@each("response.json", "stream.sse", "error.json", "count.json", known=WITHHELD)
async def test_at_its_own_face_it_arrives_as_it_stands(case: Case, name: str, stage: Play) -> None:
    path = PATHS.get((case.dialect, name)) or PATHS[case.dialect, ""]
    reply = await stage(case.provider, path, replied(case, name), f"/v1/{case.provider}/{path}", asked(case, name))
    data = case.file(name)
    if name == "error.json" and refuses_the_key(case):
        assert reply.status_code == 502
        assert words_of(json.loads(data)) not in reply.text
    elif name == "stream.sse" and not is_whole(said.streamed(case.dialect, data)):
        whole = data[: data.rindex(b"\n\n") + 2]
        assert reply.content.startswith(whole)
        assert said.streamed(case.dialect, reply.content).error
    elif name == "error.json" and isinstance(json.loads(data), dict) and isinstance(json.loads(data)["error"], str):
        # xAI's own shape, which no client reads: written in OpenAI's
        assert reply.status_code == case.origin["status"]
        assert reply.json()["error"]["message"] == words_of(json.loads(data))
    else:
        assert (reply.status_code, reply.content) == (case.origin.get("status", 200), data)


# --- at the face of OpenAI ---

ACROSS = {
    "openai_responses": ("openai", RESPONSES_ONLY, "responses", "responses"),
    "anthropic": ("anthropic", "claude-sonnet-5-5", "messages", "messages"),
    "gemini": (
        "gemini",
        "gemini-3.8-flash",
        "models/gemini-3.8-flash:generateContent",
        "models/gemini-3.8-flash:streamGenerateContent?alt=sse",
    ),
}
"""dialect -> (provider, model that is asked in it, path, path of a stream)."""

STOPS = {"completed", "end_turn", "stop_sequence", "tool_use", "STOP"}
LENGTHS = {"max_output_tokens", "max_tokens", "pause_turn", "model_context_window_exceeded", "MAX_TOKENS"}
FILTERED = {"content_filter", "refusal", "SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII"}
BROKEN = {"failed", "MALFORMED_FUNCTION_CALL", None}


def finish_of(spoken: Said) -> str:
    if spoken.finish in FILTERED:
        return "content_filter"
    if spoken.finish in LENGTHS:
        return "length"
    assert spoken.finish in STOPS, spoken.finish
    return "tool_calls" if spoken.calls else "stop"


def tokens_of(usage: dict[str, Any]) -> tuple[int, int]:
    """(all that went in, all that came out): OpenAI's convention, from any vendor's."""
    if "promptTokenCount" in usage:
        counted = [usage.get(name, 0) for name in ("promptTokenCount", "toolUsePromptTokenCount")]
        return sum(counted), usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    if "total_tokens" in usage:
        into, out = usage["input_tokens"], usage["output_tokens"]
        return into, max(out, usage["total_tokens"] - into)  # xAI's total has the reasoning that its output leaves out
    cached = [usage.get(name) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens")]
    return usage["input_tokens"] + sum(cached), usage["output_tokens"]


def arguments_of(spoken: Said) -> list[tuple[str, Any]]:
    return [(name, value_of(text)) for _, name, text in spoken.calls]


def value_of(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:  # a custom tool takes free text
        return text


def same(here: Said, there: Said) -> None:
    """What OpenAI's client hears and what the vendor said."""
    assert here.text == there.text
    assert here.refusal == there.refusal
    assert here.thinking.replace("\n", "") == there.thinking.replace("\n", "")
    assert arguments_of(here) == arguments_of(there)
    assert all(identity for identity, _, _ in here.calls)
    assert here.finish == finish_of(there)
    assert (here.usage["prompt_tokens"], here.usage["completion_tokens"]) == tokens_of(there.usage)
    assert here.usage["total_tokens"] == sum(tokens_of(there.usage))
    assert here.model == there.model


def failed(spoken: Said) -> bool:
    return spoken.error is not None or spoken.finish in BROKEN


async def through(case: Case, name: str, stage: Play) -> httpx.Response:
    provider, model, *paths = ACROSS[case.dialect]
    streams = name == "stream.sse"
    body = {"model": model, "messages": HELLO, **(STREAM["openai_chat"] if streams else {})}
    face = f"/v1/{provider}/chat/completions"
    return await stage(provider, paths[streams], replied(case, name), face, body)


@each("response.json", dialects=tuple(ACROSS))
async def test_in_openais_shape_it_says_the_same(case: Case, name: str, stage: Play) -> None:
    there = said.plain(case.dialect, case.file(name))
    reply = await through(case, name, stage)
    if failed(there):
        assert reply.status_code >= 400
        assert reply.json()["error"]["message"]
        return
    assert (reply.status_code, reply.json()["object"]) == (200, "chat.completion")
    same(said.plain("openai_chat", reply.content), there)


@each("stream.sse", dialects=tuple(ACROSS))
async def test_in_openais_shape_its_stream_says_the_same(case: Case, name: str, stage: Play) -> None:
    there = said.streamed(case.dialect, case.file(name))
    reply = await through(case, name, stage)
    here = said.streamed("openai_chat", reply.content)
    if failed(there):
        assert reply.status_code >= 400 or here.error
        assert b"[DONE]" not in reply.content
        return
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/event-stream")
    assert reply.content.count(b"data: [DONE]\n\n") == 1
    same(here, there)


@each("error.json", dialects=tuple(ACROSS))
async def test_in_openais_shape_an_error_keeps_its_status_and_words(case: Case, name: str, stage: Play) -> None:
    words = words_of(json.loads(case.file(name)))
    reply = await through(case, name, stage)
    message = reply.json()["error"]["message"]
    if refuses_the_key(case):
        assert reply.status_code == 502
        assert words not in message
    else:
        assert (reply.status_code, message) == (case.origin["status"], words)
