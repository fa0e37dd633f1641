"""Several choices of a model that gives one: as many requests side by side, put together as one reply."""

from dataclasses import replace

from polyglot_cloud.neutral import Response, Usage

MAX_CHOICES = 16
"""Requests that one call may become. Each costs its prompt anew."""


def merged(replies: list[Response]) -> Response:
    """One reply with the choices of all, numbered anew, and the sum of their usage. Names and times are the first one's."""
    choices = [choice for reply in replies for choice in reply.choices]
    numbered = [replace(choice, index=place) for place, choice in enumerate(choices)]
    usages = [reply.usage for reply in replies if reply.usage is not None]
    return replace(replies[0], choices=numbered, usage=total(usages) if usages else None)


def total(usages: list[Usage]) -> Usage:
    summed = Usage(tier=usages[0].tier)
    for usage in usages:
        summed.input += usage.input
        summed.output += usage.output
        summed.cached += usage.cached
        summed.reasoning += usage.reasoning
        summed.estimated = summed.estimated or usage.estimated
        for kind, count in usage.details.items():
            summed.details[kind] = summed.details.get(kind, 0) + count
    return summed
