"""Prompt-cache marks: `cache_control` on tools, system text and message blocks (providers' facts 2.2, 2026-11-22)."""

from collections.abc import Iterable
from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.neutral import Mark

MAX_MARKS = 4
_TTL = {"5m": "5m", "30m": "5m", "1h": "1h", "12h": "1h", "24h": "1h"}


def marked(block: Body, mark: Mark | None) -> Body:
    """The block with its mark, in the client's ttl; `settle` makes the ttls of a whole body ones that Anthropic has."""
    if mark is None:
        return block
    return {**block, "cache_control": {"type": "ephemeral"} | ({"ttl": mark.ttl} if mark.ttl else {})}


def settle(draft: Draft, body: Body) -> None:
    """Bring the marks of a finished body within the rules: known ttls, longer ones first, four at most."""
    found = _marks(body)
    if not found:
        return
    # the first serves every conversation with this prompt, the last ones this conversation
    dropped = found[1 : 1 - MAX_MARKS] if len(found) > MAX_MARKS else []
    for place in dict.fromkeys(place for place, _ in dropped):
        reason = f"Anthropic takes {MAX_MARKS} cache marks: the first and the last three of {len(found)} are kept"
        draft.lose(place, "dropped", reason)
    for _, block in dropped:
        del block["cache_control"]
    _order_ttls(draft, [each for each in found if "cache_control" in each[1]])


def _order_ttls(draft: Draft, marks: list[tuple[str, Body]]) -> None:
    short_seen = False
    for place, block in marks:
        asked = block["cache_control"].get("ttl")
        ttl = None if asked is None else _TTL.get(str(asked), "5m")
        if ttl == "1h" and short_seen:
            ttl = "5m"
        short_seen = short_seen or ttl != "1h"
        if ttl != asked:
            draft.lose(place, "approximated", f"a cache mark of {asked} became one of {ttl}")
            block["cache_control"] = {"type": "ephemeral", "ttl": ttl}


def _marks(body: Body) -> list[tuple[str, Body]]:
    """The marked blocks in the order of the prompt (tools, system, messages), each with the client's member that it stands in."""
    found: list[tuple[str, Body]] = []
    _collect(body.get("tools", ()), "/tools", found)
    _collect(body.get("system", ()), "/messages", found)
    for message in body["messages"]:
        _collect(message["content"], "/messages", found)
    return found


def _collect(blocks: Iterable[dict[str, Any]], place: str, found: list[tuple[str, Body]]) -> None:
    for block in blocks:
        if block.get("type") == "tool_result":
            _collect(block.get("content", ()), place, found)
        if "cache_control" in block and isinstance(block["cache_control"], dict):
            found.append((place, block))
