"""A whole GenerateContentResponse -> Response."""

from datetime import datetime
from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.candidate import Candidate
from polyglot_cloud.dialects.gemini.errors import error_in, fault, status_of
from polyglot_cloud.dialects.gemini.finish import Ending
from polyglot_cloud.dialects.gemini.shape import count, mappings, string
from polyglot_cloud.dialects.gemini.usage import read_usage
from polyglot_cloud.errors import BrokenReply, classify
from polyglot_cloud.neutral import Choice, Response, Started, collect


def read_response(body: Body) -> Response:
    """Raises BrokenReply for what is no reply or ended without its mark, a ProviderError for an error inside a 200."""
    reply = unwrapped(body)
    head = started(reply)
    return Response(
        id=head.id,
        model=head.model,
        choices=[
            _choice(reply, candidate, at) for at, candidate in enumerate(mappings(reply.get("candidates")) or [{}])
        ],
        usage=read_usage(reply),
        created=head.created,
    )


def unwrapped(value: Any) -> Body:
    """The reply object, also out of an array of one."""
    if isinstance(value, dict) and "error" not in value:
        return value
    error = error_in(value)
    if error is not None:
        status = status_of(error)
        raise classify(status, fault(status, error))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise BrokenReply("The provider's reply is not a JSON object.")
    return value


def started(reply: Body) -> Started:
    return Started(
        id=string(reply.get("responseId")),
        model=string(reply.get("modelVersion")),
        created=_unix_seconds(string(reply.get("createTime"))),
    )


def _unix_seconds(timestamp: str) -> int:
    if not timestamp:
        return 0
    try:
        return int(datetime.fromisoformat(timestamp).timestamp())
    except (ValueError, OverflowError):
        return 0


def _choice(reply: Body, raw: Body, position: int) -> Choice:
    number = count(raw.get("index")) or position
    candidate, ending = Candidate(string(reply.get("responseId")), number), Ending()
    ending.note(reply, raw)
    events = [*candidate.feed(raw), *candidate.close()]
    finished = ending.finished(spoke=candidate.spoke, called=candidate.calls > 0)
    (choice,) = collect([*events, finished]).choices
    choice.index = number
    return choice
