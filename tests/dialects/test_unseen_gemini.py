"""Gemini's traffic beyond what was recorded: every kind of part, finish and block reason, count and source that its SDK has types for
(google-genai 3.4.0, 2026-11-22), and what a Chat client hears of it, streamed and plain.
"""

from typing import Any

import pytest
from google.genai import types

from dialects.heard import Json, plain, streamed

USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}


def reply(*parts: Json, finish: str | None = "STOP", usage: Json | None = None, **candidate: Any) -> Json:
    told = {"index": 0, **({"finishReason": finish} if finish else {}), **candidate}
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {
        "responseId": "r",
        "modelVersion": "g",
        "candidates": [{**content, **told}],
        "usageMetadata": usage or USAGE,
    }


def stream(*parts: Json, finish: str | None = "STOP", usage: Json | None = None, **candidate: Any) -> list[Json | str]:
    """A chunk for each part; then one with everything else and no content."""
    chunks: list[Json | str] = [reply(part, finish=None, usage={"promptTokenCount": 10}) for part in parts]
    return [*chunks, reply(finish=finish, usage=usage, **candidate)]


def hears(parts: list[Json], expected: Json, **more: Any) -> None:
    for heard in (streamed("gemini", stream(*parts, **more)), plain("gemini", reply(*parts, **more))):
        assert {name: heard.get(name) for name in expected} == expected
        assert "error" not in heard


TEXT = {"text": "Hello"}
SIGNED = {"text": "", "thoughtSignature": "c2ln"}
CALL = {"functionCall": {"name": "look", "args": {"a": 1}}}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}

# --- parts ---

OWN: list[Json] = [
    {"executableCode": {"language": "PYTHON", "code": "1"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH", "args": {}}},
    {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH", "response": {}}},
    {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example"}},
    {"functionResponse": {"name": "look", "response": {}}},
    {"audioTranscription": {"text": "spoken"}},
    {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
    {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thought": True},
    {"aPartOfTomorrow": {"x": 1}},
]  # fmt: skip
SHOWN = {"text", "thought", "thought_signature", "function_call", "inline_data"}
BESIDE = {
    "media_resolution", "video_metadata", "part_metadata", "media_processing", "speech_metadata", "document_metadata",
    "spreadsheet_metadata", "audio_metadata",
}  # fmt: skip
"""Members that tell more of another member of their part."""


def test_every_part_of_the_sdk_is_in_a_table() -> None:
    own = {name for part in OWN for name in part}
    named = {types.Part.model_fields[name].alias or _camel(name): name for name in types.Part.model_fields}
    assert {python for camel, python in named.items() if camel not in own} - SHOWN - BESIDE == set()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@pytest.mark.parametrize("part", OWN, ids=lambda part: next(iter(part)))
def test_what_the_vendor_did_by_itself_is_kept_and_not_shown(part: Json) -> None:
    content = [TEXT, part, {"text": " you"}]
    hears(content, {"content": "Hello you", "finish": "stop", "images": None, "tool_calls": None})
    for heard in (streamed("gemini", stream(*content)), plain("gemini", reply(*content))):
        (entry,) = [entry for entry in heard["reasoning_details"] if entry["type"] == "opaque"]
        assert entry["data"] == part


def test_an_image_is_shown_and_kept() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
    for part in (PICTURE, {**PICTURE, "thoughtSignature": "c2ln"}):
        hears([TEXT, part], {"content": "Hello", "images": [image], "finish": "stop"})
        heard = plain("gemini", reply(TEXT, part))
        assert [entry["data"] for entry in heard["reasoning_details"] if entry["type"] == "opaque"] == [part]


@pytest.mark.parametrize(
    ("parts", "content", "reasoning", "states"),
    [
        ([{"text": "Hm", "thought": True}, TEXT], "Hello", "Hm", []),
        ([{"text": "Hm", "thought": True, "thoughtSignature": "s"}, TEXT], "Hello", "Hm", ["thinking"]),
        ([TEXT, SIGNED], "Hello", None, ["text"]),
        ([{**TEXT, "thoughtSignature": "s"}], "Hello", None, ["text"]),
        ([{**CALL, "thoughtSignature": "s"}, CALL], None, None, ["tool_call"]),
        ([{"thoughtSignature": "s"}, TEXT], "Hello", None, ["text"]),
    ],
)
def test_trap_22_signatures_wherever_they_stand(
    parts: list[Json], content: str | None, reasoning: str | None, states: list[str]
) -> None:
    hears(parts, {"content": content, "reasoning_content": reasoning})
    for heard in (streamed("gemini", stream(*parts)), plain("gemini", reply(*parts))):
        details = [entry for entry in heard.get("reasoning_details", []) if "data" in entry]
        assert [entry["type"] for entry in details] == states
        assert all("thoughtSignature" in entry["data"] for entry in details)


# --- calls in pieces ---


def piece(*entries: Json, more: bool = True, **members: Any) -> Json:
    partial = {"partialArgs": list(entries)} if entries else {}
    return {"functionCall": {**members, **partial, **({"willContinue": True} if more else {})}}


def entry(path: str, more: bool = False, **value: Any) -> Json:
    return {"jsonPath": path, **value, **({"willContinue": True} if more else {})}


PIECES: list[tuple[list[Json], str]] = [
    ([piece(name="look"), piece(more=False)], "{}"),
    (
        [
            piece(name="look"),
            piece(entry("$.city", True, stringValue="New ")),
            piece(entry("$.city", True, stringValue="York")),
            piece(entry("$.city", stringValue="")),
            piece(more=False),
        ],
        '{"city":"New York"}',
    ),
    (
        [piece(entry("$.n", numberValue=2), entry("$.b", boolValue=True), entry("$.z", nullValue="NULL_VALUE"), more=False, name="look")],
        '{"n":2,"b":true,"z":null}',
    ),
    (
        [
            piece(name="look", args={"kept": 1}),
            piece(entry("$.a[0].x", stringValue="p"), entry("$.a[1]['y z']", numberValue=1), more=False),
        ],
        '{"kept":1,"a":[{"x":"p"},{"y z":1}]}',
    ),
    # a value that is told again replaces the first
    ([piece(name="look"), piece(entry("$.a", stringValue="x")), piece(entry("$.a", stringValue="y")), piece(more=False)], '{"a":"y"}'),
    # senseless places are passed over
    (
        [
            piece(name="look"),
            piece(*(entry(path, stringValue="x") for path in ("", "$", "a.b", "$[0]", "$..", "$" + ".a" * 9_999))),
            piece(more=False),
        ],
        "{}",
    ),
    ([piece(name="look"), piece(entry("$.a", numberValue=1), entry("$.a.b", numberValue=2)), piece(more=False)], '{"a":{"b":2}}'),
    # the last piece never came
    ([piece(name="look"), piece(entry("$.a", numberValue=1))], '{"a":1}'),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "arguments"), PIECES)
def test_trap_15_a_call_in_pieces_is_put_together(parts: list[Json], arguments: str) -> None:
    for heard in (streamed("gemini", stream(TEXT, *parts)), plain("gemini", reply(TEXT, *parts))):
        (call,) = heard["tool_calls"]
        assert (call["name"], call["arguments"]) == ("look", arguments)
        assert (heard["content"], heard["finish"]) == ("Hello", "tool_calls")


def test_calls_in_pieces_one_after_another_keep_their_signatures() -> None:
    first = {**piece(name="look", id="a1"), "thoughtSignature": "s"}
    parts = [first, piece(entry("$.a", numberValue=1)), piece(more=False), piece(name="find"), CALL]
    for heard in (streamed("gemini", stream(*parts)), plain("gemini", reply(*parts))):
        assert [(call["name"], call["arguments"]) for call in heard["tool_calls"]] == [
            ("look", '{"a":1}'),
            ("find", "{}"),
            ("look", '{"a":1}'),
        ]
        (state,) = [entry["data"] for entry in heard["reasoning_details"] if "data" in entry]
        assert state == {"functionCall": {"name": "look", "id": "a1", "args": {"a": 1}}, "thoughtSignature": "s"}


# --- how it ends ---

LENGTH = {"MAX_TOKENS", "CONTINUATION"}
STOP = {"STOP", "NO_IMAGE"}
UNSAID = {"FINISH_REASON_UNSPECIFIED"}
BROKEN = {
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE",
}  # fmt: skip
WORDS = [word.value for word in types.FinishReason if word.value not in UNSAID]


@pytest.mark.parametrize("word", [*WORDS, "A_WORD_OF_TOMORROW"])
def test_trap_27_every_finish_reason_after_content(word: str) -> None:
    finish = "length" if word in LENGTH else "stop" if word in STOP | BROKEN else "content_filter"
    finish = "stop" if word == "A_WORD_OF_TOMORROW" else finish
    detail = None if word in {"STOP", "MAX_TOKENS"} else word
    hears([TEXT], {"content": "Hello", "finish": finish, "detail": detail}, finish=word)


@pytest.mark.parametrize("word", WORDS)
def test_trap_29_a_reply_that_broke_before_any_content_is_an_error(word: str) -> None:
    heard = streamed("gemini", stream(finish=word, finishMessage="why"))
    assert ("error" in heard) == (word in BROKEN)
    if word == "SAFETY":
        assert heard["detail"] == "SAFETY: why"


@pytest.mark.parametrize("reason", [word.value for word in types.BlockedReason if "UNSPECIFIED" not in word.value])
@pytest.mark.parametrize("candidates", [None, []])
def test_trap_28_a_blocked_prompt(reason: str, candidates: list[Json] | None) -> None:
    body: Json = {"promptFeedback": {"blockReason": reason, "blockReasonMessage": "why"}, "usageMetadata": USAGE}
    if candidates is not None:
        body["candidates"] = candidates
    for heard in (streamed("gemini", [body]), plain("gemini", body)):
        assert heard == {"finish": "content_filter", "detail": f"{reason}: why", "usage": (10, 5, 0, 0, 0)}


def test_trap_44_chunks_without_candidates_content_or_parts() -> None:
    empty: list[Json | str] = [{}, {"candidates": []}, {"candidates": [{}]}, {"candidates": [{"content": {}}]}]
    empty += [
        {"candidates": [{"content": {"role": "model"}}]},
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
        "[DONE]",
    ]
    events = [stream(TEXT)[0], *empty, stream(TEXT)[1], *empty]
    assert streamed("gemini", events) == {"content": "Hello", "finish": "stop", "usage": (10, 5, 0, 0, 0)}


def test_of_several_candidates_a_stream_tells_the_first() -> None:
    two = reply({"text": "A"})
    two["candidates"].insert(0, {**two["candidates"][0], "index": 1, "content": {"parts": [{"text": "B"}]}})
    assert streamed("gemini", [two])["content"] == "A"


def test_trap_40_a_stream_that_lost_its_end() -> None:
    heard = streamed("gemini", stream(TEXT)[:1])
    assert heard == {"content": "Hello", "error": "provider_broken_reply"}


# --- usage ---


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (10, 5, 0, 0, 0)),
        ({**USAGE, "thoughtsTokenCount": 7}, (10, 12, 0, 0, 7)),
        ({**USAGE, "cachedContentTokenCount": 4}, (10, 5, 4, 0, 0)),
        ({**USAGE, "toolUsePromptTokenCount": 3}, (13, 5, 0, 0, 0)),
        ({"promptTokenCount": 10, "totalTokenCount": 10}, (10, 0, 0, 0, 0)),
        ({"promptTokenCount": "10", "candidatesTokenCount": "5"}, (10, 5, 0, 0, 0)),
        ({**USAGE, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 5}]}, (10, 5, 0, 0, 0)),
    ],
)
def test_trap_35_every_count(usage: Json, counts: tuple[int, ...]) -> None:
    hears([TEXT], {"usage": counts}, usage=usage)


def test_trap_36_usage_in_each_chunk_in_the_last_or_nowhere() -> None:
    first, last = stream(TEXT)
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    bare = {name: value for name, value in last.items() if name != "usageMetadata"}
    assert streamed("gemini", [{**first, "usageMetadata": None}, last])["usage"] == (10, 5, 0, 0, 0)
    assert streamed("gemini", [{**first, "usageMetadata": USAGE}, bare])["usage"] == (10, 5, 0, 0, 0)
    assert "usage" not in streamed("gemini", [{**first, "usageMetadata": None}, bare])


# --- sources ---


def grounded(kind: str, **segment: int) -> Json:
    chunks = [{kind: {"uri": "https://a.example", "title": "A"}}]
    return {"groundingChunks": chunks, "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}]}


def place(start: int, end: int) -> Json:
    cited = {"url": "https://a.example", "title": "A", "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}


@pytest.mark.parametrize("kind", ["web", "maps", "retrievedContext"])
@pytest.mark.parametrize("parts", [[TEXT, {"text": " you"}], [TEXT, {"text": " you"}, SIGNED]])
def test_sources_of_each_kind(kind: str, parts: list[Json]) -> None:
    """Counted in the message's text, also where an empty part with a signature is the last."""
    hears(parts, {"annotations": [place(6, 9)]}, groundingMetadata=grounded(kind, startIndex=6, endIndex=9))


def test_sources_that_every_chunk_repeats_are_told_once() -> None:
    first, second = (
        reply({"text": text}, finish=None, groundingMetadata=grounded("web", endIndex=5)) for text in ("Hello", " you")
    )
    assert streamed("gemini", [first, second, reply()])["annotations"] == [place(0, 5)]


def test_the_pages_that_the_url_tool_read_are_no_citations() -> None:
    told = {"urlMetadata": [{"retrievedUrl": "https://a.example"}]}
    hears([TEXT], {"content": "Hello", "annotations": None}, urlContextMetadata=told)
