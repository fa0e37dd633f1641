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
    """The finish may come in any chunk, and more after it: it is told at the end, once.

    Every chunk has the counts so far: told whenever they change, so that a stream which breaks has been counted up to there.
    """

    def __init__(self) -> None:
        self._candidate: Candidate | None = None
        self._ending = Ending()
        self._usage: Usage | None = None
        self._over = False

    def feed(self, record: Record) -> list[Event]:
        if self._over:
            return []
        if not record.data.startswith(b"{") and record.data.strip() in {b"", b"[DONE]"}:
            return []  # relays add the mark of another format
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
            return [*candidate.close(), _failed(error)]
        return [*candidate.close(), finished]

    def _read(self, reply: Body) -> list[Event]:
        events: list[Event] = []
        if self._candidate is None:
            head = started(reply)
            self._candidate = Candidate(head.id)
            events.append(head)
        events += self._metered(reply)
        first = _first_candidate(reply)
        self._ending.note(reply, first)
        events += self._candidate.feed(first)
        try:
            self._ending.check(spoke=self._candidate.spoke)
        except BrokenReply as error:  # said at once: these very bytes tell it, so nobody need add to them
            return [*events, *self._candidate.close(), *self._fail(error)]
        return events

    def _fail(self, error: GatewayError) -> list[Event]:
        self._over = True
        return [_failed(error)]

    def _metered(self, reply: Body) -> list[Event]:
        usage = read_usage(reply)
        if usage is None:
            return []
        if self._usage is not None and (searched := self._usage.details.get("web_search_calls")):
            usage.details.setdefault("web_search_calls", searched)  # of searches one chunk tells, not the last
        if usage == self._usage:
            return []
        self._usage = usage
        return [Metered(usage)]


def _first_candidate(reply: Body) -> Body:
    for each in mappings(reply.get("candidates")):
        if count(each.get("index")) == 0:
            return each
    return {}


def _failed(error: GatewayError) -> Failed:
    return Failed(error.message, error.status, error.type, error.code)


def is_mere_content(record: Record) -> bool:
    """Every chunk has the usage so far; the last one counts. What was searched for stands in one alone."""
    data = record.data
    return (
        data.startswith(b"{")
        and b'"finishReason"' not in data
        and b'"blockReason"' not in data
        and b'"groundingMetadata"' not in data
        and b'"error"' not in data
        and b'"candidates"' in data
    )
