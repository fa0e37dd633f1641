"""Asks a provider how many tokens a call has. It costs nothing but time, so there is a short limit to that, and a failure means no more
than that nobody knows.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import httpx

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Target
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.providers import Provider
from polyglot_cloud.translate import ACROSS, Outbound, question, retold
from polyglot_cloud.transport import Outgoing, Timeouts, send

LIMIT = 2.0
"""Seconds for one question."""
AT_ONCE = 32
"""Questions that are open at a time; beyond that none is asked."""
LONGEST = 64 * 1024
NOT_THERE = frozenset({404, 405, 501})
OF_THE_CALL = frozenset({"idempotency-key", "x-client-request-id", "x-stainless-retry-count"})
"""Headers that name the call itself: what asks about it is another."""


class Counting:
    """For one event loop."""

    def __init__(
        self, providers: Mapping[str, Provider], transport: httpx.AsyncBaseTransport, limit: float = LIMIT
    ) -> None:
        self._providers = providers
        self._transport = transport
        self._limit = limit
        self._timeouts = Timeouts(connect=limit, read=limit)
        self._without: set[str] = set()
        self._open = 0

    async def tokens(
        self, call: Call, target: Target, outbound: Outbound, addressed: Outgoing
    ) -> tuple[int, int] | None:
        """(tokens of the input, percent that it may have more). `addressed` is the call as it goes up."""
        provider = self._providers[target.provider]
        if provider.name in self._without or self._open >= AT_ONCE:
            return None
        self._open += 1
        try:
            async with asyncio.timeout(self._limit):
                return await self._asked(call, target, outbound, addressed, provider)
        except (TimeoutError, GatewayError, wire.InvalidJson):
            return None
        finally:
            self._open -= 1

    async def _asked(
        self, call: Call, target: Target, outbound: Outbound, addressed: Outgoing, provider: Provider
    ) -> tuple[int, int] | None:
        margin = 0
        if target.dialect.name not in provider.counts:
            for name in provider.counts:
                told = await retold(call, target, outbound, provider.dialects[name])
                if told is not None:
                    target, outbound = told
                    margin = ACROSS
                    break
            else:
                return None
        counter, body = target.dialect.counter, await question(call, target, outbound)
        if counter is None or body is None:
            return None
        version = call.version if outbound.passed else None
        headers = {name: value for name, value in addressed.headers.items() if name not in OF_THE_CALL}
        url = provider.url(counter.path(target.destination.model), version)
        answer = await self._answer(provider, replace(addressed, url=url, headers=headers, body=body))
        tokens = None if answer is None else counter.read(wire.decode(answer))
        return None if tokens is None else (tokens, max(margin, counter.margin))

    async def _answer(self, provider: Provider, asking: Outgoing) -> bytes | None:
        incoming = await send(self._transport, asking, self._timeouts)
        try:
            if incoming.status in NOT_THERE:
                self._without.add(provider.name)
            return await incoming.read(LONGEST) if incoming.status == 200 else None
        finally:
            await incoming.close()
