"""The model "auto": which one answers is left to the swarm's Router.

A call may say what it needs as POST /select has it, in members of its own that are taken out before it is sent:

    {"model": "auto", "requirements": {"features": ["vision"]}, "optimization": "cost", "messages": [...]}
"""

from collections.abc import Mapping
from typing import Any

from polyglot_cloud.errors import BadRequest, NothingSelected
from polyglot_cloud.swarm.directory import OPTIMIZATION, Wanted
from polyglot_cloud.swarm.places import Places
from polyglot_cloud.swarm.requests import Field, Invalid, read
from polyglot_cloud.swarm.selection import Selector

MODEL = "auto"
MEMBERS = ("requirements", "optimization")
_ASKED = (
    Field(
        "requirements",
        nullable=True,
        fields=(
            Field("model", default=""),
            Field("context_window", "int", nullable=True),
            Field("features", "strings", nullable=True),
        ),
    ),
    OPTIMIZATION,
)


class Auto:
    """`selector` None: there is no swarm, and "auto" is a model's name as any other."""

    def __init__(self, places: Places, selector: Selector | None = None) -> None:
        self._places = places
        self.selector = selector

    async def chosen(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """(provider, model) for a call with this body: the first that was selected and is served here. Raises BadRequest,
        NothingSelected.
        """
        try:
            values = read(_ASKED, {name: body[name] for name in MEMBERS if name in body}, ())
        except Invalid as invalid:
            raise BadRequest(f"{invalid}.", param=".".join(map(str, invalid.faults[0]["loc"]))) from None
        if self.selector is None:
            raise NothingSelected("There is no Provider Router.")
        needs = values["requirements"] or {}
        selected = await self.selector.select(Wanted(**needs, optimization=values["optimization"]))
        for each in (selected.provider, *selected.alternatives):
            if (provider := self._places.ours(each.endpoint)) is not None:
                return provider, each.model
        raise NothingSelected(
            f"{selected.provider.name} was selected and is not served here. POST /route at the swarm's Gateway calls others as well."
        )
