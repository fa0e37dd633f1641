"""What the gateway does itself where a model or its dialect cannot: stop sequences, several choices, one tool call at a time.

Pure machines over the neutral form, between a reader and a writer.
"""

from typing import Protocol

from polyglot_cloud.neutral import Event


class Filter(Protocol):
    """Changes a running answer. `over`: what came out is the whole answer, and the provider need not go on."""

    @property
    def over(self) -> bool: ...

    def feed(self, event: Event) -> list[Event]: ...
