"""Responses a cloud keeps (`store: true`), the newest thousand, in memory."""

from collections import OrderedDict
from typing import Any

Item = dict[str, Any]
_MOST = 1000


class Store:
    """Each response with the items that led to it. An item given back from here bears `kept: True`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[list[Item], dict[str, Any]]] = OrderedDict()

    def keep(self, items: list[Item], response: dict[str, Any]) -> None:
        self._kept[response["id"]] = (items, response)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def history(self, response_id: str) -> list[Item] | None:
        """All items up to and with that response's own."""
        if response_id not in self._kept:
            return None
        items, response = self._kept[response_id]
        return [*items, *({**item, "kept": True} for item in response["output"])]

    def item(self, item_id: str) -> Item | None:
        outputs = (item for _, response in reversed(self._kept.values()) for item in response["output"])
        return next(({**item, "kept": True} for item in outputs if item.get("id") == item_id), None)

    def response(self, response_id: str) -> dict[str, Any] | None:
        return self._kept[response_id][1] if response_id in self._kept else None

    def delete(self, response_id: str) -> bool:
        return self._kept.pop(response_id, None) is not None
