"""Fetches what a target takes only inline (an image, a file, audio that the client names by a URL), before the pure write."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from polyglot_cloud.addresses import read_place
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.media.fetching import Allowance, Fetcher, Limits, NotFetched, unreachable
from polyglot_cloud.media.labels import KINDS, Kind, Media, labelled
from polyglot_cloud.neutral import Block, File, Inline, Loss, Message, Request, ToolResult, Url

__all__ = ["Fetcher", "Limits", "inline"]

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Wanted:
    """A URL to fetch: the kinds of the blocks that name it, one for each, and where it first stands in the client's body."""

    url: str
    kinds: list[Kind] = field(default_factory=list)
    path: Path = ("messages",)


async def inline(
    request: Request, takes_url: Callable[[Block], bool], fetcher: Fetcher | None, body: dict[str, Any]
) -> tuple[Request, list[Loss]]:
    """The request with every URL that the target does not take replaced by what is behind it, and what was done so.

    `takes_url` is the target dialect's, `body` the client's JSON, in which the place of a URL is looked up for errors and losses;
    `fetcher` None: fetching is turned off. A request that needs nothing is returned as it is. Raises BadRequest.
    """
    wanted = _wanted(request, takes_url)
    if not wanted:
        return request, []
    _find(body, wanted)
    found = await _fetched(list(wanted.values()), fetcher)
    reason = "the gateway fetched it, since the model takes no URL here"
    losses = [Loss(_pointer(each.path), "emulated", reason) for each in wanted.values()]

    def rewritten(messages: list[Message]) -> list[Message]:
        return [
            replace(message, blocks=[_replaced(block, takes_url, found) for block in message.blocks])
            for message in messages
        ]

    return replace(request, system=rewritten(request.system), messages=rewritten(request.messages)), losses


def _replaced(block: Block, takes_url: Callable[[Block], bool], found: dict[tuple[str, Kind], Inline]) -> Block:
    if isinstance(block, ToolResult):
        return replace(block, blocks=[_replaced(each, takes_url, found) for each in block.blocks])
    if not isinstance(block, Media) or not isinstance(block.source, Url) or takes_url(block):
        return block
    url, source = block.source.url, found[block.source.url, type(block)]
    if isinstance(block, File):
        return replace(block, source=source, name=block.name or _name(url))
    return replace(block, source=source)


def _name(url: str) -> str | None:
    """What a browser would call the file."""
    name = unquote(read_place(url).target.partition("?")[0].rpartition("/")[2])[:100]
    return name if name and name.isprintable() else None


# --- what is fetched ---


def _wanted(request: Request, takes_url: Callable[[Block], bool]) -> dict[str, Wanted]:
    """By URL, in the order of the request."""
    wanted: dict[str, Wanted] = {}
    for message in (*request.system, *request.messages):
        for block in _media(message.blocks):
            if isinstance(block.source, Url) and not takes_url(block):
                wanted.setdefault(block.source.url, Wanted(block.source.url)).kinds.append(type(block))
    return wanted


def _media(blocks: Iterable[Block]) -> Iterator[Media]:
    for block in blocks:
        if isinstance(block, ToolResult):
            yield from _media(block.blocks)
        elif isinstance(block, Media):
            yield block


async def _fetched(wanted: list[Wanted], fetcher: Fetcher | None) -> dict[tuple[str, Kind], Inline]:
    """All of them side by side. The first that fails ends the others."""
    if fetcher is None:
        raise _refusal(NotFetched("media_fetch_off", "Fetching is turned off."), wanted[0])
    limits = fetcher.limits
    if len(wanted) > limits.urls:
        reason = f"This request names {len(wanted)} URLs; {limits.urls} are fetched for one."
        raise _refusal(NotFetched("too_many_urls", reason), wanted[limits.urls])
    allowance, slots = Allowance(limits.total), asyncio.Semaphore(limits.parallel)
    found: dict[tuple[str, Kind], Inline] = {}

    async def fetch(each: Wanted) -> None:
        try:
            async with slots:
                fetched = await fetcher.fetch(each.url, allowance, len(each.kinds))
            found.update({(each.url, kind): labelled(kind, fetched) for kind in set(each.kinds)})
        except NotFetched as error:
            raise _refusal(error, each) from None

    try:
        async with asyncio.timeout(limits.total_seconds), asyncio.TaskGroup() as group:
            for each in wanted:
                group.create_task(fetch(each))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    except TimeoutError:
        reason = f"What this request names by URL was not all there within {limits.total_seconds:g} seconds."
        raise _refusal(unreachable(reason), wanted[0]) from None
    return found


def _refusal(error: NotFetched, wanted: Wanted) -> BadRequest:
    param = _param(wanted.path)
    message = (
        f"Invalid '{param}': the model takes this only as data, and the gateway could not fetch it. {error.reason} "
        "Send the data itself (data:<media type>;base64,...)."
    )
    return BadRequest(message, param=param, code=error.code.format(kind=KINDS[wanted.kinds[0]]))


# --- where it stands in the client's body ---


def _find(body: dict[str, Any], wanted: dict[str, Wanted]) -> None:
    """Fills in where each URL first stands: as a string under a name that ends in "url" or "uri", as every dialect has it."""
    missing, sizes = dict(wanted), {len(url) for url in wanted}
    waiting: list[tuple[Path, Any]] = [((), body)]
    while waiting and missing:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, name), member) for name, member in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*path, index), value[index]) for index in reversed(range(len(value)))]
        elif _is_url(path, value) and len(value) in sizes and value in missing:  # sizes: data URLs are long to hash
            missing.pop(value).path = path


def _is_url(path: Path, value: Any) -> bool:
    return isinstance(value, str) and str(path[-1]).lower().endswith(("url", "uri"))


def _pointer(path: Path) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _param(path: Path) -> str:
    """As OpenAI writes it: messages[1].content[0].image_url.url"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
