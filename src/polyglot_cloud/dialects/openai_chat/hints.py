"""Chat's hints, read as strictly as OpenAI reads them: what one vendor drops, another would refuse for a wrong word inside.

Shapes and words from openai 3.54.0 (CompletionCreateParams, read 2026-11-22).
"""

from collections.abc import Callable
from typing import Any

from polyglot_cloud.dialects.openai_chat import fields
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import HINTS

NAMES = HINTS - {"repeat_penalty"}
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
_PLACE = ("city", "country", "region", "timezone")
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512
_LONGEST_IDENTIFIER = 128


def read_hints(body: Object) -> dict[str, Any]:
    """The hints that are set, under Chat's names. Raises BadRequest."""
    if NAMES.isdisjoint(body):
        return {}
    return {name: _READERS[name](body, name) for name in body if name in NAMES and body[name] is not None}


def _metadata(body: Object, name: str) -> Any:
    pairs = fields.mapping(body, name) or {}
    if len(pairs) > _MOST_PAIRS:
        raise _wrong(name, f"at most {_MOST_PAIRS} pairs", "object_above_max_properties")
    for key in pairs:
        value = fields.needed_string(pairs, key, f"{name}.")
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            limits = f"keys of at most {_LONGEST_KEY} and values of at most {_LONGEST_VALUE} characters"
            raise _wrong(name, limits, "string_above_max_length")
    return pairs


def _identifier(body: Object, name: str) -> Any:
    value = fields.string(body, name)
    if value is not None and len(value) > _LONGEST_IDENTIFIER:
        raise _wrong(name, f"at most {_LONGEST_IDENTIFIER} characters", "string_above_max_length")
    return value


def _retention(body: Object, name: str) -> Any:
    """OpenAI's own pages had it with a hyphen at first."""
    value = fields.word(body, name, ("in_memory", "in-memory", "24h"))
    return "in_memory" if value == "in-memory" else value


def _cache_options(body: Object, name: str) -> Any:
    options = _given(fields.mapping(body, name))
    _check_words(options, f"{name}.", {"mode": ("implicit", "explicit"), "ttl": ("30m",)})
    return options


def _logit_bias(body: Object, name: str) -> Any:
    biases = fields.mapping(body, name) or {}
    for token in biases:
        fields.integer(biases, token, -100, 100, f"{name}.")
        if biases[token] is None:
            raise fields.wrong_type(f"{name}.{token}", "an integer", None)
    return biases


def _prediction(body: Object, name: str) -> Any:
    predicted = fields.mapping(body, name) or {}
    if fields.word(predicted, "type", ("content",), f"{name}.") is None:
        raise fields.missing(f"{name}.type")
    content = predicted.get("content")
    if content is None:
        raise fields.missing(f"{name}.content")
    if not isinstance(content, str):
        for index, part in enumerate(fields.objects(predicted, "content", f"{name}.")):
            at = f"{name}.content[{index}]."
            fields.needed_string(part, "text", at)
            fields.word(part, "type", ("text",), at)
    return predicted


def _modalities(body: Object, name: str) -> Any:
    """[] asks for what comes anyway."""
    wanted = fields.words(body, name)
    for index, word in enumerate(wanted):
        if word not in {"text", "audio"}:
            raise fields.invalid_value(f"{name}[{index}]", word, ("text", "audio"))
    return wanted or ["text"]


def _audio(body: Object, name: str) -> Any:
    wanted = fields.mapping(body, name) or {}
    if fields.word(wanted, "format", _FORMATS, f"{name}.") is None:
        raise fields.missing(f"{name}.format")
    voice = wanted.get("voice")
    if isinstance(voice, dict):
        fields.needed_string(voice, "id", f"{name}.voice.")
    else:
        fields.needed_string(wanted, "voice", f"{name}.")
    return wanted


def _web_search(body: Object, name: str) -> Any:
    options = _given(fields.mapping(body, name))
    _check_words(options, f"{name}.", {"search_context_size": ("low", "medium", "high")}, objects=("user_location",))
    location = fields.mapping(options, "user_location", f"{name}.")
    if location is not None:
        at = f"{name}.user_location."
        fields.word(location, "type", ("approximate",), at)
        place = fields.needed_mapping(location, "approximate", at)
        for key in place:
            if key not in _PLACE:
                raise _unknown(f"{at}approximate.{key}")
            fields.string(place, key, f"{at}approximate.")
    return options


def _moderation(body: Object, name: str) -> Any:
    wanted = _given(fields.mapping(body, name))
    fields.needed_string(wanted, "model", f"{name}.")
    _check_words(wanted, f"{name}.", {}, objects=("model", "policy"))
    policy = fields.mapping(wanted, "policy", f"{name}.") or {}
    _check_words(policy, f"{name}.policy.", {}, objects=("input", "output"))
    for side in policy:
        judged = fields.mapping(policy, side, f"{name}.policy.") or {}
        _check_words(judged, f"{name}.policy.{side}.", {"mode": ("score", "block")})
    return wanted


def _given(holder: Object | None) -> Object:
    """Without the members that are null, which says nothing."""
    return {name: value for name, value in (holder or {}).items() if value is not None}


def _check_words(holder: Object, at: str, words: dict[str, tuple[str, ...]], objects: tuple[str, ...] = ()) -> None:
    """Only these members, and of `words` only these values."""
    for name in holder:
        if name in words:
            fields.word(holder, name, words[name], at)
        elif name not in objects:
            raise _unknown(f"{at}{name}")


def _unknown(param: str) -> BadRequest:
    return BadRequest(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def _wrong(param: str, expected: str, code: str) -> BadRequest:
    return BadRequest(f"Invalid '{param}': expected {expected}.", param=param, code=code)


_READERS: dict[str, Callable[[Object, str], Any]] = {
    "seed": fields.integer,
    "user": fields.string,
    "safety_identifier": _identifier,
    "metadata": _metadata,
    "service_tier": lambda body, name: fields.word(body, name, TIERS),
    "prompt_cache_key": fields.string,
    "prompt_cache_options": _cache_options,
    "prompt_cache_retention": _retention,
    "verbosity": lambda body, name: fields.word(body, name, ("low", "medium", "high")),
    "store": fields.boolean,
    "logit_bias": _logit_bias,
    "prediction": _prediction,
    "audio": _audio,
    "web_search_options": _web_search,
    "moderation": _moderation,
    "modalities": _modalities,
}
