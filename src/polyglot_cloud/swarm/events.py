"""What the Event Stream is told: costs, budgets, changes of state. Handed over and forgotten.

Nobody waits for it. What is handed over stands in a line of a fixed length, whose oldest gives way; it is sent one by one, at most so many
a second, since each one costs time of the event loop that serves calls.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.swarm.link import Link, Unreachable

LINE = 1000
"""Events that wait."""
GAP = 0.005
"""Seconds after each event."""
LARGEST = 64 * 1024
"""Bytes of one event."""
UNCHANGED = 60.0
"""Seconds after which a service that nothing was sent to is asked who it is once more."""


class Events:
    """`publish` and those after it may be called from any thread, and never wait or fail. `sent`, `dropped`: how many.

    Without a link nothing is kept: the swarm is off.
    """

    def __init__(self, link: Link | None, *, line: int = LINE, unchanged: float = UNCHANGED) -> None:
        self._link = link
        self._unchanged = unchanged
        self._waiting: deque[tuple[str, dict[str, Any] | bytes]] = deque()
        self._longest = line
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._asleep = False
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self.sent = 0
        self.dropped = 0

    @property
    def wanted(self) -> bool:
        """Whether it is worth making an event at all."""
        return self._link is not None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def cost_update(self, receipt: Mapping[str, Any]) -> None:
        """What an attempt cost: the receipt as its line has it."""
        self.publish("cost_update", receipt)

    def receipt_line(self, line: bytes) -> None:
        """The same, of a line as it was written: it is only read when it is sent."""
        if self._link is not None:
            self._add(("cost_update", line))

    def budget_alert(self, alert: Mapping[str, Any]) -> None:
        """A budget has reached one of its marks."""
        self.publish("budget_alert", alert)

    def status_update(self, service: str, status: str, **more: Any) -> None:
        """A service of ours is another than it was."""
        self.publish("status_update", {"service": service, "status": status, **more})

    def publish(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Any event. Its data has a `timestamp`, in UTC: the Event Stream would write its own local time."""
        if self._link is None:
            return
        self._add((event_type, {**data, "timestamp": data.get("timestamp") or self._link.pace.now()}))

    def _add(self, event: tuple[str, dict[str, Any] | bytes]) -> None:
        with self._lock:
            self._waiting.append(event)
            self._none.clear()
            if len(self._waiting) > self._longest:
                self._waiting.popleft()
                self.dropped += 1
        self._tell()

    def _tell(self) -> None:
        """The one who sends is in the event loop; only its own thread may touch it. Who is not asleep looks by itself."""
        if self._loop is None or not self._asleep:
            return
        if threading.get_ident() == self._thread:
            self._some.set()
            return
        try:
            self._loop.call_soon_threadsafe(self._some.set)
        except RuntimeError:  # the loop is closed: the process ends, and nothing is sent any more
            return

    async def visit(self) -> None:
        """Sends what waits, and what comes, for ever. Raises Unreachable and Squatted."""
        link = self._link
        if link is None:
            return
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        while True:
            await link.identify()
            link.turn("connected")
            while await self._there_is_one():
                await self._send(link)
                await link.pace.sleep(GAP)

    async def all_sent(self) -> None:
        """Waits until no event waits, nor is on its way."""
        await self._none.wait()

    async def _there_is_one(self) -> bool:
        """False after a while without any."""
        self._some.clear()
        if self._waiting:
            return True
        self._none.set()
        self._asleep = True
        try:
            if not self._waiting:  # what comes from here on wakes us
                async with asyncio.timeout(self._unchanged):
                    await self._some.wait()
        except TimeoutError:
            return False
        finally:
            self._asleep = False
        return True

    async def _send(self, link: Link) -> None:
        """The oldest. One that may have arrived is not sent again: a doubled alert is worse than a lost one."""
        with self._lock:
            event_type, said = event = self._waiting.popleft()
        data = wire.decode_object(said) if isinstance(said, bytes) else said
        try:
            if len(wire.encode(data)) > LARGEST:
                self.dropped += 1
                return
            answer = await link.peer.ask("POST", "/broadcast", {"event_type": event_type, "data": data})
        except Unreachable as error:
            self._failed(event, sent=error.sent)
            raise
        if answer.status == 200:
            self.sent += 1
        else:
            self.dropped += 1

    def _failed(self, event: tuple[str, dict[str, Any] | bytes], *, sent: bool) -> None:
        with self._lock:
            if sent or len(self._waiting) >= self._longest:
                self.dropped += 1
            else:
                self._waiting.appendleft(event)
