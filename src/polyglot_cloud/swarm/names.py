"""How the swarm calls what is here: names in the Router, ids in the Registry, tags. Pure."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator

from polyglot_cloud.rows import Model

LONGEST = 100
"""Characters that the Router and the Registry take, of a name and of a model."""
LARGEST_CONTEXT = 2_000_000
"""Tokens: the Router refuses a larger window."""
PARKED = "offline:"
"""Before a model's id: registered, and nobody selects it."""
SUFFIXES = 99
"""How many further names are tried where one is burned or somebody else's."""

_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST = 8
_SPACE = uuid.UUID("6a1f1c2e-3b0d-5d63-9c55-0b1b3e0a7d10")
"""Ours: the same provider, port and machine have the same id after every start."""


def plain(provider: str, model: str) -> str:
    """`<provider>-<model>` as the earlier adapters wrote it, ":" and "." as "-"; so is whatever a URL's path could not hold."""
    return _STRANGE.sub("-", f"{provider}-{model}")


def registrations(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A name for each (provider, model): valid, and no two the same, in whatever order they come.

    "gpt-5.1" and "gpt-5-1" would share one, so would ids that begin with the same hundred characters: all but the one that its name
    says without a change have a digest at the end.
    """
    found: dict[tuple[str, str], str] = {}
    names: set[str] = set()
    for pair in sorted(set(pairs), key=_faithful_first):
        name = next(name for name in _spellings(pair) if len(name) <= LONGEST and name not in names)
        names.add(name)
        found[pair] = name
    return found


def _faithful_first(pair: tuple[str, str]) -> tuple[bool, tuple[str, str]]:
    return plain(*pair) != "-".join(pair), pair


def _spellings(pair: tuple[str, str]) -> Iterator[str]:
    """The plain one, then with ever more of a digest."""
    name = plain(*pair)
    yield name
    digest = hashlib.sha256("/".join(pair).encode("utf-8", "surrogatepass")).hexdigest()
    for length in range(_DIGEST, len(digest) + 1):
        yield f"{name[: LONGEST - length - 1]}-{digest[:length]}"


def suffixed(name: str) -> Iterator[str]:
    """The name, then what is tried in its place: `-2`, `-3`, ..."""
    yield name
    for number in range(2, SUFFIXES + 1):
        tail = f"-{number}"
        yield name[: LONGEST - len(tail)] + tail


def parked(model: str) -> str:
    """What stands in a model's place while nobody serves it."""
    return f"{PARKED}{model}"[:LONGEST]


def service_id(provider: str, port: int, machine: str) -> str:
    """The Registry's id of one provider's listener on one machine: the same after every start."""
    return str(uuid.uuid5(_SPACE, f"{provider}:{port}@{machine}"))


def tags(*rows: Model) -> tuple[str, ...]:
    """What is looked for by: the capability tags of these rows, then the Router's own words for what they can do."""
    words = [tag for row in rows for tag in row.capabilities]
    for row in rows:
        if "tools" in row.features or any("tools" in offer.needs for offer in row.offers):
            words.append("function_calling")
        words += [word for word in ("streaming", "vision") if word in row.features]
    return tuple(dict.fromkeys(words))


def context_window(tokens: int) -> int:
    return min(tokens, LARGEST_CONTEXT)


def per_token(pico: int) -> float:
    """US dollars from pico-dollars: the nearest float, so that it is written as people write the price (1e-06)."""
    return pico / 1e12
