from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polyglot_cloud.asgi import Message, Receive, Scope, Send
from polyglot_cloud.listeners import GLOBAL, RESERVED, VERSIONS, Listener, map_path

PROVIDERS = ("openai", "anthropic", "gemini", "grok", "my-own.host")

# path as an SDK builds it, the port it comes to -> canonical path, version
TABLE = [
    ("/chat/completions", "anthropic", "/v1/anthropic/chat/completions", None),
    ("/v1/chat/completions", "anthropic", "/v1/anthropic/chat/completions", "v1"),
    ("/v1/v1/chat/completions", "anthropic", "/v1/anthropic/chat/completions", "v1"),
    ("/v1//chat/completions", "anthropic", "/v1/anthropic/chat/completions", "v1"),
    ("//v1/chat/completions", "anthropic", "/v1/anthropic/chat/completions", "v1"),
    ("chat/completions", "anthropic", "/v1/anthropic/chat/completions", None),
    # a provider named on any port
    ("/v1/anthropic/chat/completions", "anthropic", "/v1/anthropic/chat/completions", None),
    ("/v1/anthropic/v1/chat/completions", "openai", "/v1/anthropic/chat/completions", "v1"),
    ("/v1/anthropic/v1/messages", "gemini", "/v1/anthropic/messages", "v1"),
    ("/v1/v1/grok/chat/completions", "openai", "/v1/grok/chat/completions", None),
    ("/v1//my-own.host//chat/completions", "openai", "/v1/my-own.host/chat/completions", None),
    # roots and what each face answers for itself
    ("", "grok", "/v1/grok/", None),
    ("/", "grok", "/v1/grok/", None),
    ("/v1", "grok", "/v1/grok/", "v1"),
    ("/v1/", "grok", "/v1/grok/", "v1"),
    ("/v1/openai", "grok", "/v1/openai/", None),
    ("/v1/openai/", "grok", "/v1/openai/", None),
    ("/health", "anthropic", "/v1/anthropic/health", None),
    ("/v1/openai/health", "anthropic", "/v1/openai/health", None),
    ("/docs", "anthropic", "/v1/anthropic/docs", None),
    ("/openapi.json", "anthropic", "/v1/anthropic/openapi.json", None),
    ("/v1/models/a/b", "anthropic", "/v1/anthropic/models/a/b", "v1"),
    # the API version of native Gemini calls
    ("/v1beta/models/g:generateContent", "gemini", "/v1/gemini/models/g:generateContent", "v1beta"),
    ("/v1/models/g:generateContent", "gemini", "/v1/gemini/models/g:generateContent", "v1"),
    ("/v1/v1beta/models/g:generateContent", "gemini", "/v1/gemini/models/g:generateContent", "v1beta"),
    ("/v1/gemini/v1beta/models/g:countTokens", "openai", "/v1/gemini/models/g:countTokens", "v1beta"),
    ("/v1/gemini/v1/models/g:countTokens", "openai", "/v1/gemini/models/g:countTokens", "v1"),
    ("/v1/gemini/models/g:countTokens", "openai", "/v1/gemini/models/g:countTokens", None),
    # all models, on every port
    ("/v1/any/chat/completions", "gemini", "/v1/any/chat/completions", None),
    ("/v1/v1/any/chat/completions", "gemini", "/v1/any/chat/completions", None),
    ("/v1/any/v1/chat/completions", "gemini", "/v1/any/chat/completions", "v1"),
    ("/any/chat/completions", "gemini", "/v1/any/chat/completions", None),
    # the process's and the ledger's own
    ("/ready", "openai", "/ready", None),
    ("/v1/ready", "openai", "/ready", "v1"),
    ("/v1/anthropic/ready", "openai", "/ready", None),
    ("/v1/any/metrics", "openai", "/metrics", None),
    ("/metrics", "openai", "/metrics", None),
    ("/quote", "openai", "/v1/quote", None),
    ("/v1/receipts/run-1", "openai", "/v1/receipts/run-1", "v1"),
    ("/v1/usage", "openai", "/v1/usage", "v1"),
    # no way around: found nowhere, at the face that was asked
    ("/anthropic/chat/completions", "openai", "/v1/openai/anthropic/chat/completions", None),
    ("/v1beta/openai/chat/completions", "gemini", "/v1/gemini/openai/chat/completions", "v1beta"),
    ("/v1beta/v1/openai/chat/completions", "gemini", "/v1/gemini/openai/chat/completions", "v1"),
    ("/v1beta/any/chat/completions", "gemini", "/v1/gemini/any/chat/completions", "v1beta"),
    ("/v1/openai/anthropic/messages", "grok", "/v1/openai/anthropic/messages", None),
    ("/v1/openai/v1/anthropic/messages", "grok", "/v1/openai/anthropic/messages", "v1"),
    ("/v1/any/openai/chat/completions", "grok", "/v1/any/openai/chat/completions", None),
    ("/v1/openai/../anthropic/messages", "grok", "/v1/openai/../anthropic/messages", None),
    ("/v1/../v1/anthropic/messages", "grok", "/v1/grok/../v1/anthropic/messages", "v1"),
    ("/v1/./anthropic/messages", "grok", "/v1/grok/./anthropic/messages", "v1"),
    ("/V1/Anthropic/messages", "grok", "/v1/grok/V1/Anthropic/messages", None),
    ("/v1/anthropic\\messages", "grok", "/v1/grok/anthropic\\messages", "v1"),
    ("/v1/anthropic ", "grok", "/v1/grok/anthropic ", "v1"),
    ("*", "grok", "/v1/grok/*", None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "provider", "canonical", "version"), TABLE)
def test_mapping(path: str, provider: str, canonical: str, version: str | None) -> None:
    mapped = map_path(path, provider, PROVIDERS)
    assert (mapped.path, mapped.version) == (canonical, version)


_words = st.sampled_from(
    [
        *PROVIDERS,
        *VERSIONS,
        *GLOBAL,
        "any",
        "chat",
        "models",
        "health",
        "",
        "",
        ".",
        "..",
        "%2e%2e",
        "a%2Fb",
        "ü",
        "x:y",
    ]
)
_paths = st.one_of(
    st.lists(st.one_of(_words, st.text(max_size=6)), max_size=7).map(lambda words: "/" + "/".join(words)), st.text()
)
_ports = st.sampled_from(PROVIDERS)


@given(_paths, _ports, _ports)
@example("/v1/v1beta/any/v1/", "openai", "grok")
def test_mapping_is_idempotent_on_every_port(path: str, provider: str, other: str) -> None:
    once = map_path(path, provider, PROVIDERS)
    again = map_path(once.path, other, PROVIDERS)
    assert again.path == once.path


@given(_paths, _ports)
def test_only_v1_and_a_name_lead_to_another_face(path: str, provider: str) -> None:
    face = map_path(path, provider, PROVIDERS).face
    if face != provider:
        plain = [segment for segment in path.split("/") if segment]
        before = plain[: plain.index(face)]
        assert set(before) <= {"v1"}
        assert before or face == "any"


@given(_paths, _ports)
def test_a_canonical_path_stands_under_its_face_or_is_global(path: str, provider: str) -> None:
    mapped = map_path(path, provider, PROVIDERS)
    assert mapped.face in {*PROVIDERS, "any"}
    assert mapped.path == f"/v1/{mapped.face}/{mapped.rest}" or mapped.path.startswith(tuple(GLOBAL.values()))
    assert mapped.version in {None, "v1", "v1beta"}


class App:
    def __init__(self) -> None:
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope


async def receive() -> Message:
    raise AssertionError("nobody reads")


async def send(message: Message) -> None:
    raise AssertionError("nobody writes")


async def seen(scope: dict[str, Any], provider: str = "openai") -> Scope:
    app = App()
    await Listener(app, provider, PROVIDERS)(scope, receive, send)
    return app.scope


async def through(raw: str, provider: str = "openai") -> Scope:
    return await seen({"type": "http", "path": unquote(raw), "raw_path": raw.encode()}, provider)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("/v1/chat/completions", "/v1/openai/chat/completions"),
        ("/v1/models/org%2Fname", "/v1/openai/models/org%2Fname"),
        ("/v1//gemini/v1beta/models/org%2Fname:generateContent", "/v1/gemini/models/org%2Fname:generateContent"),
        ("/v1/models/%C3%BC", "/v1/openai/models/%C3%BC"),
        ("/v1/receipts/a%2Fb", "/v1/receipts/a%2Fb"),
        # an encoded version or name counts as what it decodes to, and is written out
        ("/%76%31/gemini/models/a%2Fb", "/v1/gemini/models/a/b"),
        ("/v1%2Fgemini/models/x%20y", "/v1/gemini/models/x%20y"),
        ("/v1/gemini%2F..%2Fopenai/models", "/v1/gemini/../openai/models"),
        # not UTF-8: the server has replaced it in the path, and so it is in both
        ("/v1/models/%ff", "/v1/openai/models/%ff"),
        ("/%FF", "/v1/openai/%FF"),
    ],
)
async def test_the_encoding_of_the_rest_survives(raw: str, canonical: str) -> None:
    scope = await through(raw)
    assert scope["raw_path"] == canonical.encode()
    assert scope["path"] == unquote(canonical)


@given(_paths.map(lambda path: quote(path, safe="/%")), _ports)
async def test_both_paths_always_say_the_same(raw: str, provider: str) -> None:
    scope = await through(raw, provider)
    assert unquote(scope["raw_path"].decode("ascii")) == scope["path"]


async def test_a_path_without_its_raw_form_gets_one() -> None:
    scope = await seen({"type": "http", "path": "/v1/models/a b/ü"})
    assert scope["raw_path"] == b"/v1/openai/models/a%20b/%C3%BC"


@pytest.mark.parametrize("raw", [b"", b"/v1/models/other", b"models/other"])
async def test_the_path_wins_over_a_raw_form_that_says_something_else(raw: bytes) -> None:
    scope = await seen({"type": "http", "path": "models/a", "raw_path": raw})
    assert scope["raw_path"] == b"/v1/openai/models/a"


async def test_the_state_tells_face_and_version_and_keeps_what_was_there() -> None:
    before = {"type": "http", "path": "/v1/gemini/v1beta/models", "state": {"mine": 1}}
    scope = await seen(before)
    assert scope["state"] == {"mine": 1, "face": "gemini", "api_version": "v1beta"}
    assert before["state"] == {"mine": 1}
    assert before["path"] == "/v1/gemini/v1beta/models"


async def test_a_scope_without_a_path_passes() -> None:
    assert await seen({"type": "lifespan"}) == {"type": "lifespan"}


@pytest.mark.parametrize("name", [*sorted(RESERVED), "", "a/b", "Upper", "..", "-x", "a b"])
def test_a_provider_cannot_take_a_name_that_means_something_else(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        Listener(App(), "openai", ["openai", name])
