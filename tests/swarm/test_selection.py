"""Whom the Router selects, here or elsewhere, and whose an endpoint is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import Pieces
from polyglot_cloud.errors import BadRequest, NothingSelected
from polyglot_cloud.swarm.auto import Auto
from polyglot_cloud.swarm.directory import Directory, Wanted
from polyglot_cloud.swarm.link import Peer
from polyglot_cloud.swarm.offers import Listening
from polyglot_cloud.swarm.outside import pico
from polyglot_cloud.swarm.places import Places, place
from polyglot_cloud.swarm.selection import Here, There
from polyglot_cloud.swarm.store import Store
from swarm.services_stage import PROVIDER

URL = "http://127.0.0.1:6103"
TOLD = {**PROVIDER, "created_at": "x", "updated_at": "x", "status": "active"}


def says(status: int, value: Any) -> httpx.Response:
    return httpx.Response(
        status, stream=Pieces([value.encode() if isinstance(value, str) else json.dumps(value).encode()])
    )


def there(answer: Callable[[httpx.Request], httpx.Response]) -> There:
    return There(Peer(httpx.AsyncClient(transport=httpx.MockTransport(answer)), URL, 30))


async def test_a_router_elsewhere_is_asked_as_the_contract_has_it() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        others = [TOLD, {**TOLD, "name": "b"}, {**TOLD, "name": "c"}, {**TOLD, "name": "d"}]
        return says(
            200, {"selected_provider": TOLD, "alternatives": others, "selection_reason": "Lowest cost provider"}
        )

    selected = await there(answer).select(Wanted("gpt-6", 1000, ["chat"], "latency", 0.5, 900))
    assert (selected.provider.name, [each.name for each in selected.alternatives]) == ("openai-gpt-6", ["b", "c"])
    assert (selected.provider.cost_per_input_token, selected.reason) == (3e-6, "Lowest cost provider")
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", f"{URL}/select")
    assert json.loads(request.content) == {
        "requirements": {"model": "gpt-6", "context_window": 1000, "features": ["chat"]}, "optimization": "latency", "max_cost_usd": 0.5,
        "max_latency_ms": 900,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(404, {"detail": "No providers found within budget constraints"}), "within budget constraints"),
        (says(422, {"detail": [{}]}), "answered 422"),
        (says(500, "Internal Server Error"), "answered 500"),
        (says(200, "hello"), "no selection"),
        (says(200, {"selected_provider": {"name": "x"}}), "no selection"),
        (says(200, {"selected_provider": {**TOLD, "cost_per_input_token": -1}}), "no selection"),
        (says(200, {"selected_provider": TOLD, "alternatives": 5}), "no selection"),
    ],
)  # fmt: skip
async def test_what_is_no_selection(answer: httpx.Response, said: str) -> None:
    with pytest.raises(NothingSelected, match=f"^Provider Router unavailable: .*{said}"):
        await there(lambda _: answer).select(Wanted())


async def test_a_router_that_is_not_there() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(NothingSelected, match="cannot be connected to"):
        await there(refuse).select(Wanted())


@pytest.mark.parametrize(
    ("endpoint", "whose"),
    [
        ("http://127.0.0.1:8100", "openai"), ("http://localhost:8100/", "openai"), ("http://[::1]:8100/v1", "openai"),
        ("http://LOCALHOST.:8101", "anthropic"), ("https://127.0.0.1:8100", None), ("http://127.0.0.1:8109", None),
        ("http://10.0.0.1:8100", None), ("not a url", None), ("http://user@127.0.0.1:8100", None), ("", None),
    ],
)  # fmt: skip
def test_whose_an_endpoint_is(endpoint: str, whose: str | None) -> None:
    listening = [
        Listening("openai", "http://127.0.0.1:8100", 8100, True),
        Listening("anthropic", "http://127.0.0.1:8101", 8101, False),
    ]
    assert Places(lambda: listening).ours(endpoint) == whose


@pytest.mark.parametrize(
    ("endpoint", "is_allowed"),
    [
        ("http://10.0.0.1:9000/base", True), ("http://10.0.0.1:9001", False), ("http://10.0.0.1", False), ("https://10.0.0.1:9000", False),
        ("http://10.0.0.1:9000@evil.example", False), ("not a url", False), ("file:///etc/passwd", False), ("http://localhost:9000", False),
    ],
)  # fmt: skip
def test_who_may_be_called(endpoint: str, is_allowed: bool) -> None:
    assert Places(list, ["http://10.0.0.1:9000", "nonsense"]).may_call(endpoint) is is_allowed


def test_what_cannot_be_read_is_nowhere() -> None:
    assert place("http://") is None


@pytest.mark.parametrize(("usd", "found"), [(3e-6, 3_000_000), (0.0, 0), (1e-12, 1), (4.9e-13, 0), (2.5e-7, 250_000)])
def test_a_price_in_pico_dollars(usd: float, found: int) -> None:
    assert pico(usd) == found


def auto(tmp_path: Path) -> tuple[Auto, Directory, Store]:
    store = Store(tmp_path / "till.sqlite3")
    directory = Directory(store)
    listening = [Listening("openai", "http://127.0.0.1:8100", 8100, True)]
    return Auto(Places(lambda: listening), Here(directory)), directory, store


async def test_auto_takes_the_first_that_is_served_here(tmp_path: Path) -> None:
    chooser, directory, store = auto(tmp_path)
    await directory.register({**PROVIDER, "name": "far", "endpoint": "http://10.0.0.1:1", "cost_per_input_token": 0.0})
    await directory.register({**PROVIDER, "name": "near"})
    assert await chooser.chosen({"model": "auto"}) == ("openai", "gpt-6")
    assert await chooser.chosen({"requirements": None}) == ("openai", "gpt-6")
    with pytest.raises(NothingSelected, match="context_window=999999"):
        await chooser.chosen({"requirements": {"context_window": 999_999}})
    store.close()


@pytest.mark.parametrize(
    ("body", "param"),
    [({"requirements": []}, "requirements"), ({"requirements": {"features": "x"}}, "requirements.features"),
     ({"optimization": 1}, "optimization")],
)  # fmt: skip
async def test_auto_is_told_what_it_cannot_read(tmp_path: Path, body: dict[str, Any], param: str) -> None:
    chooser, _, store = auto(tmp_path)
    with pytest.raises(BadRequest) as caught:
        await chooser.chosen(body)
    assert caught.value.param == param
    chooser.selector = None
    with pytest.raises(NothingSelected):
        await chooser.chosen({})
    store.close()
