"""One request of a client, and what it is answered with. Plain records that the edge, the pipeline and the translation share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from polyglot_cloud.asgi import Headers
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.large import Segments, Skeleton
from polyglot_cloud.neutral import Need, Peek, Usage
from polyglot_cloud.rows import Destination


class Caller(Protocol):
    """Who calls, by a key of this gateway: what it may use, and what binds its spending."""

    @property
    def key(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def aliases(self) -> Mapping[str, str]: ...
    @property
    def budgets(self) -> Sequence[BudgetRow]: ...
    def check_face(self, face: str) -> None: ...
    def check_target(self, provider: str, *names: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Errand:
    """A call that the swarm's gateway makes for somebody. `registration` is the name that was selected, `fallback_from` the one that
    failed before it, `metadata` JSON of the client's own for the receipt.
    """

    registration: str
    fallback_from: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Call:
    """A request in the client's dialect.

    body      the very bytes; `value` is what they decode to (never mutated)
    provider  the face it came to, None for the face of all models
    path      the dialect's path as the client wrote it ("chat/completions", "models/x:countTokens"), without version or query
    template  the same with "{model}" where the path carries the model, else equal to it
    version   the API version in the client's path, None where it named none
    headers   the client's lines, names in lower case, values in Latin-1
    created   Unix seconds
    elapsed   nanoseconds since it came in
    caller    None: no key is asked for
    run       the run and the agent that the call is made for, as the client says
    edits     members that were changed before it became this call
    errand    what the swarm's gateway says of it; None: it came from a client of its own
    attempts  the ids of what was booked for it
    skeleton  of a large body: `value` is what it decodes to, with tokens in the middle of its long strings. None: `value` is all
    """

    id: str
    dialect: Dialect
    body: bytes | Segments
    value: dict[str, Any]
    peek: Peek
    provider: str | None
    path: str
    template: str
    headers: Headers
    created: int
    elapsed: Callable[[], int]
    version: str | None = None
    query: str = ""
    skeleton: Skeleton | None = None
    caller: Caller | None = None
    face: str = ""
    run: str | None = None
    agent: str | None = None
    edits: tuple[str, ...] = ()
    errand: Errand | None = None
    attempts: list[str] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """Bytes of JSON that have to be worked through to read it; 0 where they are too few to matter."""
        return len(self.skeleton.text) if self.skeleton else 0

    @property
    def model_in_path(self) -> bool:
        return self.template != self.path or "{model}" in self.template


@dataclass(frozen=True, slots=True)
class Target:
    """Who may answer a call: a provider, a model there, and the dialect it is asked in.

    `edited`: the client named the model differently. `passable`: it could be asked in the client's own dialect, unread.
    `listed_as`: the catalog's names of the model, besides `destination.model`.
    `rewrite`: even in the client's own dialect the body is read and written, since it holds what is only ours.
    """

    provider: str
    dialect: Dialect
    destination: Destination
    edited: bool = False
    passable: bool = False
    rewrite: bool = False
    substituted_from: str | None = None
    emulate: frozenset[Need] = frozenset()
    listed_as: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What became of an attempt, filled in while it runs. `state` is complete only once the dialect's own end was seen."""

    state: str = "open"  # open | complete | truncated | failed | cancelled
    usage: Usage | None = None
    model: str | None = None
    error: str | None = None


class Body(Protocol):
    """The pieces of a streamed reply. Must be closed whatever happens."""

    def __aiter__(self) -> "Body": ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...
    def broke(self, error: GatewayError) -> bytes: ...


@dataclass(slots=True)
class Reply:
    """What goes back. `body` is whole, or the pieces of a stream."""

    status: int
    headers: dict[str, str]
    body: bytes | Segments | Body
    outcome: Outcome = field(default_factory=Outcome)
