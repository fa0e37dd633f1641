import re
from typing import Any

import pytest

from dialects.anthropic.bodies import lost, request, write
from polyglot_cloud.dialects.anthropic.hints import opaque_user
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import HINTS

NOT_DROPPED = {"user", "safety_identifier", "service_tier", "modalities", "web_search_options"}


@pytest.mark.parametrize("name", ["user", "safety_identifier"])
def test_trap_33_user_is_hashed(name: str) -> None:
    written = write(request(hints={name: "ann@example.org"}))
    assert written.body["metadata"] == {"user_id": opaque_user("ann@example.org")}
    assert re.fullmatch(r"[0-9a-f]{32}", opaque_user("ann@example.org"))
    assert written.losses == []


def test_trap_33_users_are_told_apart() -> None:
    assert opaque_user("ann") == opaque_user("ann") != opaque_user("bob")


@pytest.mark.parametrize("order", [1, -1])
def test_safety_identifier_wins(order: int) -> None:
    hints = dict([("user", "a"), ("safety_identifier", "b")][::order])
    written = write(request(hints=hints))
    assert written.body["metadata"] == {"user_id": opaque_user("b")}
    assert lost(written) == [("/user", "dropped")]


@pytest.mark.parametrize(
    ("tier", "sent", "losses"),
    [
        ("auto", "auto", []),
        ("default", "standard_only", []),
        ("flex", "standard_only", [("/service_tier", "approximated")]),
        ("priority", "auto", [("/service_tier", "approximated")]),
        ("scale", None, [("/service_tier", "dropped")]),
        (["auto"], None, [("/service_tier", "dropped")]),
    ],
)
def test_service_tier(tier: Any, sent: str | None, losses: list[tuple[str, str]]) -> None:
    written = write(request(hints={"service_tier": tier}))
    assert written.body.get("service_tier") == sent
    assert lost(written) == losses


@pytest.mark.parametrize("name", sorted(HINTS - NOT_DROPPED))
def test_trap_33_other_hints_are_dropped_aloud(name: str) -> None:
    written = write(request(hints={name: "x"}))
    assert lost(written) == [(f"/{name}", "dropped")]
    assert written.body.keys() == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    "hints", [{"seed": None}, {"web_search_options": None}, {"store": False}, {"modalities": ["text"]}]
)
def test_what_is_so_anyway_is_no_loss(hints: dict[str, Any]) -> None:
    written = write(request(hints=hints))
    assert written.losses == []
    assert written.body.keys() == {"model", "max_tokens", "messages"}


def test_other_output_than_text_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(hints={"modalities": ["text", "audio"]}))
    assert caught.value.param == "modalities"


@pytest.mark.parametrize("options", [{}, {"search_context_size": "low"}])
def test_a_web_search_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(hints={"web_search_options": options}))
    assert caught.value.param == "web_search_options"
