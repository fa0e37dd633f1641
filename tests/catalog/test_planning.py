from dataclasses import replace
from datetime import date

import pytest

from polyglot_cloud.catalog import Catalog, Plan
from polyglot_cloud.catalog.planning import EMULABLE, WORDS
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import NEEDS, Need

TODAY = date(2026, 11, 22)
CHAT, RESPONSES = "openai_chat", "openai_responses"
TOOLS: set[Need] = {"tools", "tools_with_effort"}


def planned(catalog: Catalog, provider: str, model: str, needs: set[Need], client: str = CHAT) -> Plan:
    found = catalog.resolve(model, provider=provider, today=TODAY, retired="pass")
    return catalog.plan(found, client, frozenset(needs), readable=client == "openai_chat")


PLANS: list[tuple[str, str, set[Need], str, set[Need]]] = [
    # the bytes pass where the row allows it
    ("openai", "gpt-6.2-sol", set(), CHAT, set()),
    ("openai", "gpt-6.2-sol", {"n", "schema", "developer_role"}, CHAT, set()),
    ("openai", "gpt-5.6-luna", {"tools"}, CHAT, set()),
    ("openai", "gpt-5.2", TOOLS, CHAT, set()),
    ("openai", "gpt-5-nano", TOOLS, CHAT, set()),
    ("openai", "gpt-4.1", {"stop", "max_tokens_name", "logprobs", "n", *TOOLS}, CHAT, set()),
    ("openai", "gpt-4o-2024-08-06", {"stop", "image"}, CHAT, set()),
    ("openai", "gpt-3.5-turbo", {"stop", *TOOLS}, CHAT, set()),
    ("grok", "grok-4.7", {"n", *TOOLS}, CHAT, set()),
    ("grok", "grok-4.20-non-reasoning", {"stop"}, CHAT, set()),
    # else the first offer that can
    ("openai", "gpt-6.2-sol", TOOLS, RESPONSES, set()),
    ("openai", "gpt-6.2-sol", {"tools"}, RESPONSES, set()),
    ("openai", "gpt-5.6-luna", TOOLS, RESPONSES, set()),
    ("openai", "gpt-5.5", TOOLS, RESPONSES, set()),
    ("openai", "gpt-6-luna", {"max_tokens_name"}, RESPONSES, set()),
    ("openai", "gpt-5.3-codex", set(), RESPONSES, set()),
    ("openai", "o3-pro", TOOLS, RESPONSES, set()),
    ("grok", "grok-4.7", {"developer_role"}, RESPONSES, set()),
    ("grok", "grok-4.5", {"file"}, RESPONSES, set()),
    ("anthropic", "claude-sonnet-5-5", {"stop", "schema", "file", "max_tokens_name", *TOOLS}, "anthropic", set()),
    ("gemini", "gemini-4-argon", {"audio", "stop", "schema"}, "gemini", set()),
    ("gemini", "gemini-2.5-pro", {"logprobs"}, "gemini", set()),
    # else the gateway does it
    ("anthropic", "claude-sonnet-5-5", {"n", "stop"}, "anthropic", {"n"}),
    ("gemini", "gemini-3.8-flash", {"n"}, "gemini", {"n"}),
    ("openai", "gpt-6.2-sol", {"n", *TOOLS}, RESPONSES, {"n"}),
    ("openai", "gpt-6.2-sol", {"stop"}, RESPONSES, {"stop"}),
    ("grok", "grok-4.7", {"stop", "developer_role"}, RESPONSES, {"stop"}),
    ("grok", "grok-4.7", {"n", "developer_role"}, RESPONSES, {"n"}),
    # a model that nobody described
    ("openai", "gpt-7", TOOLS, CHAT, set()),
    ("anthropic", "claude-9", {"n"}, "anthropic", set()),
    ("anthropic", "claude-3-haiku-20240307", {"image"}, "anthropic", set()),
    ("grok", "grok-9", set(), CHAT, set()),
]


@pytest.mark.parametrize(("provider", "model", "needs", "dialect", "emulate"), PLANS)
def test_plan(real: Catalog, provider: str, model: str, needs: set[Need], dialect: str, emulate: set[Need]) -> None:
    assert planned(real, provider, model, needs) == Plan(dialect, frozenset(emulate))


@pytest.mark.parametrize(
    ("provider", "model", "needs", "param", "words"),
    [
        ("openai", "gpt-6.2-sol", {"logprobs"}, "logprobs", "does not take log probabilities."),
        (
            "openai",
            "gpt-6.2-sol",
            {"audio"},
            "messages",
            "does not take audio (input_audio parts, modalities or audio).",
        ),
        ("openai", "gpt-5.5-pro", {"schema"}, "response_format", "a response schema"),
        ("openai", "gpt-3.5-turbo", {"image"}, "messages", "images"),
        ("anthropic", "claude-opus-5-5", {"logprobs", "n"}, "logprobs", "log probabilities"),
        ("grok", "grok-4.20-multi-agent", {"tools", "tools_with_effort"}, "tools", "function tools"),
        ("grok", "grok-4.3", {"file"}, "messages", "files"),
    ],
)
def test_what_no_offer_can_is_refused_by_the_clients_field(
    real: Catalog, provider: str, model: str, needs: set[Need], param: str, words: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        planned(real, provider, model, needs)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "unsupported_parameter", param)
    assert words in str(refused.value)


def test_needs_that_no_offer_covers_at_once_are_told_apart(real: Catalog) -> None:
    """Chat alone takes function tools here, Responses alone the developer role: together neither does."""
    row = real.names["grok"]["grok-4.7"]
    responses, chat = row.offers
    chat, responses = replace(chat, needs=frozenset({"tools"})), replace(responses, needs=frozenset({"developer_role"}))
    catalog = Catalog.of(real.providers, [replace(row, offers=(responses, chat))])
    with pytest.raises(Unsupported, match="function tools together with the rest of this request"):
        planned(catalog, "grok", "grok-4.7", {"tools", "developer_role"})


@pytest.mark.parametrize(
    ("provider", "model", "client"),
    [
        ("anthropic", "claude-sonnet-5-5", "anthropic"),
        ("gemini", "gemini-3.8-flash", "gemini"),
        ("gemini", "gemini-embedding-001", "gemini"),
        ("openai", "gpt-6.2-sol", RESPONSES),
        ("grok", "grok-4.7", RESPONSES),
        ("grok", "grok-9", RESPONSES),
    ],
)
def test_a_native_client_passes_whatever_it_needs(real: Catalog, provider: str, model: str, client: str) -> None:
    assert planned(real, provider, model, {"audio", "logprobs"}, client) == Plan(client)


@pytest.mark.parametrize(
    ("provider", "model", "client", "ways"),
    [
        ("openai", "gpt-6.2-sol", "anthropic", "Ask it at responses or chat/completions."),
        ("openai", "gpt-4-turbo", RESPONSES, "Ask it at chat/completions."),
        ("anthropic", "claude-sonnet-5-5", RESPONSES, "Ask it at messages or chat/completions."),
        ("gemini", "gemini-99", "anthropic", "Ask it at models/{model}:generateContent or chat/completions."),
    ],
)
def test_a_native_client_elsewhere_is_told_where_to_go(
    real: Catalog, provider: str, model: str, client: str, ways: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        planned(real, provider, model, set(), client)
    assert str(refused.value).endswith(ways)
    assert (refused.value.param, refused.value.code) == ("model", "unsupported_translation")


def test_an_embedding_model_does_not_chat(real: Catalog) -> None:
    with pytest.raises(Unsupported, match="makes embeddings") as refused:
        planned(real, "openai", "text-embedding-3-small", set())
    assert refused.value.param == "model"


def test_every_need_has_its_words() -> None:
    assert set(WORDS) == set(NEEDS)
    assert set(NEEDS) >= EMULABLE
