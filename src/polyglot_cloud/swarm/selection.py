"""Who answers a request: the Router's word, whether it is served here or elsewhere."""

from collections.abc import Mapping
from typing import Any, Protocol

from polyglot_cloud.errors import NothingSelected
from polyglot_cloud.swarm.directory import Directory, NothingFits, Provider, Selected, Wanted
from polyglot_cloud.swarm.link import Peer, Unreachable
from polyglot_cloud.swarm.requests import Field, Invalid, read

MOST = 3
"""Candidates: the winner and two more, whatever a Router answers."""
_TOLD = (
    Field("name", required=True),
    Field("model", required=True),
    Field("context_window", "int", required=True, low=1),
    Field("cost_per_input_token", "float", required=True, low=0),
    Field("cost_per_output_token", "float", required=True, low=0),
    Field("endpoint", required=True),
    Field("features", "strings", default=()),
    Field("slo", "object", nullable=True),
    Field("metadata", "object", nullable=True),
)


class Selector(Protocol):
    async def select(self, wanted: Wanted) -> Selected:
        """Raises NothingSelected, with a message that may stand in an answer."""


class Here:
    """The Router is ours."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def select(self, wanted: Wanted) -> Selected:
        """Raises NothingSelected."""
        try:
            return self._directory.select(wanted)
        except NothingFits as nothing:
            raise _failed(str(nothing)) from None


class There:
    """The Router is another process. The real one takes up to 30 s, so `peer` is to allow for that."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def select(self, wanted: Wanted) -> Selected:
        """Raises NothingSelected."""
        try:
            answer = await self._peer.ask("POST", "/select", _body(wanted))
        except Unreachable as error:
            raise _failed(f"{self._peer.url}: {error}") from None
        if answer.status != 200:
            told = answer.field("detail")
            raise _failed(told if isinstance(told, str) else f"{self._peer.url} answered {answer.status}")
        return self._read(answer.value)

    def _read(self, value: Any) -> Selected:
        """The winner is never among its own alternatives, although the real Router may say so."""
        try:
            winner = _provider(value["selected_provider"])
            others = [_provider(each) for each in value.get("alternatives") or ()]
            reason = str(value.get("selection_reason", ""))
        except (Invalid, KeyError, TypeError, AttributeError):
            raise _failed(f"{self._peer.url} answered something that is no selection") from None
        return Selected(winner, tuple(each for each in others if each.name != winner.name)[: MOST - 1], reason)


def _body(wanted: Wanted) -> dict[str, Any]:
    return {
        "requirements": {
            "model": wanted.model,
            "context_window": wanted.context_window,
            "features": None if wanted.features is None else list(wanted.features),
        },
        "optimization": wanted.optimization,
        "max_cost_usd": wanted.max_cost_usd,
        "max_latency_ms": wanted.max_latency_ms,
    }


def _provider(told: Mapping[str, Any]) -> Provider:
    values = read(_TOLD, told, ())
    return Provider(**{**values, "features": tuple(values["features"])}, created_at=0, updated_at=0)


def _failed(why: str) -> NothingSelected:
    return NothingSelected(f"Provider Router unavailable: {why}")
