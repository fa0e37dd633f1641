"""What a stand-in says when nobody gave it a tool: short, friendly, and the same every time for the same words."""

import ast
import hashlib
import operator
import re
from collections.abc import Callable

from polyglot_cloud.sandbox import reading
from polyglot_cloud.sandbox.prompt import Prompt

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_SAY = re.compile(
    r"\b(?:(?:say|repeat|echo)(?: exactly| only| just| the words?| this)*|"
    r"(?:reply|answer|respond)(?: only| just| exactly)* with(?: only| just| exactly)*"
    r"(?: the words?)?)\b\s*:?\s*(?P<what>\"[^\"]+\"|'[^']+'|`[^`]+`|[^\n]+)",
    re.IGNORECASE,
)
_NO_ECHO = re.compile(
    r"^(?:something|anything|a |an |one (?:word|thing|sentence|line)|some |what|how|that you|hello in|it |me |no more|json|the )",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\bcount(?: slowly)?(?: up)?(?: from (\d+))? to (\d+)", re.IGNORECASE)
_MY_NAME = re.compile(r"\b(?i:my name is|i am called|call me)\s+([A-Z][\w'-]*)")
_ASKS_NAME = re.compile(r"\b(?:what(?:'s| is) my name|who am i)\b", re.IGNORECASE)
_WORDS = re.compile(r"\b(?:in|of|write|about|exactly|with)\s+(\d{2,5})\s+words\b", re.IGNORECASE)
_MOST_WORDS = 20_000
_LONGEST_ORDER = 300
"""Characters of a system text that is one order. A longer one is a manual, with examples that are meant for nobody."""
_ARITHMETIC = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/", "×": "*", "÷": "/"}

_HAIKU = (
    "Packets cross the wire;\nno cloud has seen your question.\nStill, here is a poem.",
    "A small local port\nhums like a kettle at dawn:\ntwo hundred, OK.",
    "Four clouds, one doorway;\nnone of them is really here.\nThe rain costs nothing.",
)
_JOKES = (
    "Why did the token cross the network? To get to the other side of the bill. This one travelled free.",
    "A gateway walks into a bar. The bartender asks: streaming or all at once? The gateway says: yes.",
    "There are two hard things in computing: naming, caching, and off-by-one errors in the token count.",
)
_GREETINGS = (
    "Hello! {me} at your service, or rather its stand-in: same manners, no meter running.",
    "Good to see you! I am playing {me} today. The costume fits, and the coffee is imaginary.",
    "Hi there! You have reached {me}, rehearsing in the sandbox. No clouds were billed for this greeting.",
)
_GENERAL = (
    "You said “{said}”, and I took it to heart. I am only {me}'s stand-in, so take this as warm encouragement rather than advice.",
    "On “{said}”: the real {me} would have opinions. I have good manners and a fixed budget of zero, and I am rooting for you.",
    "“{said}” - what a fine thing to ask a stand-in. {me} sends regards; the wire works, the weather inside is mild.",
    "I turned “{said}” over twice. As {me}'s understudy I can promise three things: it arrived whole, it cost nothing, and I enjoyed it.",
)
_PROSE = (
    "The lighthouse keeper wrote every ship's name in a blue notebook and wished each one a quiet night.",
    "Down in the harbour the fog took its time, as fog does when nobody is waiting for it.",
    "A postman once told her that letters travel best when they have something kind to carry.",
    "So she learned to write slowly, to leave the last line open, and to trust the tide with the rest.",
    "By morning the gulls had read everything twice and disagreed about the ending.",
    "Nobody minded, since the bread was warm and the kettle had opinions of its own.",
)


def reply(prompt: Prompt) -> str:
    """The text of an answer without tools."""
    said = prompt.said
    if "pirate" in prompt.system.lower():
        return f"Arr! {_plain_reply(prompt, said)}"
    return _plain_reply(prompt, said)


def _plain_reply(prompt: Prompt, said: str) -> str:
    for answer in (_seen, _echoed, _named, _counted, _long, _reckoned, _by_topic):
        text = answer(prompt, said)
        if text:
            return text
    return _pick(_GENERAL, prompt).format(me=prompt.model, said=_short(said) or "…")


def prose(count: int) -> str:
    """So many words of a story without an end."""
    words = " ".join(_PROSE).split()
    count = max(1, min(count, _MOST_WORDS))
    return " ".join(words[number % len(words)] for number in range(count))


def thought(prompt: Prompt) -> str:
    """A summary of the thinking, for clouds that show one."""
    if prompt.results:
        return f"The tools have answered ({len(prompt.results)}). Now I only need to put that into words."
    return (
        f"The person writes: “{_short(prompt.said)}”. A short and friendly answer will do; I check it once and say it."
    )


def _seen(prompt: Prompt, _said: str) -> str:
    if not prompt.media:
        return ""
    things = prompt.media[0] if len(prompt.media) == 1 else f"{', '.join(prompt.media[:-1])} and {prompt.media[-1]}"
    return f"I see {things}. It came through whole, which is more than most luggage can say."


def _echoed(prompt: Prompt, said: str) -> str:
    match = _SAY.search(said) or (_SAY.search(prompt.system) if len(prompt.system) < _LONGEST_ORDER else None)
    if not match or _NO_ECHO.match(match["what"]):
        return ""
    return match["what"].strip().strip("\"'`").strip()


def _named(prompt: Prompt, said: str) -> str:
    if not _ASKS_NAME.search(said):
        return ""
    names = [match[1] for text in (*prompt.earlier, said) for match in _MY_NAME.finditer(text)]
    return f"You are {names[-1]}. I was paying attention." if names else "You have not told me yet. I am all ears."


def _counted(_prompt: Prompt, said: str) -> str:
    match = _COUNT.search(said)
    if not match:
        return ""
    first, last = int(match[1] or 1), int(match[2])
    return ", ".join(str(number) for number in range(first, min(last, first + 999) + 1))


def _long(_prompt: Prompt, said: str) -> str:
    match = _WORDS.search(said)
    return prose(int(match[1])) if match else ""


def _reckoned(_prompt: Prompt, said: str) -> str:
    text = said
    for word, sign in _ARITHMETIC.items():
        text = re.sub(rf"\s{word}\s" if word.isascii() else word, f" {sign} ", text, flags=re.IGNORECASE)
    expression = reading.expression(text)
    value = reckon(expression)
    return "" if value is None else f"{expression} is {value}. I did it in my head, which is to say in yours."


def reckon(expression: str) -> str | None:
    """The value of a sum of numbers with + - * / and brackets; None where it is none, or too large to print."""
    try:
        value = _value(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    raise ValueError("no arithmetic")


def _by_topic(prompt: Prompt, said: str) -> str:
    words = set(reading.words(said))
    if words & {"haiku", "poem", "poetry"}:
        return _pick(_HAIKU, prompt)
    if words & {"joke", "jok"}:
        return _pick(_JOKES, prompt)
    if {"who", "you"} <= words or "model" in words:
        return f"I am {prompt.model}, as played by the polyglot-cloud sandbox. Same wire format, far smaller brain."
    if words & {"hello", "hi", "hey", "greet"} or not said:
        return _pick(_GREETINGS, prompt).format(me=prompt.model)
    return ""


def _short(text: str, most: int = 60) -> str:
    flat = " ".join(text.split()).rstrip(".?!")
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def _pick(options: tuple[str, ...], prompt: Prompt) -> str:
    """One of some sentences: chosen by the words, moved on by a seed and by the number of the choice."""
    digest = hashlib.sha256(prompt.said.encode("utf-8", "surrogatepass")).digest()
    return options[(digest[0] + prompt.seed + prompt.variant) % len(options)]
