"""What the parts of a request share while it is written."""

from dataclasses import dataclass, field

from polyglot_cloud.neutral import Loss, LossKind, Request
from polyglot_cloud.rows import Destination, Quirks


@dataclass(slots=True)
class Draft:
    """A request on its way to the wire. `instructions` are sentences of ours that end the system prompt."""

    request: Request
    destination: Destination
    losses: list[Loss] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    quirks: Quirks = field(init=False)

    def __post_init__(self) -> None:
        self.quirks = self.destination.quirks

    def lose(self, pointer: str, kind: LossKind, reason: str) -> None:
        self.losses.append(Loss(pointer, kind, reason))

    def place(self, index: int) -> int:
        """Where message `index` stands in the client's list; of a run of tool results, the first."""
        told = self.request.messages[index].pointer.rpartition("/")[2]
        return int(told) if told.isdecimal() else len(self.request.system) + index
