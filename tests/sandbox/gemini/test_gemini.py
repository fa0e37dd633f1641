import base64
import json
from typing import Any

import pytest

from polyglot_cloud.sandbox.gemini import wire
from sandbox.kit import PDF, PERSON, PNG, TORN_PNG, WEATHER, Answer, Asker, cloud, validate

DUMMY = base64.b64encode(b"skip_thought_signature_validator").decode()
DECLARATION = {"name": "get_weather", "description": "The weather in a city", "parametersJsonSchema": WEATHER}
TOOLS = [{"functionDeclarations": [DECLARATION]}]
CALL = {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}, "thoughtSignature": DUMMY}
RESPONSE = {"functionResponse": {"name": "get_weather", "response": {"result": "18C"}}}
OLD, NEW = "gemini-2.5-flash", "gemini-3.8-flash"
HELLO = [{"parts": [{"text": "Hello"}]}]


@pytest.fixture
def gemini() -> Asker:
    return cloud("gemini")


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"text": text}]}]


def ask(gemini: Asker, contents: Any = HELLO, model: str = NEW, method: str = "generateContent", **more: Any) -> Answer:
    return gemini.post(f"/models/{model}:{method}", {"contents": contents, **more})


def generate(gemini: Asker, contents: Any = HELLO, model: str = NEW, **more: Any) -> dict[str, Any]:
    answer = ask(gemini, contents, model, **more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def parts(found: dict[str, Any]) -> list[dict[str, Any]]:
    return list(found["candidates"][0]["content"].get("parts", ()))


def text_of(found: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in parts(found) if not part.get("thought"))


def loop(*model: Any, answers: Any = (RESPONSE,)) -> list[dict[str, Any]]:
    return [*said("weather?"), {"role": "model", "parts": list(model)}, {"role": "user", "parts": list(answers)}]


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "a JSON Schema that is none",
        NEW,
        {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "thing"}}]}]},
        "parameters_json_schema: /type is not valid",
    ),
    (
        "a JSON Schema of the answer that is none",
        NEW,
        config(responseMimeType="application/json", responseJsonSchema={"type": "thing"}),
        "response_json_schema: /type is not valid",
    ),
    # what, model, body beyond contents, a part of the message
    ("an unknown field", NEW, {"foo": 1}, 'Unknown name "foo": Cannot find field.'),
    (
        "an unknown field deeper",
        NEW,
        {"contents": [{"parts": [{"text": "x", "index": 1}]}]},
        "Unknown name \"index\" at 'contents[0].parts[0]': Cannot find field.",
    ),
    (
        "a type",
        NEW,
        config(maxOutputTokens="many"),
        "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), \"many\"",
    ),
    (
        "a text of number",
        NEW,
        {"contents": [{"parts": [{"text": 5}]}]},
        "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5",
    ),
    ("a flag of text", NEW, {"store": "yes"}, "Invalid value at 'store' (TYPE_BOOL)"),
    (
        "an enum",
        NEW,
        {"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
        'FunctionCallingConfig.Mode), "SOMETIMES"',
    ),
    ("bytes", NEW, {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "!"}}]}]}, "(TYPE_BYTES)"),
    (
        "a struct",
        NEW,
        {"contents": loop(CALL, answers=[{"functionResponse": {"name": "f", "response": "x"}}])},
        "google.protobuf.Struct",
    ),
    ("a message", NEW, {"generationConfig": 5}, "Invalid value at 'generation_config'"),
    (
        "two data in a part",
        NEW,
        {"contents": [{"parts": [{"text": "x", "functionCall": {"name": "f"}}]}]},
        "oneof field 'data' is already set",
    ),
    ("no contents", NEW, {"contents": []}, "* GenerateContentRequest.contents: contents is not specified"),
    (
        "no parts",
        NEW,
        {"contents": [{"role": "user", "parts": []}]},
        "contents[0].parts: contents.parts must not be empty.",
    ),
    (
        "an empty part",
        NEW,
        {"contents": [{"parts": [{"thought": True}]}]},
        "required oneof field 'data' must have one initialized field",
    ),
    (
        "a role",
        NEW,
        {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]},
        "Please use a valid role: user, model.",
    ),
    (
        "a model first",
        NEW,
        {"contents": [{"role": "model", "parts": [{"text": "x"}]}, *said("y")]},
        "start with a user role",
    ),
    (
        "a model last",
        NEW,
        {"contents": [*said("y"), {"role": "model", "parts": [{"text": "x"}]}]},
        "end with a user role",
    ),
    (
        "a call unanswered",
        NEW,
        {"contents": [*loop(CALL, answers=[{"text": "x"}])]},
        "number of function response parts is equal",
    ),
    ("an answer too few", NEW, {"contents": loop(CALL, CALL)}, "number of function response parts is equal"),
    (
        "an answer out of nowhere",
        NEW,
        {"contents": [{"role": "user", "parts": [RESPONSE]}]},
        "immediately after a function call turn",
    ),
    (
        "an answer without a name",
        NEW,
        {"contents": loop(CALL, answers=[{"functionResponse": {"response": {}}}])},
        "function_response.name: Name cannot be empty.",
    ),
    (
        "an answer without a response",
        NEW,
        {"contents": loop(CALL, answers=[{"functionResponse": {"name": "get_weather"}}])},
        "response is not specified",
    ),
    (
        "an answer by another name",
        NEW,
        {"contents": loop(CALL, answers=[{"functionResponse": {"name": "f", "response": {}}}])},
        "does not match function call `get_weather`",
    ),
    (
        "an answer to another id",
        NEW,
        {"contents": loop(CALL, answers=[{"functionResponse": {"id": "7", "name": "get_weather", "response": {}}}])},
        "response id `7` does not match",
    ),
    (
        "a call unsigned",
        NEW,
        {"contents": loop({"functionCall": CALL["functionCall"]})},
        "Function call is missing a thought_signature in functionCall parts",
    ),
    (
        "a signature of nobody's",
        NEW,
        {"contents": loop({**CALL, "thoughtSignature": "AAAA"})},
        "Corrupted thought signature.",
    ),
    (
        "a function's name",
        NEW,
        {"tools": [{"functionDeclarations": [{"name": "1x"}]}]},
        "function_declarations[0].name: Invalid function name.",
    ),
    (
        "a function twice",
        NEW,
        {"tools": [{"functionDeclarations": [DECLARATION, DECLARATION]}]},
        "Duplicate function declaration found: get_weather",
    ),
    (
        "two schemas",
        NEW,
        {"tools": [{"functionDeclarations": [{**DECLARATION, "parameters": {"type": "OBJECT"}}]}]},
        "only one of `parameters` and",
    ),
    (
        "JSON Schema in the subset",
        NEW,
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": WEATHER}]}]},
        "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
    ),
    (
        "a list of types",
        NEW,
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": ["OBJECT", "NULL"]}}]}]},
        "v1beta.Type)",
    ),
    (
        "an array of nothing",
        NEW,
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "ARRAY"}}]}]},
        "parameters.items: missing field.",
    ),
    (
        "a required stranger",
        NEW,
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {"a": {"anyOf": [{"type": "OBJECT", "required": ["b"]}]}},
                            },
                        }
                    ]
                }
            ]
        },
        "properties[a].any_of[0].required[0]: property is not defined",
    ),
    (
        "ANY of nothing",
        NEW,
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        "set without function_declarations",
    ),
    (
        "names without ANY",
        NEW,
        {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["get_weather"]}}},
        "when function calling mode is ANY",
    ),
    (
        "a name undeclared",
        NEW,
        {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
        "`f` is not declared",
    ),
    ("too many tokens", NEW, config(maxOutputTokens=65_537), "maxOutputTokens value of 65537"),
    ("a temperature", NEW, config(temperature=2.5), "temperature must be in the range"),
    ("a top_p", NEW, config(topP=2), "top_p must be in the range"),
    ("six stops", NEW, config(stopSequences=list("abcdef")), "stop_sequences must have at most 5 elements"),
    ("candidates on 3", NEW, config(candidateCount=2), "Multiple candidates is not enabled"),
    ("no candidates", OLD, config(candidateCount=0), "Candidate count must be positive"),
    ("logprobs alone", OLD, config(logprobs=2), "may only be set when response_logprobs is true"),
    ("logprobs on 3", NEW, config(responseLogprobs=True), "Logprobs is not enabled"),
    ("images to order", NEW, config(responseModalities=["IMAGE"]), "response modalities is not supported"),
    (
        "two response schemas",
        NEW,
        config(responseMimeType="application/json", responseSchema={"type": "STRING"}, responseJsonSchema={}),
        "Only one of `response_schema`",
    ),
    ("a schema for text", NEW, config(responseJsonSchema=PERSON), "needs response_mime_type"),
    ("a kind of answer", NEW, config(responseMimeType="text/html"), "allowed mimetypes are"),
    (
        "JSON and tools on 2.5",
        OLD,
        {**config(responseMimeType="application/json"), "tools": TOOLS},
        "Function calling with a response mime type: 'application/json'",
    ),
    (
        "level and budget",
        NEW,
        config(thinkingConfig={"thinkingLevel": "LOW", "thinkingBudget": 5}),
        "only set only one of thinking budget and thinking level",
    ),
    ("a level on 2.5", OLD, config(thinkingConfig={"thinkingLevel": "LOW"}), "Thinking level is not supported"),
    (
        "a level the model lacks",
        NEW,
        config(thinkingConfig={"thinkingLevel": "MINIMAL"}),
        "Thinking level MINIMAL is not supported",
    ),
    (
        "xhigh elsewhere",
        "gemini-4-argon",
        config(thinkingConfig={"thinkingLevel": "XHIGH"}),
        "Thinking level XHIGH is not supported",
    ),
    ("no thinking on pro", "gemini-2.5-pro", config(thinkingConfig={"thinkingBudget": 0}), "Budget 0 is invalid."),
    (
        "a budget too small",
        "gemini-2.5-flash-lite",
        config(thinkingConfig={"thinkingBudget": 100}),
        "between 512 and 32768",
    ),
    (
        "a MIME type",
        NEW,
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/tiff", "data": PNG}}]}]},
        "Unsupported MIME type: image/tiff",
    ),
    (
        "a torn image",
        NEW,
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": TORN_PNG}}]}]},
        "Unable to process input image.",
    ),
    (
        "no PDF",
        NEW,
        {"contents": [{"parts": [{"inlineData": {"mimeType": "application/pdf", "data": PNG}}]}]},
        "The document has no pages.",
    ),
    (
        "a web address",
        NEW,
        {"contents": [{"parts": [{"fileData": {"fileUri": "https://example.com/a.png"}}]}]},
        "Cannot fetch content",
    ),
    ("a context overrun", NEW, {"contents": said("word " * 850_000)}, "exceeds the maximum number of tokens allowed"),
]


@pytest.mark.parametrize(("what", "model", "change", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(gemini: Asker, what: str, model: str, change: dict[str, Any], message: str) -> None:
    answer = gemini.post(f"/models/{model}:generateContent", {"contents": HELLO, **change})
    error = answer.json["error"]
    assert (answer.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert message in error["message"]


def test_all_faults_of_form_are_told_at_once(gemini: Asker) -> None:
    error = ask(gemini, foo=1, bar=2).json["error"]
    assert [fault["description"] for fault in error["details"][0]["fieldViolations"]] == error["message"].split("\n")
    assert len(error["details"][0]["fieldViolations"]) == 2


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (
            NEW,
            {
                "system_instruction": {"parts": {"text": "x"}},
                "generation_config": {"max_output_tokens": "500", "top_k": 40.0},
            },
        ),
        (NEW, config(thinkingConfig={"thinkingLevel": "low"}, temperature=None)),
        (NEW, config(thinkingConfig={"thinkingBudget": 0})),
        (NEW, {"contents": loop(CALL, {"functionCall": CALL["functionCall"]}, answers=[RESPONSE, RESPONSE])}),
        (
            NEW,
            {
                "contents": [
                    *loop({"functionCall": CALL["functionCall"]}),
                    {"role": "model", "parts": [{"text": "x"}]},
                    *said("y"),
                ]
            },
        ),
        (NEW, {"contents": [*said("a"), *said("b")]}),
        (NEW, {"contents": [{"parts": [{"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}]}]}),
        (
            NEW,
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            {
                                "name": "f",
                                "parameters": {
                                    "type": "object",
                                    "properties": {"a": {"type": "array", "items": {"type": "string"}}},
                                },
                            }
                        ]
                    }
                ]
            },
        ),
        (OLD, {"contents": loop({"functionCall": CALL["functionCall"]}, answers=[RESPONSE])}),
        (OLD, config(candidateCount=2, responseLogprobs=True, logprobs=3)),
        (OLD, config(thinkingConfig={"thinkingBudget": -1})),
        ("gemini-4-hydrogen", config(thinkingConfig={"thinkingLevel": "XHIGH"})),
        (
            "gemini-flash-latest",
            {
                "labels": {"a": "b"},
                "serviceTier": "flex",
                "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
            },
        ),
    ],
)
def test_accepted(gemini: Asker, model: str, change: dict[str, Any]) -> None:
    answer = gemini.post(f"/models/{model}:generateContent", {"contents": HELLO, **change})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("model", [OLD, NEW])
@pytest.mark.parametrize("text", ["Hello", "What is the weather in Paris and Tokyo?", "[[sandbox:empty]]"])
def test_streamed_and_whole_agree(gemini: Asker, model: str, text: str) -> None:
    more = {"tools": TOOLS, **config(thinkingConfig={"includeThoughts": True})}
    whole = generate(gemini, said(text), model, **more)
    streamed = ask(gemini, said(text), model, "streamGenerateContent?alt=sse", **more)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert b"\r\n\r\n" in streamed.body
    chunks = streamed.data
    assert "".join(text_of(chunk) for chunk in chunks) == text_of(whole)
    calls = [part["functionCall"]["args"] for chunk in chunks for part in parts(chunk) if "functionCall" in part]
    assert calls == [part["functionCall"]["args"] for part in parts(whole) if "functionCall" in part]
    assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None] * (len(chunks) - 1) + ["STOP"]
    signed = [bool(part.get("thoughtSignature")) for part in parts(chunks[-1])]
    assert any(signed) is (model == NEW)
    assert any(part.get("thought") for part in parts(chunks[0]))


def test_a_stream_without_sse_is_an_array(gemini: Asker) -> None:
    streamed = ask(gemini, method="streamGenerateContent")
    assert streamed.headers["content-type"].startswith("application/json")
    assert "".join(text_of(chunk) for chunk in streamed.json) == text_of(generate(gemini))


def test_errors_of_such_a_stream_are_an_array_too(gemini: Asker) -> None:
    answer = ask(gemini, [], method="streamGenerateContent")
    assert answer.json[0]["error"]["status"] == "INVALID_ARGUMENT"
    assert ask(gemini, [], method="streamGenerateContent?alt=sse").json["error"]["code"] == 400


def test_usage(gemini: Asker) -> None:
    usage = generate(gemini)["usageMetadata"]
    assert usage["thoughtsTokenCount"] == 16
    assert (
        usage["totalTokenCount"]
        == usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    )
    counted = gemini.post(f"/models/{NEW}:countTokens", {"contents": HELLO}).json
    assert counted["totalTokens"] == usage["promptTokenCount"]


def test_counting_a_whole_request(gemini: Asker) -> None:
    request = {
        "model": f"models/{NEW}",
        "contents": HELLO,
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "tools": TOOLS,
    }
    counted = gemini.post(f"/models/{NEW}:countTokens", {"generateContentRequest": request}).json["totalTokens"]
    assert counted == gemini.post(f"/models/{NEW}:generateContent", request).json["usageMetadata"]["promptTokenCount"]
    assert (
        gemini.post(f"/models/{NEW}:countTokens", {})
        .json["error"]["message"]
        .startswith("* CountTokensRequest.contents")
    )


def test_tokens_by_modality(gemini: Asker) -> None:
    contents = [{"parts": [{"text": "See"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]}]
    details = generate(gemini, contents)["usageMetadata"]["promptTokensDetails"]
    assert [row["modality"] for row in details] == ["TEXT", "IMAGE"]


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash-preview", NEW, "gemini-4-argon"])
def test_a_loop(gemini: Asker, model: str) -> None:
    first = generate(gemini, said("What is the weather in Paris and Tokyo?"), model, tools=TOOLS)
    candidate = first["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    calls = [part["functionCall"] for part in parts(first)]
    assert [call["args"] for call in calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert ["thoughtSignature" in part for part in parts(first)] == [not model.startswith("gemini-2"), False]
    given = [
        {
            "functionResponse": {
                **({"id": call["id"]} if "id" in call else {}),
                "name": call["name"],
                "response": {"result": "18C"},
            }
        }
        for call in calls
    ]
    history = [*said("What is the weather in Paris and Tokyo?"), candidate["content"], {"role": "user", "parts": given}]
    assert "Paris: 18C" in text_of(generate(gemini, history, model, tools=TOOLS))
    shuffled = [
        history[0],
        history[1],
        {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"error": "gone"}}}] * 2},
    ]
    assert "stumbled: gone" in text_of(generate(gemini, shuffled, model, tools=TOOLS))


def test_signatures_belong_to_their_model(gemini: Asker) -> None:
    first = generate(gemini, said("weather in Paris?"), NEW, tools=TOOLS)
    history = [*said("weather in Paris?"), first["candidates"][0]["content"], {"role": "user", "parts": [RESPONSE]}]
    assert ask(gemini, history, NEW).status == 200
    assert ask(gemini, history, OLD).status == 200
    assert ask(gemini, history, "gemini-4-argon").json["error"]["message"] == "Invalid thought signature."


@pytest.mark.parametrize(
    ("calling", "calls"),
    [
        ({"mode": "NONE"}, 0),
        ({"mode": "ANY"}, 1),
        ({"mode": "ANY", "allowedFunctionNames": ["get_weather"]}, 1),
        ({"mode": "auto"}, 0),
    ],
)
def test_function_calling_config(gemini: Asker, calling: dict[str, Any], calls: int) -> None:
    found = generate(gemini, tools=TOOLS, toolConfig={"functionCallingConfig": calling})
    assert sum("functionCall" in part for part in parts(found)) == calls


@pytest.mark.parametrize(
    ("fields", "schema"),
    [
        ({"responseJsonSchema": PERSON}, PERSON),
        (
            {"responseSchema": {"type": "OBJECT", "properties": {"age": {"type": "INTEGER"}}, "required": ["age"]}},
            {"type": "object", "required": ["age"]},
        ),
        ({}, {"type": "object"}),
    ],
)
def test_structured_output(gemini: Asker, fields: dict[str, Any], schema: dict[str, Any]) -> None:
    found = generate(gemini, said("Ada is 36"), **config(responseMimeType="application/json", **fields))
    validate(json.loads(text_of(found)), schema)


def test_one_word_of_several(gemini: Asker) -> None:
    schema = {"type": "STRING", "enum": ["red", "blue"]}
    found = generate(gemini, said("The sky is blue"), **config(responseMimeType="text/x.enum", responseSchema=schema))
    assert json.loads(text_of(found)) == "blue"


def test_limits(gemini: Asker) -> None:
    found = generate(gemini, said("Write 200 words"), "gemini-2.5-flash-lite", **config(maxOutputTokens=5))
    assert found["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert found["usageMetadata"]["candidatesTokenCount"] == 5
    none = generate(gemini, **config(maxOutputTokens=5))
    assert "parts" not in none["candidates"][0]["content"]
    assert "candidatesTokenCount" not in none["usageMetadata"]
    assert text_of(generate(gemini, said("say one two three"), **config(stopSequences=[" two"]))) == "one"


def test_candidates(gemini: Asker) -> None:
    found = generate(gemini, said("Tell me a joke"), OLD, **config(candidateCount=2, seed=1))
    texts = [candidate["content"]["parts"][0]["text"] for candidate in found["candidates"]]
    assert len(set(texts)) == 2
    chunks = ask(gemini, said("Tell me a joke"), OLD, "streamGenerateContent?alt=sse", **config(candidateCount=2)).data
    assert {chunk["candidates"][0]["index"] for chunk in chunks} == {0, 1}


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("image/png", PNG, "a PNG image of 2x2 pixels"),
        ("application/pdf", PDF, "a PDF of 1 page"),
        ("text/plain", "T25jZQ", 'begins "Once"'),
    ],
)
def test_files(gemini: Asker, kind: str, data: str, told: str) -> None:
    contents = [{"parts": [{"text": "What is this?"}, {"inline_data": {"mime_type": kind, "data": data}}]}]
    assert told in text_of(generate(gemini, contents))


def test_files_that_are_not_there(gemini: Asker) -> None:
    contents = [{"parts": [{"fileData": {"fileUri": "https://example.com/v1beta/files/abc"}}]}]
    assert ask(gemini, contents).json["error"]["status"] == "PERMISSION_DENIED"
    assert ask(gemini, cachedContent="cachedContents/1").status == 403


def test_caching(gemini: Asker) -> None:
    text = "lighthouse " * 2000
    contents = [{"parts": [{"text": text}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]}]
    assert "cachedContentTokenCount" not in generate(gemini, contents)["usageMetadata"]
    assert generate(gemini, contents)["usageMetadata"]["cachedContentTokenCount"] > 4096


def test_blocks(gemini: Asker) -> None:
    found = generate(gemini, said("[[sandbox:refuse]]"))
    assert "candidates" not in found
    assert found["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    streamed = ask(gemini, said("[[sandbox:refuse]]"), method="streamGenerateContent?alt=sse").data
    assert [chunk.get("candidates") for chunk in streamed] == [None]
    late = generate(gemini, said("[[sandbox:refuse late]]"))["candidates"][0]
    assert late["finishReason"] == "SAFETY"
    assert (
        generate(gemini, said("[[sandbox:finish malformed_function_call]]"))["candidates"][0]["finishReason"]
        == "MALFORMED_FUNCTION_CALL"
    )


def test_system_and_history(gemini: Asker) -> None:
    history = [*said("My name is Ada"), {"role": "model", "parts": [{"text": "Aye"}]}, *said("What is my name?")]
    found = generate(gemini, history, systemInstruction={"parts": [{"text": "You are a pirate"}]})
    assert text_of(found).startswith("Arr!")
    assert "Ada" in text_of(found)


@pytest.mark.parametrize(
    ("mark", "status", "name"),
    [
        ("400", 400, "INVALID_ARGUMENT"),
        ("401", 401, "UNAUTHENTICATED"),
        ("403", 403, "PERMISSION_DENIED"),
        ("404", 404, "NOT_FOUND"),
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("500", 500, "INTERNAL"),
        ("503", 503, "UNAVAILABLE"),
        ("504", 504, "DEADLINE_EXCEEDED"),
        ("529", 529, "INTERNAL"),
        ("418", 418, "INVALID_ARGUMENT"),
    ],
)
def test_errors_on_demand(gemini: Asker, mark: str, status: int, name: str) -> None:
    answer = ask(gemini, said(f"[[sandbox:{mark}]]"))
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["status"]) == (status, status, name)
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_when_to_come_back(gemini: Asker) -> None:
    details = {
        row["@type"].rsplit(".", 1)[1]: row
        for row in ask(gemini, said("[[sandbox:429 retry-after=34.5]]")).json["error"]["details"]
    }
    assert details["RetryInfo"]["retryDelay"] == "34.5s"
    assert "PerMinute" in details["QuotaFailure"]["violations"][0]["quotaId"]
    money = ask(gemini, said("[[sandbox:quota]]")).json["error"]["details"]
    assert [row["@type"].rsplit(".", 1)[1] for row in money] == ["QuotaFailure"]
    assert "PerDay" in money[0]["violations"][0]["quotaId"]


def test_an_error_inside_the_stream(gemini: Asker) -> None:
    text = said("[[sandbox:error-event 2]] Hello")
    assert ask(gemini, text, method="streamGenerateContent?alt=sse").data[-1]["error"]["status"] == "UNAVAILABLE"
    assert ask(gemini, text, method="streamGenerateContent").json[-1]["error"]["code"] == 503
    assert ask(gemini, text).status == 500
    assert ask(gemini, said("[[sandbox:html]]")).status == 502


@pytest.mark.parametrize(
    ("headers", "query", "status", "name"),
    [
        ({"x_goog_api_key": ""}, "", 403, "PERMISSION_DENIED"),
        ({"x_goog_api_key": "wrong"}, "", 400, "INVALID_ARGUMENT"),
        ({"x_goog_api_key": ""}, f"?key={wire.KEY}", 200, None),
    ],
)
def test_keys(gemini: Asker, headers: dict[str, str], query: str, status: int, name: str | None) -> None:
    answer = gemini.get(f"/models{query}", **headers)
    assert answer.status == status
    assert answer.json.get("error", {}).get("status") == name


def test_a_bad_key_is_named(gemini: Asker) -> None:
    details = gemini.get("/models", x_goog_api_key="wrong").json["error"]["details"]
    assert details[0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/models", 404),
        ("POST", f"/models/{NEW}:sing", 404),
        ("POST", "/models/nobody:generateContent", 404),
        ("POST", "/models/nobody:countTokens", 404),
        ("GET", "/models/nobody", 404),
        ("POST", f"/models/{NEW}", 404),
    ],
)
def test_paths(gemini: Asker, method: str, path: str, status: int) -> None:
    assert gemini.ask(method, path, json.dumps({"contents": HELLO}).encode()).status == status


def test_the_other_version(gemini: Asker) -> None:
    gemini.base = "/v1"
    assert generate(gemini)["modelVersion"] == NEW


@pytest.mark.parametrize("body", [b"{", b'{"contents": NaN}', b"\xff", b"[]"])
def test_bodies_that_are_no_json_object(gemini: Asker, body: bytes) -> None:
    answer = gemini.post(f"/models/{NEW}:generateContent", body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_models(gemini: Asker) -> None:
    rows = {row["name"]: row for row in gemini.get("/models").json["models"]}
    assert rows[f"models/{NEW}"]["thinking"] is True
    assert rows["models/gemini-embedding-001"]["inputTokenLimit"] == 2048
    assert gemini.get(f"/models/{NEW}").json == rows[f"models/{NEW}"]
    page = gemini.get("/models?pageSize=3").json
    rest = gemini.get(f"/models?pageSize=100&pageToken={page['nextPageToken']}").json
    assert len(page["models"]) + len(rest["models"]) == len(rows)
    assert gemini.get("/models?pageSize=few").status == 400


def test_embeddings(gemini: Asker) -> None:
    model = "gemini-embedding-001"
    one = {"model": f"models/{model}", "content": {"parts": [{"text": "hello"}]}, "outputDimensionality": 8}
    body = gemini.post(
        f"/models/{model}:batchEmbedContents", {"requests": [one, {**one, "outputDimensionality": 3072}]}
    ).json
    short, whole = (row["values"] for row in body["embeddings"])
    assert (len(short), len(whole)) == (8, 3072)
    assert sum(value * value for value in whole) == pytest.approx(1)
    assert sum(value * value for value in short) < 0.5
    single = gemini.post(f"/models/{model}:embedContent", one).json
    assert single["embedding"]["values"] == short


@pytest.mark.parametrize(
    ("model", "method", "body", "status"),
    [
        ("gemini-embedding-001", "batchEmbedContents", {}, 400),
        (
            "gemini-embedding-001",
            "batchEmbedContents",
            {"requests": [{"model": "models/other", "content": {"parts": [{"text": "x"}]}}]},
            400,
        ),
        ("gemini-embedding-001", "embedContent", {"content": {"parts": []}}, 400),
        (
            "gemini-embedding-001",
            "embedContent",
            {"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 9999},
            400,
        ),
        ("gemini-embedding-001", "embedContent", {"content": {"parts": [{"text": "word " * 2000}]}}, 400),
        (NEW, "embedContent", {"content": {"parts": [{"text": "x"}]}}, 404),
    ],
)
def test_embeddings_refused(gemini: Asker, model: str, method: str, body: dict[str, Any], status: int) -> None:
    assert gemini.post(f"/models/{model}:{method}", body).status == status
