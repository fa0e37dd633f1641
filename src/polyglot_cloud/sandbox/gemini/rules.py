"""What the Gemini API refuses though the form is right: turns, function calls and their signatures, thinking, schemas."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from polyglot_cloud.sandbox import grammar, models, tokens
from polyglot_cloud.sandbox.gemini.tables import DATA
from polyglot_cloud.sandbox.gemini.wire import field, refuse
from polyglot_cloud.sandbox.seal import seal, unseal

Body = Mapping[str, Any]
Model = models.Gemini
Content = Mapping[str, Any]

DUMMY = b"skip_thought_signature_validator"
CONTEXT, OUTPUT = 1_048_576, 65_536
_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")
_MOST_STOPS, _MOST_CANDIDATES, _MOST_BUDGET = 5, 8, 32_768
_ROLES = {"user", "model", "function", ""}


def find_model(name: str, method: str, version: str) -> Model:
    row = models.GEMINI.get(models.GEMINI_ALIASES.get(name, name))
    if row is None:
        raise no_model(name, method, version)
    return row


def no_model(name: str, method: str, version: str) -> Exception:
    text = f"models/{name} is not found for API version {version}, or is not supported for {method}."
    return refuse(f"{text} Call ListModels to see the list of available models and their supported methods.", 404)


def calls(content: Content) -> list[Mapping[str, Any]]:
    return [part["functionCall"] for part in content.get("parts", ()) if "functionCall" in part]


def responses(content: Content) -> list[Mapping[str, Any]]:
    return [part["functionResponse"] for part in content.get("parts", ()) if "functionResponse" in part]


def merged(contents: list[Content]) -> list[Content]:
    """Neighbours of one role as one turn."""
    out: list[dict[str, Any]] = []
    for content in contents:
        role = "model" if content.get("role") == "model" else "user"
        if out and out[-1]["role"] == role:
            out[-1]["parts"] = [*out[-1]["parts"], *content["parts"]]
        else:
            out.append({"role": role, "parts": list(content["parts"])})
    return list(out)


def contents(body: Body, _model: Model) -> None:
    given = body.get("contents") or []
    if not given:
        raise field("contents", "contents is not specified")
    for number, content in enumerate(given):
        if content.get("role", "") not in _ROLES:
            raise refuse("Please use a valid role: user, model.")
        if not content.get("parts"):
            raise field(f"contents[{number}].parts", "contents.parts must not be empty.")
        for place, part in enumerate(content["parts"]):
            if not any(name in part for name in DATA):
                text = "required oneof field 'data' must have one initialized field"
                raise field(f"contents[{number}].parts[{place}].data", text)
    if given[0].get("role") == "model":
        raise refuse("Please ensure that multiturn requests start with a user role.")
    if given[-1].get("role") == "model":
        raise refuse("Please ensure that multiturn requests end with a user role or a function response.")


def turns(body: Body, _model: Model) -> None:
    """Responses answer the calls of the turn before, as many and by the same names."""
    conversation = merged(body["contents"])
    for number, content in enumerate(conversation):
        answered = responses(content)
        called = calls(conversation[number - 1]) if number else []
        if not answered:
            if called:
                raise _count()
            continue
        if not called:
            raise refuse("Please ensure that function response turn comes immediately after a function call turn.")
        if len(answered) != len(called):
            raise _count()
        _named(number, answered, called)


def _count() -> Exception:
    return refuse(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."
    )


def _named(number: int, answered: list[Mapping[str, Any]], called: list[Mapping[str, Any]]) -> None:
    for place, (response, call) in enumerate(zip(answered, called, strict=True)):
        path = f"contents[{number}].parts[{place}].function_response"
        if not response.get("name"):
            raise field(f"{path}.name", "Name cannot be empty.")
        if "response" not in response:
            raise field(f"{path}.response", "response is not specified")
        if response.get("id") and response["id"] not in {known.get("id") for known in called}:
            raise refuse(
                f"Function response id `{response['id']}` does not match any function call of the function call turn."
            )
        if response["name"] not in {known.get("name") for known in called}:
            raise refuse(f"Function response `{response['name']}` does not match function call `{call.get('name')}`.")


def signatures(body: Body, model: Model) -> None:
    """The first call of each step since the user last spoke brings its signature; any signature sent must be a true one."""
    conversation = merged(body["contents"])
    current = max(
        (n for n, content in enumerate(conversation) if content["role"] == "user" and not responses(content)), default=0
    )
    for number, content in enumerate(conversation):
        for place, part in enumerate(content["parts"]):
            if "thoughtSignature" in part:
                _genuine(part["thoughtSignature"], model)
            elif (
                model.signs
                and number > current
                and "functionCall" in part
                and not calls({"parts": content["parts"][:place]})
            ):
                raise _unsigned(part["functionCall"].get("name", ""), number + 1)


def _unsigned(name: str, position: int) -> Exception:
    return refuse(
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing "
        "thought_signature may lead to degraded model performance. "
        f"Additional data, function call `default_api:{name}` , position {position}."
    )


def _genuine(signature: bytes, model: Model) -> None:
    if signature == DUMMY or not model.signs:
        return
    payload = unseal("gemini", base64.b64encode(signature).decode())
    if payload is None:
        raise refuse("Corrupted thought signature.")
    if payload["m"] != model.id:
        raise refuse("Invalid thought signature.")


def sign(model: Model, nonce: str) -> str:
    return seal("gemini", {"m": model.id, "n": nonce})


def declarations(body: Body) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, tool in enumerate(body.get("tools") or ()):
        for place, declaration in enumerate(tool.get("functionDeclarations") or ()):
            yield f"tools[{number}].function_declarations[{place}]", declaration


def tools(body: Body, _model: Model) -> None:
    seen: set[str] = set()
    for path, declaration in declarations(body):
        name = declaration.get("name", "")
        if not _NAME.match(name):
            text = (
                "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9)"
            )
            raise field(
                f"{path}.name",
                f"{text}, underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.",
            )
        if name in seen:
            raise refuse(f"Duplicate function declaration found: {name}")
        seen.add(name)
        if "parameters" in declaration and "parametersJsonSchema" in declaration:
            raise refuse(f"{path}: only one of `parameters` and `parameters_json_schema` may be set.")
        if told := grammar.problem(declaration.get("parametersJsonSchema", True)):
            raise refuse(f"{path}.parameters_json_schema: {told}.")
        if "parameters" in declaration:
            subset(declaration["parameters"], f"{path}.parameters")
    _calling(body, seen)


def _calling(body: Body, names: set[str]) -> None:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode, allowed = config.get("mode", "AUTO"), config.get("allowedFunctionNames") or []
    if mode in {"ANY", "VALIDATED"} and not names:
        raise refuse("Function calling config is set without function_declarations.")
    if allowed and mode not in {"ANY", "VALIDATED"}:
        raise refuse("Allowed function names should only be set when function calling mode is ANY.")
    for name in allowed:
        if name not in names:
            raise refuse(f"Allowed function name `{name}` is not declared.")


def subset(schema: Mapping[str, Any], path: str) -> None:
    """What the OpenAPI subset asks of an object and an array."""
    kind = schema.get("type")
    if kind == "ARRAY" and "items" not in schema:
        raise field(f"{path}.items", "missing field.")
    for name in schema.get("required") or ():
        if kind == "OBJECT" and name not in (schema.get("properties") or {}):
            raise field(f"{path}.required[{list(schema['required']).index(name)}]", "property is not defined")
    for name, inner in (schema.get("properties") or {}).items():
        subset(inner, f"{path}.properties[{name}]")
    if "items" in schema:
        subset(schema["items"], f"{path}.items")
    for number, inner in enumerate(schema.get("anyOf") or ()):
        subset(inner, f"{path}.any_of[{number}]")


def config(body: Body, model: Model) -> None:
    given = body.get("generationConfig") or {}
    limit = given.get("maxOutputTokens")
    if limit is not None and not 1 <= limit <= OUTPUT:
        text = f"it has a maxOutputTokens value of {limit} but the supported range is from 1 (inclusive) to {OUTPUT + 1} (exclusive)."
        raise refuse(f"Unable to submit request because {text} Update the value and try again.")
    if not 0 <= given.get("temperature", 1) <= 2:
        raise field("generation_config.temperature", "temperature must be in the range [0.0, 2.0].")
    if not 0 <= given.get("topP", 1) <= 1:
        raise field("generation_config.top_p", "top_p must be in the range [0.0, 1.0].")
    if len(given.get("stopSequences") or ()) > _MOST_STOPS:
        raise field("generation_config.stop_sequences", f"stop_sequences must have at most {_MOST_STOPS} elements.")
    count = given.get("candidateCount", 1)
    if count < 1 or count > (1 if model.signs else _MOST_CANDIDATES):
        raise refuse(
            "Multiple candidates is not enabled for this model" if count > 1 else "Candidate count must be positive."
        )
    if "logprobs" in given and not given.get("responseLogprobs"):
        raise field("generation_config.logprobs", "logprobs may only be set when response_logprobs is true.")
    if given.get("responseLogprobs") and model.signs:
        raise refuse("Logprobs is not enabled for this model")
    if set(given.get("responseModalities") or ["TEXT"]) - {"TEXT"}:
        raise refuse("The requested combination of response modalities is not supported by the model.")


def schemas(body: Body, model: Model) -> None:
    given = body.get("generationConfig") or {}
    if "responseSchema" in given and "responseJsonSchema" in given:
        raise refuse("Only one of `response_schema` and `response_json_schema` may be set in generation_config.")
    if told := grammar.problem(given.get("responseJsonSchema", True)):
        raise refuse(f"generation_config.response_json_schema: {told}.")
    if "responseSchema" in given:
        subset(given["responseSchema"], "generation_config.response_schema")
    kind = given.get("responseMimeType", "text/plain")
    if kind not in {"text/plain", "application/json", "text/x.enum"}:
        text = "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`."
        raise field("generation_config.response_mime_type", text)
    if {"responseSchema", "responseJsonSchema"} & set(given) and kind == "text/plain":
        raise refuse("Function calling config or response schema needs response_mime_type `application/json`.")
    if kind == "application/json" and not model.signs and list(declarations(body)):
        raise refuse("Function calling with a response mime type: 'application/json' is unsupported")


def thinking(body: Body, model: Model) -> None:
    given = (body.get("generationConfig") or {}).get("thinkingConfig") or {}
    level, budget = given.get("thinkingLevel"), given.get("thinkingBudget")
    if level is not None and budget is not None:
        raise refuse("You can only set only one of thinking budget and thinking level.")
    if level is not None and not model.levels:
        raise refuse("Thinking level is not supported for this model.")
    if level not in {None, "THINKING_LEVEL_UNSPECIFIED"} and str(level).lower() not in model.levels:
        raise refuse(f"Thinking level {level} is not supported for this model. Please retry with other thinking level.")
    if budget is not None and not model.levels:
        _budget(budget, model)


def _budget(budget: int, model: Model) -> None:
    if budget == 0 and not model.can_stop_thinking:
        raise refuse("Budget 0 is invalid. This model only works in thinking mode.")
    if budget not in {-1, 0} and not model.least_budget <= budget <= _MOST_BUDGET:
        raise refuse(
            f"The thinking budget {budget} is invalid. Please choose a value between {model.least_budget} and {_MOST_BUDGET}."
        )


def effort(body: Body, model: Model) -> str:
    """How hard it will think, in the words of `models.THINKING`."""
    given = (body.get("generationConfig") or {}).get("thinkingConfig") or {}
    if "thinkingLevel" in given and given["thinkingLevel"] != "THINKING_LEVEL_UNSPECIFIED":
        return str(given["thinkingLevel"]).lower()
    budget = given.get("thinkingBudget", -1)
    if model.levels:
        return model.default_level if budget < 0 else "low"
    if budget < 0:
        return "none" if model.id.endswith("flash-lite") else "medium"
    return "none" if budget == 0 else "low" if budget < 4096 else "high"


def elsewhere(body: Body, _model: Model) -> None:
    if body.get("cachedContent"):
        raise refuse("CachedContent not found (or permission denied)", 403)
    used = input_tokens(body)
    if used > CONTEXT:
        raise refuse(f"The input token count ({used}) exceeds the maximum number of tokens allowed ({CONTEXT}).")


def input_tokens(body: Body) -> int:
    config_ = body.get("generationConfig") or {}
    weighed = (
        body.get("systemInstruction"),
        body.get("tools"),
        config_.get("responseSchema"),
        config_.get("responseJsonSchema"),
    )
    return sum(weigh(content) for content in body.get("contents") or ()) + sum(tokens.weigh(value) for value in weighed)


def weigh(content: Content) -> int:
    return sum(tokens.weigh(part) for part in content.get("parts") or ()) + tokens.PER_MESSAGE


RULES = (contents, turns, signatures, tools, config, schemas, thinking, elsewhere)
