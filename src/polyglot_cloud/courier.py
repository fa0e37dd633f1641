"""Brings alerts to a webhook: out of the ledger, until the webhook has taken them or a day is over.

What is owed stands in the ledger and nowhere else, so a crash loses none, and the next start delivers what is left. The webhook gets
each alert once, except where the process dies between its answer and the entry that says so: it gets the same `id` again then.

    taken       2xx                                                      an entry `delivered`
    refused     4xx, except 408, 425, 429                                an entry `undelivered`, and a line in the log
    not now     anything else, a redirect too (none is followed)         again later: exponential backoff, full jitter, Retry-After

Calls, start and stop do not wait for it.
"""

import asyncio
import hashlib
import hmac
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from polyglot_cloud import __version__, wire
from polyglot_cloud.errors import WireError
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.money.notices import Notice, moment
from polyglot_cloud.money.outbox import Ending, Outbox, Owed
from polyglot_cloud.retry_after import retry_after
from polyglot_cloud.transport import Choice, Outgoing, Timeouts, open_transport, send

log = logging.getLogger("polyglot_cloud.money")

SECOND = 1_000_000
DAY = 86_400
REMEMBERED = 7 * DAY
"""Seconds for which the ledger is asked back: what a stop of some days left undelivered is given up with a word, and not in silence."""
FIRST, LONGEST = 1.0, 900.0
"""Seconds: before the second try at most, and between two tries at most."""
TIMEOUTS = Timeouts(connect=5.0, read=10.0)
WHOLE = 15.0
"""Seconds that one try may take, whatever comes."""
LAST_WORDS = 2.0
"""Seconds that a stop leaves for the try in flight and for alerts of the last calls."""
AGAIN = 5.0
"""Seconds after which the ledger is asked again where it could not be read."""
TRY_LATER = {408, 425, 429}

Sleep = Callable[[float], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Webhook:
    """`url` may be a secret itself, as those of chat services are: it is shown by its host alone. `secret` signs what is sent."""

    url: str
    secret: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def headers(self, body: bytes, now: int) -> dict[str, str]:
        found = {
            "content-type": "application/json",
            "user-agent": f"polyglot-cloud/{__version__}",
            "x-polyglot-timestamp": str(now),
        }
        if self.secret is not None:
            digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            found["x-polyglot-signature"] = f"sha256={digest}"
        return found


@dataclass(slots=True)
class _Plan:
    """How often an alert was tried, and when it is due again (Unix microseconds); None: it has its end."""

    tries: int = 0
    due: int | None = 0


class Courier:
    """For one event loop. `tenant_of` tells whose a scope is, None where it is nobody's; `sandbox`: no money is spent, and
    it is said; `clock` is in Unix microseconds.

    Raises BadTransport where the webhook cannot be reached as `choice` says.
    """

    def __init__(
        self,
        outbox: Outbox,
        webhook: Webhook,
        *,
        clock: Callable[[], int],
        choice: Choice | None = None,
        tenant_of: Callable[[str], str | None] = lambda _: None,
        sandbox: bool = False,
        sleep: Sleep = asyncio.sleep,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._outbox = outbox
        self._webhook = webhook
        self._clock = clock
        self._transport = open_transport(choice)
        self._tenant_of = tenant_of
        self._gateway = {"name": "polyglot-cloud", "version": __version__, "sandbox": sandbox}
        self._sleep = sleep
        self._draw = draw
        self._plans: dict[int, _Plan] = {}
        self._news = asyncio.Event()
        self._stopping = False

    @property
    def host(self) -> str:
        return self._webhook.host

    def hear(self, _: Notice) -> None:
        """There is a new alert: a listener of the till."""
        self._news.set()

    def stop(self) -> None:
        """Ends `run`, after a try of what is due. Who cannot wait cancels it: nothing is lost."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Delivers until it is stopped."""
        async with self._transport:
            while True:
                stopping = self._stopping
                self._news.clear()
                due = await self._round()
                if stopping:
                    return
                if not self._stopping:
                    await self._pause(due)

    async def _round(self) -> int | None:
        """Tries what is due. When the next one is, None: there is none."""
        now = self._clock()
        try:
            owed = await self._outbox.owed(now - REMEMBERED * SECOND)
        except LedgerError as error:
            log.warning("It cannot be read which alerts are to be delivered: %s", error)
            return now + int(AGAIN * SECOND)
        self._plans = {each.seq: self._plans.get(each.seq, _Plan()) for each in owed}
        for each in owed:
            await self._attend(each, self._plans[each.seq])
        return min((plan.due for plan in self._plans.values() if plan.due is not None), default=None)

    async def _attend(self, owed: Owed, plan: _Plan) -> None:
        now = self._clock()
        if plan.due is None or now < plan.due:
            return
        if now >= _last(owed):
            await self._end(owed, plan, "undelivered", {"why": "a day is over"})
            return
        plan.tries += 1
        status, wait, why = await self._tried(owed)
        if status is not None and 200 <= status < 300:
            await self._end(owed, plan, "delivered", {"status": status})
        elif status is not None and 400 <= status < 500 and status not in TRY_LATER:
            await self._end(owed, plan, "undelivered", {"why": why, "status": status})
        else:
            self._put_off(owed, plan, wait, why)

    async def _tried(self, owed: Owed) -> tuple[int | None, float | None, str]:
        """(status, seconds that the webhook asks to wait, what is wrong)."""
        body, now = self._body(owed), self._clock() // SECOND
        outgoing = Outgoing("POST", self._webhook.url, self._webhook.headers(body, now), body)
        try:
            async with asyncio.timeout(WHOLE):
                incoming = await send(self._transport, outgoing, TIMEOUTS)
                await incoming.close()
        except TimeoutError:
            return None, None, f"no answer within {WHOLE:g} s"
        except WireError as error:
            return None, None, type(error).__name__
        redirected = ", and redirects are not followed" if 300 <= incoming.status < 400 else ""
        return incoming.status, retry_after(incoming.headers), f"it answered {incoming.status}{redirected}"

    def _body(self, owed: Owed) -> bytes:
        notice = owed.notice
        return wire.encode({
            "id": owed.id, **notice.document(), "tenant": self._tenant_of(notice.scope),
            "sent_at": moment(self._clock() // SECOND), "gateway": self._gateway,
        })  # fmt: skip

    def _put_off(self, owed: Owed, plan: _Plan, wait: float | None, why: str) -> None:
        pause = self._draw(0.0, min(LONGEST, FIRST * 2.0 ** min(plan.tries - 1, 30)))
        pause = min(max(pause, wait or 0.0), float(DAY))
        plan.due = min(self._clock() + int(pause * SECOND) + 1, _last(owed))
        level = logging.WARNING if plan.tries == 1 else logging.DEBUG
        log.log(
            level, "alert %s could not be delivered to %s: %s. It is tried again for a day.", owed.id, self._webhook.host, why
        )  # fmt: skip

    async def _end(self, owed: Owed, plan: _Plan, ending: Ending, facts: dict[str, Any]) -> None:
        plan.due = None
        if ending == "undelivered":
            log.error("alert %s is not delivered to %s: %s.", owed.id, self._webhook.host, facts["why"])
        try:
            await self._outbox.end(owed.seq, ending, {"tries": plan.tries, **facts}, self._clock())
        except LedgerError as error:
            log.warning("It could not be written that alert %s is %s: %s", owed.id, ending, error)

    async def _pause(self, due: int | None) -> None:
        """Until something is due, or there is news."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._news.wait())]
        if due is not None:
            waits.append(asyncio.ensure_future(self._sleep(max(0.0, (due - self._clock()) / SECOND))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()


def _last(owed: Owed) -> int:
    """From when on an alert is given up, in Unix microseconds."""
    return owed.notice.at + DAY * SECOND
