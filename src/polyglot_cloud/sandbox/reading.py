"""Reading a prompt as far as a stand-in can: its clauses, and the names, numbers, quotations and commands in them."""

import re
from dataclasses import dataclass

_TAGGED = re.compile(r"<([a-z][a-z_-]*)>.*?</\1>", re.DOTALL)
_BREAKS = re.compile(
    r"(?<=[a-z0-9\"'’)`])[.?!;](?=\s|$)|\n+|,|\s+(?:and|then|also|plus(?!\s*[-\d])|&|und|et|y)\s+", re.IGNORECASE
)
_NAME = re.compile(
    r"(?<![\w'’])[A-ZÀ-ÖØ-Þ][\w'’.-]*(?:\s+(?:of|de|la|del|di|am|upon)(?=\s+[A-Z])|\s+[A-ZÀ-ÖØ-Þ][\w'’.-]*)*"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|(?<!\w)'([^'\n]+)'(?!\w)")
_TICKED = re.compile(r"```(?:\w*\n)?(.+?)```|`([^`\n]+)`", re.DOTALL)
_RUN = re.compile(r"^\s*(?:please\s+)?(?:run|execute|exec|shell|bash)\s*:\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
_ASKS_TO_RUN = re.compile(r"\b(?:run|execute|exec|shell|terminal|command)\b", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s\"'<>)]+")
_PATH = re.compile(
    r"(?<![\w:/])(?:~|\.{1,2})?/?(?:[\w.-]+/)+[\w.-]+|(?<![\w/])[\w-]+\.(?:txt|md|py|json|js|ts|csv|toml|ya?ml|html|sh)\b"
)
_WORD = re.compile(r"[a-z0-9]+")
_STATE = re.compile(r"^([A-Z]{2})\b")
_OPENERS = frozenset(
    [
        "what",
        "what's",
        "whats",
        "how",
        "who",
        "whom",
        "whose",
        "where",
        "when",
        "why",
        "which",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "can",
        "could",
        "would",
        "will",
        "shall",
        "should",
        "may",
        "might",
        "the",
        "a",
        "an",
        "i",
        "i'm",
        "i'd",
        "you",
        "your",
        "my",
        "me",
        "we",
        "it",
        "its",
        "it's",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "please",
        "tell",
        "give",
        "get",
        "fetch",
        "find",
        "look",
        "show",
        "call",
        "use",
        "ask",
        "say",
        "write",
        "make",
        "create",
        "add",
        "subtract",
        "multiply",
        "divide",
        "compute",
        "calculate",
        "convert",
        "translate",
        "send",
        "book",
        "search",
        "check",
        "list",
        "compare",
        "explain",
        "describe",
        "in",
        "on",
        "at",
        "for",
        "of",
        "to",
        "from",
        "with",
        "by",
        "about",
        "if",
        "so",
        "no",
        "not",
        "yes",
        "ok",
        "okay",
        "thanks",
        "hello",
        "hi",
        "hey",
        "good",
        "dear",
        "and",
        "or",
        "but",
        "then",
        "also",
        "now",
        "let",
        "let's",
        "run",
        "read",
        "summarise",
        "summarize",
        "draw",
        "plan",
        "set",
        "turn",
        "open",
        "close",
        "start",
        "stop",
        "json",
        "reply",
        "answer",
        "respond",
        "think",
        "return",
        "extract",
        "generate",
        "tools",
        "tool",
        "today",
        "tomorrow",
    ]
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a prompt that asks for one thing."""

    text: str
    names: tuple[str, ...]
    numbers: tuple[float, ...]
    quoted: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        return frozenset(words(self.text))

    def and_(self, other: "Clause") -> "Clause":
        return Clause(
            f"{self.text} {other.text}",
            self.names + other.names,
            self.numbers + other.numbers,
            self.quoted + other.quoted,
        )


def plain(text: str) -> str:
    """The text without what an agent's client wraps in tags (`<system-reminder>`, `<environment_context>`)."""
    return _TAGGED.sub("", text).strip()


def words(text: str) -> list[str]:
    """Lower-case words, plural s and -ing cut, names in snake or camel case taken apart."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ").lower()
    return [_stem(word) for word in _WORD.findall(apart)]


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) >= 5:
        return f"{word[:-3]}y"
    for ending, shortest in (("ing", 6), ("es", 6), ("s", 4)):
        if word.endswith(ending) and len(word) >= shortest and not word.endswith("ss"):
            return word[: -len(ending)]
    return word.removesuffix("e") if len(word) > 4 else word  # "time" keeps its e; "multiple" and "multiples" meet


def clauses(text: str) -> list[Clause]:
    """The prompt in pieces. "San Francisco, CA" stays one name."""
    found: list[Clause] = []
    for piece in _BREAKS.split(text):
        if not piece or not piece.strip():
            continue
        clause = read(piece.strip())
        state = _STATE.match(clause.text)
        if found and found[-1].names and state:
            last = found.pop()
            named = (*last.names[:-1], f"{last.names[-1]}, {state[1]}")
            found.append(
                Clause(f"{last.text}, {clause.text}", named, last.numbers + clause.numbers, last.quoted + clause.quoted)
            )
        else:
            found.append(clause)
    return found


def read(text: str) -> Clause:
    return Clause(text, tuple(names(text)), tuple(numbers(text)), tuple(quoted(text)))


def names(text: str) -> list[str]:
    """Capitalised words that are not there only because a sentence begins."""
    found = []
    for match in _NAME.finditer(_TICKED.sub(" ", text)):
        parts = match[0].strip(".").split()
        while parts and parts[0].lower() in _OPENERS:
            parts = parts[1:]
        name = re.sub(r"['’]s$", "", " ".join(parts))
        if name and name != "I":
            found.append(name)
    return found


def numbers(text: str) -> list[float]:
    return [float(found) if "." in found else int(found) for found in _NUMBER.findall(text)]


def quoted(text: str) -> list[str]:
    return [next(group for group in match if group) for match in _QUOTED.findall(text)]


def urls(text: str) -> list[str]:
    return [url.rstrip(".,;") for url in _URL.findall(text)]


def paths(text: str) -> list[str]:
    return _PATH.findall(_URL.sub(" ", text))


def commands(text: str) -> list[str]:
    """Commands the user wants run: lines `run: <command>`, else what stands in backquotes beside a word such as "run"."""
    lines = [line.strip("`") for line in _RUN.findall(text)]
    if lines or not _ASKS_TO_RUN.search(text):
        return lines
    return [next(group for group in match if group).strip() for match in _TICKED.findall(text)]


_SUM = re.compile(r"\(?-?\d[\d.\s()+*/×÷^-]*\d\)?")


def expression(text: str) -> str:
    """An arithmetic expression in the text, as it stands, or nothing."""
    found = [match.strip() for match in _SUM.findall(text) if re.search(r"[+*/×÷^-]", match[1:])]
    return found[0] if found else ""
