"""A stream: each record is a whole GenerateContentResponse with new parts. There is no end mark but the end of the body."""

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.candidate import Candidate
from polyglot_cloud.dialects.gemini.finish import Ending
from polyglot_cloud.dialects.gemini.response import started, unwrapped
from polyglot_cloud.dialects.gemini.shape import count, mappings
from polyglot_cloud.dialects.gemini.usage import read_usage
from polyglot_cloud.errors import BrokenReply, GatewayError
from polyglot_cloud.neutral import Event, Failed, Metered, Usage
from polyglot_cloud.sse import Record


class StreamReader:
    """Usage and finish may come in any chunk, and more of either after them: both are told at the end, once.

    A caller that stops early has the usage seen so far from `close`.
    """

    def __init__(self) -> None:
        self._candidate: Candidate | None = None
        self._ending = Ending()
        self._usage: Usage | None = None
        self._over = False

    def feed(self, record: Record) -> list[Event]:
        if self._over or not record.data.strip():
            return []
        try:
            reply = unwrapped(wire.decode(record.data))
        except wire.InvalidJson as error:
            return self._fail(BrokenReply(f"The provider sent a part of its stream that is not JSON: {error}."))
        except GatewayError as error:
            return self._fail(error)
        return self._read(reply)

    def close(self) -> list[Event]:
        if self._over:
            return []
        self._over = True
        candidate = self._candidate or Candidate()
        try:
            finished = self._ending.finished(spoke=candidate.spoke, called=candidate.calls > 0)
        except BrokenReply as error:
            return [*candidate.close(), *self._metered(), _failed(error)]
        return [*candidate.close(), *self._metered(), finished]

    def _read(self, reply: Body) -> list[Event]:
        events: list[Event] = []
        if self._candidate is None:
            head = started(reply)
            self._candidate = Candidate(head.id)
            events.append(head)
        self._usage = read_usage(reply) or self._usage
        first = next((each for each in mappings(reply.get("candidates")) if count(each.get("index")) == 0), {})
        self._ending.note(reply, first)
        events += self._candidate.feed(first)
        try:
            self._ending.check(spoke=self._candidate.spoke)
        except BrokenReply as error:  # said at once: these very bytes tell it, so nobody need add to them
            return [*events, *self._candidate.close(), *self._fail(error)]
        return events

    def _fail(self, error: GatewayError) -> list[Event]:
        self._over = True
        return [*self._metered(), _failed(error)]

    def _metered(self) -> list[Event]:
        return [Metered(self._usage)] if self._usage else []


def _failed(error: GatewayError) -> Failed:
    return Failed(error.message, error.status, error.type, error.code)
