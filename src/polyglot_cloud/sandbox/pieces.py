"""How a text is cut for a stream: a few words at a time, arguments a few characters at a time."""

import re
from collections.abc import Iterator

_WORDS = re.compile(r"\s*\S+(?:\s+\S+){0,2}\s*$|\s*\S+(?:\s+\S+){0,1}|\s+$")
_ARGUMENT = 14


def text_pieces(text: str) -> Iterator[str]:
    """Two or three words each; joined they are the text."""
    at = 0
    while at < len(text):
        match = _WORDS.match(text, at)
        end = match.end() if match else len(text)
        yield text[at:end]
        at = end


def argument_pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _ARGUMENT):
        yield text[start : start + _ARGUMENT]
