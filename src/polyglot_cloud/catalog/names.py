"""Model ids come from strangers and end up in URLs. What they may not hold, and how a dated snapshot names its family."""

import re

from polyglot_cloud.errors import BadRequest

LONGEST = 200

HOSTILE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\A\Z"), "is empty"),
    (re.compile(r".{201}", re.DOTALL), f"is longer than {LONGEST} characters"),
    (re.compile(r"\s"), "has white space in it"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "has a control character in it"),
    (re.compile(r"[^\x00-\x7f]"), "has a character beyond ASCII in it"),
    (re.compile(r"\.\."), 'has ".." in it'),
    (re.compile(r"[%?#]"), 'has one of "%", "?", "#" in it'),
    (re.compile(r"[\\\"'<>`{}|^]"), "has a backslash, a quote or a bracket in it"),
    (re.compile(r"\A/|/\Z|//|(\A|/)\.(/|\Z)"), "has an empty part between its slashes"),
)
"""Each pattern, and why an id that matches it is refused. An id may become a part of a path, so it may not steer one."""

_PLAIN = re.compile(r"[A-Za-z0-9_:@-][A-Za-z0-9._:@+=~,-]{0,150}")
_DATE = r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])|20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])|(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_SNAPSHOT = re.compile(rf"(?P<family>.+?)-({_DATE}|\d\d\d|latest)")

RESERVED = frozenset({
    "any", "quote", "receipts", "usage", "health", "ready", "metrics", "docs", "info", "openapi.json",
    "chat", "messages", "responses", "models", "generate", "embeddings", "files", "completions", "v1", "v1beta",
})  # fmt: skip
"""Path segments of our own: a provider of such a name could not be told from them."""
PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def objection(name: str) -> str | None:
    """Why `name` cannot be a model's id, None where it can."""
    if _PLAIN.fullmatch(name) and ".." not in name:
        return None
    return next((reason for pattern, reason in HOSTILE if pattern.search(name)), None)


def guard(name: str) -> None:
    """Raises BadRequest for an id that no provider would have."""
    if reason := objection(name):
        shown = name[:60].encode("ascii", "backslashreplace").decode()
        raise BadRequest(f"The model id {shown!r} {reason}.", param="model", code="invalid_model_id")


def family(name: str) -> str | None:
    """`gpt-4o-2024-08-06` -> `gpt-4o`: the id less a date, `-latest` or a three-digit version, as the vendors write snapshots."""
    found = _SNAPSHOT.fullmatch(name)
    return found["family"] if found else None
