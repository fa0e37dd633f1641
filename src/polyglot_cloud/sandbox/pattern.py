"""A string that matches a regular expression: enough of the grammar for the patterns people write in JSON Schema."""

import re

_CLASSES = {"d": "7", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_UNBOUNDED = 2


def example(pattern: str, hints: tuple[str, ...] = ()) -> str | None:
    """The first of `hints` that matches, else a string made from the pattern; None where neither is found."""
    try:
        compiled = re.compile(pattern)
    except re.error:
        return None
    candidates = (*hints, _made(pattern))
    return next((text for text in candidates if text is not None and compiled.search(text)), None)


def _made(pattern: str) -> str | None:
    try:
        return _Maker(pattern).alternatives()
    except (IndexError, ValueError):
        return None


class _Maker:
    """Recursive descent over the pattern, writing the shortest usual match as it reads."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def _peek(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def _take(self) -> str:
        char = self.pattern[self.at]
        self.at += 1
        return char

    def alternatives(self) -> str:
        """The first alternative; the others are read and left."""
        first = self._sequence()
        while self._peek() == "|":
            self._take()
            self._sequence()
        return first

    def _sequence(self) -> str:
        out = []
        while self._peek() not in {"", "|", ")"}:
            atom = self._atom()
            out.append(atom * self._times())
        return "".join(out)

    def _atom(self) -> str:
        char = self._take()
        if char in "^$":
            return ""
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == ".":
            return "x"
        return self._escape() if char == "\\" else char

    def _escape(self) -> str:
        char = self._take()
        if char in "bBAZ":
            return ""
        return _CLASSES.get(char) or _ESCAPES.get(char, char)

    def _group(self) -> str:
        look = False
        if self._peek() == "?":
            self._take()
            kind = self._take()
            look = kind in "=!" or (kind == "<" and self._peek() in "=!")
            if kind in "P<" and not look:
                self.at = self.pattern.index(">", self.at) + 1
        inner = self.alternatives()
        self._take()
        return "" if look else inner

    def _set(self) -> str:
        if self._peek() == "^":
            self._take()
            excluded = self._members()
            return next(char for char in "a7-_ X" if char not in excluded)
        return self._members()[0]

    def _members(self) -> str:
        """What a set names, up to its closing bracket; one that comes first is a member."""
        members: list[str] = []
        while not members or self._peek() != "]":
            char = self._take()
            if char == "\\":
                members.append(self._escape())
            elif char == "-" and members and self._peek() != "]":
                members.append("".join(map(chr, range(ord(members[-1][-1]) + 1, ord(self._take()) + 1))))
            else:
                members.append(char)
        self._take()
        return "".join(members)

    def _times(self) -> int:
        char = self._peek()
        if char in {"*", "?", "+"}:
            self._take()
            times = 0 if char == "?" else 1
        elif char == "{":
            end = self.pattern.index("}", self.at)
            low, _, _ = self.pattern[self.at + 1 : end].partition(",")
            self.at = end + 1
            times = int(low or 0)
        else:
            return 1
        if self._peek() in {"?", "+"}:
            self._take()
        return times
