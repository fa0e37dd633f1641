"""What a stand-in understood of a request, and what it will say: the same two forms for all four clouds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_LONGEST_SUBJECT = 60


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the client offers. `schema` is None for a tool that takes free text."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """May it call, must it, and which (`names`; none: any)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool of the client gave back. `about`: what it had been asked about (a city, say)."""

    tool: str
    text: str
    failed: bool = False
    about: str = ""


def subject(arguments: Any) -> str:
    """The first text among a call's arguments, which tells one call from its twin. Takes JSON text too."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return ""
    values = arguments.values() if isinstance(arguments, Mapping) else ()
    return next((value for value in values if isinstance(value, str) and len(value) <= _LONGEST_SUBJECT), "")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, as far as an answer depends on it.

    Args:
        said: the text of the user's last message.
        earlier: the user's texts before it.
        results: tool results since `said`; the stand-in goes on from them.
        media: what came with the last message, each in words ("a PNG image of 2x2 pixels").
        schema: the JSON Schema the answer must satisfy. `{}` asks for any JSON object.
        limit: the most output tokens; `limit_counts_thinking` tells whether thinking is among them.
        thinking: tokens to think, 0 for a model that does not.
        trailing: how the answer begins already (a prefilled assistant turn).
    """

    model: str
    said: str = ""
    earlier: tuple[str, ...] = ()
    system: str = ""
    results: tuple[Result, ...] = ()
    media: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: Choice = field(default_factory=Choice)
    schema: Mapping[str, Any] | None = None
    limit: int | None = None
    limit_counts_thinking: bool = True
    stop: tuple[str, ...] = ()
    thinking: int = 0
    seed: int = 0
    variant: int = 0
    trailing: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. `arguments` is text where the tool takes free text."""

    name: str
    arguments: dict[str, Any] | str


Finish = Literal["stop", "length", "tools", "stop_sequence", "refusal", "filtered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said. `thinking` is a summary a person may read; `thinking_tokens` is what it cost."""

    text: str = ""
    thinking: str = ""
    thinking_tokens: int = 0
    calls: tuple[Call, ...] = ()
    finish: Finish = "stop"
    stopped_at: str | None = None
