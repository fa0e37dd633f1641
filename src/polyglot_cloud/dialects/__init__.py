"""The dialects: how a thing is said. Pure functions and small machines; no I/O, no host names. Dialects never import each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from polyglot_cloud.errors import Fault, GatewayError
from polyglot_cloud.neutral import Block, Event, Loss, Peek, ReplyContext, Request, Response, Usage
from polyglot_cloud.rows import Destination
from polyglot_cloud.sse import Record

Body = dict[str, Any]


Afterwards = Literal["first_call_only", "json_object"]
"""What a request could not ask for, so that the gateway sees to it in the answer: that of several tool calls only the first is shown;
whether the text is a JSON object."""


@dataclass(slots=True)
class Written:
    """What goes on the wire: the body before encoding, the headers the dialect itself needs, and what was lost on the way.

    Of requests only: `stop` are sequences that the body could not hold, so that the gateway ends the answer there, and `afterwards`.
    """

    body: Body
    headers: dict[str, str] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    afterwards: set[Afterwards] = field(default_factory=set)
    stop: list[str] = field(default_factory=list)


BulkKind = Literal["text", "url", "base64", "file"]


class Bulk(NamedTuple):
    """A place in a client's body whose string may be long, and is passed on as it is: `holder[key]`.

    text is prose, url a data URL (or another, which is short), base64 bare data, file one or the other, of a document.
    """

    holder: Any
    key: str | int
    kind: BulkKind


class Reader(Protocol):
    """Reads a stream. Never raises on unknown input; the memory it holds is bounded by one event.

    `close` ends the stream: a Failed event where the dialect's own end mark was not seen.
    """

    def feed(self, record: Record) -> list[Event]: ...
    def close(self) -> list[Event]: ...


class Writer(Protocol):
    """Writes a stream. After a Failed event it writes the dialect's in-band error and nothing more. `losses` are the answer's."""

    losses: list[Loss]

    def feed(self, event: Event) -> bytes: ...
    def close(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Meter:
    """How a dialect is made to tell the usage of a stream whose client did not ask for it.

    edit   wire body -> (member, value) to set before the body goes up
    cuts   whether a record is there only because of that edit, and is cut out again
    """

    edit: Callable[[Body], tuple[str, Any]]
    cuts: Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Lid:
    """How a request is told to write less. All of wire bodies, as a client wrote them or a writer made them.

    asked    the largest maximum of output that it sets, for one choice; None where it sets none
    places   the members to set to another maximum, each as the names that lead to it
    thinks   tokens of thinking that it asks for; the maximum has to be larger
    tools    whether tools are offered
    billed   a tool of the vendor's own in it, which costs more than tokens or reads more than was sent; None where there is none
    """

    asked: Callable[[Body], int | None]
    places: Callable[[Body], list[tuple[str, ...]]]
    thinks: Callable[[Body], int]
    tools: Callable[[Body], bool]
    billed: Callable[[Body], str | None]


@dataclass(frozen=True, slots=True)
class Counter:
    """How a vendor is asked, for nothing, how many tokens a request has.

    path      model -> path under the base URL
    counted   members of a request that it takes
    free      members of a request that add no tokens, and are left out. Of a request with any other member nothing is asked
    around    model -> what stands before and after those members
    read      wire body -> tokens, None where it tells none
    margin    percent that a request may have more than it was told to
    """

    path: Callable[[str], str]
    counted: frozenset[str]
    free: frozenset[str]
    around: Callable[[str], tuple[bytes, bytes]]
    read: Callable[[Body], int | None]
    margin: int


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format, as a record of functions. None stands where this half does not exist yet: such a call is refused aloud.

    peek            (body, path) -> what the pass-through path needs; raises BadRequest for wrong types among the fields it reads
    path            (model, stream) -> path under the base URL, query included
    read_request    wire body -> Request; raises BadRequest or Unsupported, with `param`
    write_request   Request -> Written for a destination; raises Unsupported where a loss would change the meaning
    read_response   wire body -> Response; raises BrokenReply where it is none; a reply that failed inside a 200 raises a ProviderError
    write_response  Response -> Written
    read_usage      wire body -> Usage, None where it has none
    read_error      (status, body bytes, headers) -> Fault; takes anything, HTML too
    write_error     error -> (status, wire body)
    write_break     error -> the bytes that tell a client inside a running stream that it broke
    reader, writer  new machines for one stream
    reads           top-level members of the body that `peek` looks at: they must not stand twice
    meter           see Meter; None where usage always comes
    media_type      content type of a stream
    comments        a stream may hold comment lines: the official SDKs of this format skip them
    unframed        a streamed reply may also come as one JSON array, by the client's own wish
    is_mere_content whether a record of a stream is nothing but a piece of content, told without decoding it; what tells the end, usage that
                    counts or an error never is
    is_mere_run     the same of bytes that may be several such records; False where it is not certain
    bulk            the places of a body where a reader and all writers do no more with a long string than look at its ends; a reader's half
    takes_url       whether a block's URL goes up as it is; what is behind the others is fetched and sent inline
    lid             see Lid; None: what it asks for cannot be lowered
    counter         see Counter; None: it has no words for the question
    """

    name: str
    peek: Callable[[Body, str], Peek]
    path: Callable[[str, bool], str]
    read_request: Callable[[Body], Request] | None
    write_request: Callable[[Request, Destination], Written] | None
    read_response: Callable[[Body], Response] | None
    write_response: Callable[[Response, ReplyContext], Written] | None
    read_usage: Callable[[Body], Usage | None]
    read_error: Callable[[int, bytes, dict[str, str]], Fault]
    write_error: Callable[[GatewayError], Body]
    write_break: Callable[[GatewayError], bytes]
    reader: Callable[[], Reader]
    writer: Callable[[ReplyContext], Writer] | None
    reads: tuple[str, ...] = ("model", "stream")
    meter: Meter | None = None
    media_type: str = "text/event-stream"
    comments: bool = True
    unframed: bool = False
    bulk: Callable[[Body], Iterator[Bulk]] = lambda body: iter(())
    takes_url: Callable[[Block], bool] = lambda block: True
    is_mere_content: Callable[[Record], bool] = lambda record: False
    is_mere_run: Callable[[bytes], bool] = lambda piece: False
    lid: Lid | None = None
    counter: Counter | None = None
