"""What Gemini refuses in a generateContent body of the right shape."""

import re
from collections.abc import Iterator
from itertools import pairwise

from vendor_schemas.subject import Body, Subject, blank, mislabelled

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_KINDS = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "toolCall",
    "toolResponse",
)  # fmt: skip
_MODEL_ONLY = ("functionCall", "executableCode", "codeExecutionResult")


def broken(subject: Subject, body: Body) -> Iterator[str]:
    yield from _contents(subject, body["contents"])
    if "systemInstruction" in body and not body["systemInstruction"].get("parts"):
        yield "an empty system instruction"
    yield from _tools(subject, body)
    yield from _config(subject, body.get("generationConfig", {}), bool(body.get("tools")))


# --- contents ---


def _contents(subject: Subject, contents: list[Body]) -> Iterator[str]:
    roles = [content.get("role") for content in contents]
    if set(roles) - {"user", "model"}:
        yield f"a role is neither user nor model: {roles}"
    if any(one == other for one, other in pairwise(roles)):
        yield f"turns do not alternate: {roles}"
    if roles[0] != "user":
        yield "the first content is not the user's"
    if roles[-1] != "user" and not subject.quirks.prefill:
        yield "the last content is the model's, which this model does not continue"
    for at, content in enumerate(contents):
        yield from (f"contents[{at}]: {fault}" for fault in _parts(content))
        before = contents[at - 1] if at else {"parts": []}
        yield from (f"contents[{at}]: {fault}" for fault in _responses(content, before))
    if any("functionCall" in part for part in contents[-1]["parts"]):
        yield "the last content calls functions that nobody answers"
    if "level" in (subject.quirks.thinking or ()):
        yield from _signatures(contents)


def _parts(content: Body) -> Iterator[str]:
    parts = content.get("parts") or []
    if not parts:
        yield "it has no parts"
    for part in parts:
        kinds = [kind for kind in _KINDS if kind in part]
        if len(kinds) > 1 or (not kinds and "thoughtSignature" not in part):
            yield f"a part holds {kinds or 'nothing'}"
        if "text" in part and blank(part["text"]) and "thoughtSignature" not in part:
            yield "a blank text"
        if content["role"] == "user" and (part.keys() & {*_MODEL_ONLY, "thought"}):
            yield f"a user's part holds {sorted(part)}"
        if content["role"] == "model" and "functionResponse" in part:
            yield "the model answers a function"
        yield from _data(part)


def _data(part: Body) -> Iterator[str]:
    if "functionCall" in part and not _NAME.fullmatch(part["functionCall"].get("name", "")):
        yield f"a call of {part['functionCall'].get('name')!r}"
    if "inlineData" in part:
        blob = part["inlineData"]
        if not blob.get("data") or not blob.get("mimeType"):
            yield "inline data without bytes or type"
        elif wrong := mislabelled(blob["mimeType"], blob["data"]):
            yield wrong
    if "fileData" in part and "://" not in part["fileData"].get("fileUri", ""):
        yield f"a file that is no URI: {part['fileData']}"


def _responses(content: Body, before: Body) -> Iterator[str]:
    """As many responses as calls, in their order, by name, with the ids that Gemini gave, in one content that they open."""
    calls = [part["functionCall"] for part in before["parts"] if "functionCall" in part]
    responses = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    if [call.get("name") for call in calls] != [response.get("name") for response in responses]:
        yield f"{len(responses)} function responses do not match {len(calls)} calls before them"
    elif [call.get("id") for call in calls] != [response.get("id") for response in responses]:
        yield "function responses have other ids than their calls"
    if any(not isinstance(response.get("response"), dict) for response in responses):
        yield "a function response that is no object"
    if any("functionResponse" not in part for part in content["parts"][: len(responses)]):
        yield "function responses do not come first"


def _signatures(contents: list[Body]) -> Iterator[str]:
    """From Gemini 3 on the first call of each step of the current turn must carry a signature (trap 22)."""
    for content in reversed(contents):
        if content["role"] == "user" and not any("functionResponse" in part for part in content["parts"]):
            return
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            yield "function call is missing a thought_signature in functionCall parts"


# --- tools ---


def _tools(subject: Subject, body: Body) -> Iterator[str]:
    declared = [each for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]
    names = [each.get("name", "") for each in declared]
    if body.get("tools") == [] or any(tool.get("functionDeclarations") == [] for tool in body.get("tools", ())):
        yield "tools that declare nothing"
    if len(set(names)) < len(names):
        yield "duplicate function declarations"
    yield from (f"function name {name!r}" for name in names if not _NAME.fullmatch(name))
    yield from (
        "parameters and parametersJsonSchema together"
        for each in declared
        if {"parameters", "parametersJsonSchema"} <= each.keys()
    )
    calling = body.get("toolConfig", {}).get("functionCallingConfig")
    if calling is None:
        return
    allowed = calling.get("allowedFunctionNames", [])
    if allowed and calling.get("mode") != "ANY":
        yield "allowedFunctionNames without mode ANY"
    if set(allowed) - set(names):
        yield f"allowed functions that are not declared: {allowed}"
    if not declared:
        yield "a function calling config without functions"
    if calling.get("mode") == "ANY" and not subject.quirks.forced_tools:
        yield "this model refuses a forced call"


# --- generationConfig ---


def _config(subject: Subject, config: Body, tools: bool) -> Iterator[str]:
    quirks = subject.quirks
    if not 1 <= config.get("maxOutputTokens", 1) <= (subject.limit or config.get("maxOutputTokens", 1)):
        yield f"maxOutputTokens {config['maxOutputTokens']} is above {subject.limit}"
    sampling = [name for name in ("temperature", "topP", "topK") if name in config]
    if sampling and quirks.sampling in {"none", "ignored"}:
        yield f"{sampling} have no effect on this model"
    if not 0 <= config.get("temperature", 0) <= 2:
        yield f"temperature {config['temperature']}"
    if not quirks.penalties and config.keys() & {"presencePenalty", "frequencyPenalty"}:
        yield "penalties are refused by this model"
    stops = config.get("stopSequences", [])
    if len(stops) > 5 or "" in stops:
        yield f"stop sequences {stops}"
    if not -(2**31) <= config.get("seed", 0) < 2**31:
        yield f"seed {config['seed']} has more than 32 bits"
    if config.get("candidateCount", 1) != 1:
        yield "several candidates"
    if "logprobs" in config and not (config.get("responseLogprobs") and 1 <= config["logprobs"] <= 20):
        yield f"logprobs {config['logprobs']}"
    if config.get("responseLogprobs") and not subject.takes("logprobs"):
        yield "this model gives no log probabilities"
    yield from _format(subject, config, tools)
    yield from _thinking(subject, config.get("thinkingConfig", {}))


def _format(subject: Subject, config: Body, tools: bool) -> Iterator[str]:
    if {"responseSchema", "responseJsonSchema"} <= config.keys():
        yield "two response schemas"
    if (
        config.keys() & {"responseSchema", "responseJsonSchema"}
        and config.get("responseMimeType") != "application/json"
    ):
        yield "a response schema without its media type"
    if tools and config.get("responseMimeType") == "application/json" and not subject.quirks.schema_with_tools:
        yield "function calling with a response mime type application/json is unsupported"


def _thinking(subject: Subject, config: Body) -> Iterator[str]:
    kinds, quirks = subject.quirks.thinking or (), subject.quirks
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if level is not None and budget is not None:
        yield "a thinking level and a budget"
    if config and not kinds:
        yield "this model does not think"
    if level is not None and ("level" not in kinds or level.lower() not in (quirks.efforts or (level.lower(),))):
        yield f"thinking level {level} is none of {quirks.efforts}"
    if budget is not None:
        most = quirks.budget_max or budget
        off = budget == 0 and (quirks.budget_zero or quirks.budget_min == 0)
        if "budget" not in kinds or not (off or budget == -1 or quirks.budget_min <= budget <= most):
            yield f"thinking budget {budget} is outside {quirks.budget_min}..{most}"
