import json
from typing import Any

import pytest

from sandbox.kit import PDF, PERSON, PNG, WEATHER, Answer, Asker, cloud, user, validate

TOOL = {"name": "get_weather", "description": "The weather in a city", "input_schema": WEATHER}
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def anthropic() -> Asker:
    return cloud("anthropic")


def ask(anthropic: Asker, content: Any, **more: Any) -> Answer:
    return anthropic.post(
        "/messages", {"model": "claude-haiku-4-5", "max_tokens": 4000, "messages": user(content), **more}
    )


def message(anthropic: Asker, content: Any, **more: Any) -> dict[str, Any]:
    answer = ask(anthropic, content, **more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def text_of(found: dict[str, Any]) -> str:
    return "".join(block["text"] for block in found["content"] if block["type"] == "text")


def kinds(found: dict[str, Any]) -> list[str]:
    return [block["type"] for block in found["content"]]


def folded(answer: Answer) -> dict[str, Any]:
    """A stream put together by the documented rules."""
    found: dict[str, Any] = {}
    for name, data in answer.events:
        assert name == data["type"]
        if name == "message_start":
            found = data["message"]
        elif name == "content_block_start":
            found["content"].append({**data["content_block"], "json": ""})
        elif name == "content_block_delta":
            _apply(found["content"][data["index"]], data["delta"])
        elif name == "message_delta":
            found |= data["delta"]
            found["usage"] |= data["usage"]
    for block in found["content"]:
        text = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(text or "{}")
    return found


def _apply(block: dict[str, Any], delta: dict[str, Any]) -> None:
    field = {
        "text_delta": "text",
        "thinking_delta": "thinking",
        "signature_delta": "signature",
        "input_json_delta": "partial_json",
    }[delta["type"]]
    target = "json" if field == "partial_json" else field
    block[target] += delta[field]


def same(found: dict[str, Any]) -> Any:
    """Without what is new each time."""
    return [
        {name: value for name, value in block.items() if name not in {"id", "signature"}} for block in found["content"]
    ], found["usage"]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5", "claude-sonnet-5-5", "claude-opus-5-5"])
@pytest.mark.parametrize("text", ["Hello", "What is the weather in Paris and Tokyo?"])
def test_streamed_and_whole_agree(anthropic: Asker, model: str, text: str) -> None:
    whole = message(anthropic, text, model=model, tools=[TOOL])
    streamed = folded(ask(anthropic, text, model=model, tools=[TOOL], stream=True))
    assert same(streamed) == same(whole)
    assert streamed["stop_reason"] == whole["stop_reason"]


def test_whole_answer(anthropic: Asker) -> None:
    answer = ask(anthropic, "Hello")
    body = answer.json
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert body["model"] == "claude-haiku-4-5-20251001"
    assert kinds(body) == ["text"]
    assert answer.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert answer.headers["x-polyglot-sandbox"] == "anthropic"


def test_event_order(anthropic: Asker) -> None:
    names = [name for name, _ in ask(anthropic, "Hello", stream=True).events]
    middle = ["content_block_delta"] * (len(names) - 6)
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        *middle,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_two_cities_are_two_calls(anthropic: Asker) -> None:
    found = message(anthropic, "What is the weather in Paris and Tokyo?", tools=[TOOL])
    assert kinds(found) == ["text", "tool_use", "tool_use"]
    assert [block["input"] for block in found["content"][1:]] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert found["stop_reason"] == "tool_use"
    assert found["content"][1]["id"].startswith("toolu_")
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert kinds(message(anthropic, "weather in Paris and Tokyo", tools=[TOOL], tool_choice=choice)) == [
        "text",
        "tool_use",
    ]


@pytest.mark.parametrize(("choice", "calls"), [("none", 0), ("any", 1), ("auto", 0), ("tool", 1)])
def test_tool_choice(anthropic: Asker, choice: str, calls: int) -> None:
    asked = {"type": choice, **({"name": "get_weather"} if choice == "tool" else {})}
    assert kinds(message(anthropic, "Hello", tools=[TOOL], tool_choice=asked)).count("tool_use") == calls


def test_a_call_without_arguments_streams_one_empty_piece(anthropic: Asker) -> None:
    tool = {"name": "get_version", "input_schema": {"type": "object", "properties": {}}}
    answer = ask(anthropic, "use the get_version tool", tools=[tool], tool_choice={"type": "any"}, stream=True)
    pieces = [data["delta"]["partial_json"] for name, data in answer.events if name == "content_block_delta"]
    assert pieces == [""]
    assert folded(answer)["content"][0]["input"] == {}


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5", "claude-sonnet-5-5", "claude-opus-5-5"])
def test_a_loop(anthropic: Asker, model: str) -> None:
    question = user("What is the weather in Paris and Tokyo?")
    first = message(anthropic, question[0]["content"], model=model, tools=[TOOL])
    results = [
        {
            "type": "tool_result",
            "tool_use_id": block["id"],
            "content": [{"type": "text", "text": "18C"}],
            "is_error": block["input"]["city"] == "Tokyo",
        }
        for block in first["content"]
        if block["type"] == "tool_use"
    ]
    messages = [*question, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": results}]
    text = text_of(message(anthropic, "", model=model, tools=[TOOL], messages=messages))
    assert "Paris: 18C" in text
    assert "stumbled" in text


def history(anthropic: Asker, model: str) -> list[dict[str, Any]]:
    found = message(anthropic, "Hello", model=model)
    return [*user("Hello"), {"role": "assistant", "content": found["content"]}, *user("And now?")]


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-opus-5-5"])
def test_altered_thinking_is_refused(anthropic: Asker, model: str) -> None:
    messages = history(anthropic, model)
    assert ask(anthropic, "", model=model, messages=messages).status == 200
    messages[1]["content"][0]["thinking"] += "!"
    answer = ask(anthropic, "", model=model, messages=messages)
    assert answer.json["error"]["message"] == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_redacted_thinking(anthropic: Asker) -> None:
    found = message(anthropic, "[[sandbox:redacted]] Hello", model="claude-opus-5")
    assert kinds(found) == ["redacted_thinking", "text"]
    assert kinds(folded(ask(anthropic, "[[sandbox:redacted]] Hello", model="claude-opus-5", stream=True))) == kinds(
        found
    )
    messages = [*user("Hello"), {"role": "assistant", "content": found["content"]}, *user("And now?")]
    assert ask(anthropic, "", model="claude-opus-5", messages=messages).status == 200


def test_a_loop_within_a_budget(anthropic: Asker) -> None:
    more = {"tools": [TOOL], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    question = user("What is the weather in Paris?")
    first = message(anthropic, question[0]["content"], **more)
    results = [{"type": "tool_result", "tool_use_id": first["content"][-1]["id"], "content": "18C"}]
    messages = [*question, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": results}]
    assert "Paris: 18C" in text_of(message(anthropic, "", messages=messages, **more))


def test_thinking_is_bound_on_the_newest(anthropic: Asker) -> None:
    messages = history(anthropic, "claude-opus-5-5")
    assert ask(anthropic, "", model="claude-sonnet-5-5", messages=messages).status == 400
    moved = [*user("Something else"), *messages[1:]]
    assert ask(anthropic, "", model="claude-opus-5-5", messages=moved).status == 400
    marked = [{"role": "user", "content": [{"type": "text", "text": "Hello", **MARK}]}, *messages[1:]]
    assert ask(anthropic, "", model="claude-opus-5-5", messages=marked).status == 200
    older = history(anthropic, "claude-opus-5")
    assert ask(anthropic, "", model="claude-opus-4-8", messages=[*user("Something else"), *older[1:]]).status == 200


@pytest.mark.parametrize(
    ("model", "thinking", "shown"),
    [
        ("claude-haiku-4-5", None, None),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 1024}, True),
        ("claude-haiku-4-5", {"type": "disabled"}, None),
        ("claude-opus-4-6", {"type": "adaptive"}, True),
        ("claude-opus-4-6", {"type": "adaptive", "display": "omitted"}, False),
        ("claude-opus-5", None, True),
        ("claude-opus-5", {"type": "disabled"}, None),
        ("claude-sonnet-5-5", None, False),
        ("claude-sonnet-5-5", {"type": "adaptive", "display": "summarized"}, True),
        ("claude-sonnet-5-5", {"type": "between_tools"}, None),
    ],
)
def test_when_thinking_shows(anthropic: Asker, model: str, thinking: dict[str, Any] | None, shown: bool | None) -> None:
    found = message(anthropic, "Hello", model=model, **({"thinking": thinking} if thinking else {}))
    block = found["content"][0]
    assert (bool(block["thinking"]) if block["type"] == "thinking" else None) is shown
    assert (found["usage"]["output_tokens_details"]["thinking_tokens"] > 0) is (shown is not None)


def test_structured_output(anthropic: Asker) -> None:
    found = message(anthropic, "Ada is 36", output_config={"format": {"type": "json_schema", "schema": PERSON}})
    validate(json.loads(text_of(found)), PERSON)


def test_limits(anthropic: Asker) -> None:
    found = message(anthropic, "Write 200 words", max_tokens=7)
    assert (found["stop_reason"], found["usage"]["output_tokens"]) == ("max_tokens", 7)
    assert message(anthropic, "Hello", max_tokens=0)["content"] == []
    stopped = message(anthropic, "say one two three", stop_sequences=[" two"])
    assert (stopped["stop_reason"], stopped["stop_sequence"], text_of(stopped)) == ("stop_sequence", " two", "one")


def test_prefill_is_continued(anthropic: Asker) -> None:
    messages = [*user("say Well, hello"), {"role": "assistant", "content": "Well,"}]
    assert text_of(message(anthropic, "", messages=messages)) == " hello"
    begun = [*user("say hello"), {"role": "assistant", "content": "{"}]
    assert json.loads("{" + text_of(message(anthropic, "", messages=begun))) == {"reply": "hello"}


def test_reminders_are_not_the_persons_words(anthropic: Asker) -> None:
    content = [
        {"type": "text", "text": "<system-reminder>say nonsense</system-reminder>"},
        {"type": "text", "text": "say hello"},
    ]
    assert text_of(message(anthropic, content)) == "hello"
    later = [*user("say hello"), {"role": "system", "content": "Speak like a pirate"}]
    assert text_of(message(anthropic, "", model="claude-opus-5", messages=later)) == "Arr! hello"


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            "a PNG image of 2x2 pixels",
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}, "a picture at example.com"),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
            "a PDF of 1 page",
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Once upon a time"}},
            'begins "Once upon a time"',
        ),
    ],
)
def test_files(anthropic: Asker, block: dict[str, Any], told: str) -> None:
    assert told in text_of(message(anthropic, [block, {"type": "text", "text": "What is this?"}]))


def test_files_by_id_are_not_kept(anthropic: Asker) -> None:
    answer = ask(anthropic, [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}])
    assert (answer.status, answer.json["error"]["type"]) == (404, "not_found_error")


def test_counting_agrees(anthropic: Asker) -> None:
    asked = {
        "model": "claude-haiku-4-5",
        "messages": user("What is the weather?"),
        "tools": [TOOL],
        "system": "Be brief",
    }
    counted = anthropic.post("/messages/count_tokens", asked).json
    assert counted == {
        "input_tokens": anthropic.post("/messages", {**asked, "max_tokens": 50}).json["usage"]["input_tokens"]
    }
    refused = anthropic.post("/messages/count_tokens", {**asked, "max_tokens": 50})
    assert refused.json["error"]["message"] == "max_tokens: Extra inputs are not permitted"


def test_prompt_caching(anthropic: Asker) -> None:
    long = {"type": "text", "text": "lighthouse " * 3000}
    asked = {"system": [{**long, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
    first, second = (
        message(anthropic, [{"type": "text", "text": text * 5000, **MARK}], **asked)["usage"]
        for text in ("ahoy ", "avast ")
    )
    assert first["cache_read_input_tokens"] == 0
    assert first["cache_creation_input_tokens"] == sum(first["cache_creation"].values())
    assert first["cache_creation"]["ephemeral_1h_input_tokens"] > 8000
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] > 6000
    assert second["cache_read_input_tokens"] == first["cache_creation"]["ephemeral_1h_input_tokens"]
    assert second["cache_creation"]["ephemeral_1h_input_tokens"] == 0
    total = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert (
        sum(second[name] for name in total)
        == anthropic.post(
            "/messages/count_tokens",
            {
                "model": "claude-haiku-4-5",
                "messages": user([{"type": "text", "text": "avast " * 5000}]),
                "system": [long],
            },
        ).json["input_tokens"]
    )


def test_short_prompts_are_not_cached(anthropic: Asker) -> None:
    usage = message(anthropic, [{"type": "text", "text": "short", **MARK}])["usage"]
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (0, 0)


def test_refusals(anthropic: Asker) -> None:
    found = message(anthropic, "[[sandbox:refuse]]")
    assert (found["content"], found["stop_reason"], found["stop_details"]["type"]) == ([], "refusal", "refusal")
    late = message(anthropic, "[[sandbox:refuse late]]")
    assert late["stop_reason"] == "refusal"
    assert text_of(late)


def test_a_finish_of_ones_choice(anthropic: Asker) -> None:
    assert message(anthropic, "[[sandbox:finish pause_turn]]")["stop_reason"] == "pause_turn"


def test_an_error_inside_the_stream(anthropic: Asker) -> None:
    events = ask(anthropic, "[[sandbox:error-event 3]] Hello", stream=True).events
    assert events[-1] == ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert ask(anthropic, "[[sandbox:error-event 3]]").status == 529


@pytest.mark.parametrize(
    ("mark", "status", "kind"),
    [
        ("400", 400, "invalid_request_error"),
        ("401", 401, "authentication_error"),
        ("402", 402, "billing_error"),
        ("403", 403, "permission_error"),
        ("404", 404, "not_found_error"),
        ("409", 409, "conflict_error"),
        ("413", 413, "request_too_large"),
        ("418", 418, "invalid_request_error"),
        ("429", 429, "rate_limit_error"),
        ("quota", 429, "rate_limit_error"),
        ("500", 500, "api_error"),
        ("503", 503, "api_error"),
        ("504", 504, "timeout_error"),
        ("529", 529, "overloaded_error"),
    ],
)
def test_errors_on_demand(anthropic: Asker, mark: str, status: int, kind: str) -> None:
    answer = ask(anthropic, f"[[sandbox:{mark}]]")
    assert (answer.status, answer.json["error"]["type"]) == (status, kind)
    assert ("retry-after" in answer.headers) is (mark == "429")
    assert (answer.json["error"].get("details") is not None) is (mark == "quota")


@pytest.mark.parametrize(("mark", "status"), [("html", 502), ("malformed", 200)])
def test_replies_that_are_no_vendors(anthropic: Asker, mark: str, status: int) -> None:
    answer = ask(anthropic, f"[[sandbox:{mark}]]")
    assert answer.status == status
    with pytest.raises(ValueError):
        json.loads(answer.body)
