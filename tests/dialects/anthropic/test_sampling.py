from typing import Any, Literal

import pytest

from dialects.anthropic.bodies import OLD, lost, request, write
from polyglot_cloud.neutral import Reasoning, Sampling
from polyglot_cloud.rows import Quirks

OLD_VERSION, NEW_VERSION = "2023-06-01", "2026-10-21"
Taken = Literal["any", "one", "none", "ignored"]


@pytest.mark.parametrize(
    ("taken", "asked", "sent", "losses"),
    [
        ("any", {"temperature": 0.3}, {"temperature": 0.3}, []),
        ("any", {"temperature": 0}, {"temperature": 0}, []),
        (
            "any",
            {"temperature": 0.3, "top_p": 0.9, "top_k": 5},
            {"temperature": 0.3, "top_p": 0.9, "top_k": 5},
            [],
        ),
        ("any", {"temperature": 1.7}, {"temperature": 1}, [("/temperature", "approximated")]),
        ("any", {"temperature": -1}, {"temperature": 0}, [("/temperature", "approximated")]),
        ("one", {"top_p": 0.9}, {"top_p": 0.9}, []),
        ("one", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3}, [("/top_p", "dropped")]),
        ("none", {"temperature": 1.0}, {}, [("/temperature", "dropped")]),
        ("none", {"top_k": 5, "top_p": 0.9}, {}, [("/top_p", "dropped"), ("/top_k", "dropped")]),
        ("ignored", {"temperature": 0.3}, {}, [("/temperature", "dropped")]),
        (
            "any",
            {"presence_penalty": 0.0, "frequency_penalty": 1.0},
            {},
            [("/presence_penalty", "dropped"), ("/frequency_penalty", "dropped")],
        ),
        ("any", {}, {}, []),
    ],
)
def test_trap_26_sampling(
    taken: Taken, asked: dict[str, Any], sent: dict[str, Any], losses: list[tuple[str, str]]
) -> None:
    written = write(request(sampling=Sampling(**asked)), Quirks(sampling=taken))
    assert {name: written.body[name] for name in written.body if name in {"temperature", "top_p", "top_k"}} == sent
    assert lost(written) == losses
    assert written.headers == {"anthropic-version": OLD_VERSION if sent else NEW_VERSION}


def test_sampling_and_thinking_exclude_each_other() -> None:
    wanted = request(sampling=Sampling(temperature=0.3), reasoning=Reasoning("low"))
    written = write(wanted, OLD)
    assert written.body["thinking"]["type"] == "enabled"
    assert lost(written) == [("/temperature", "dropped")]
    assert written.headers == {"anthropic-version": NEW_VERSION}


def test_sampling_passes_when_thinking_is_switched_off() -> None:
    wanted = request(sampling=Sampling(temperature=0.3), reasoning=Reasoning("none"))
    written = write(wanted, OLD)
    assert (written.body["thinking"], written.body["temperature"]) == ({"type": "disabled"}, 0.3)


def test_version_follows_the_body_as_it_is_sent() -> None:
    quirks = Quirks(refused=frozenset({"temperature"}))
    written = write(request(sampling=Sampling(temperature=0.3)), quirks)
    assert written.headers == {"anthropic-version": NEW_VERSION}
    assert lost(written) == [("/temperature", "dropped")]
