"""Stop sequences, done by the gateway: what comes out is the text before the first match, however the pieces arrive."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.emulation.stop_sequences import (
    StopSequences,
    beginning,
    first_match,
    stopped,
)
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Choice,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opened,
    Response,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
    collect,
)
from polyglot_cloud.token_estimate import Spent

SEQUENCES = st.lists(st.text("ab\n.é", min_size=1, max_size=4), min_size=1, max_size=4)


def run(events: list[Event], sequences: list[str]) -> list[Event]:
    machine = StopSequences(sequences, Spent(10))
    return [out for event in events for out in machine.feed(event)]


def told(pieces: list[str]) -> list[Event]:
    deltas: list[Event] = [TextDelta(0, piece) for piece in pieces]
    return [Started("id", "m"), Opened(0, Text("")), *deltas, Closed(0), Metered(Usage(1, 2)), Finished("length")]


@given(pieces=st.lists(st.text("ab\n.é", max_size=5), max_size=8), sequences=SEQUENCES)
def test_a_stream_says_what_stands_before_the_first_match(pieces: list[str], sequences: list[str]) -> None:
    text = "".join(pieces)
    ends = {text.find(sequence) + len(sequence): text.find(sequence) for sequence in sequences if sequence in text}
    places = [min(text.find(each) for each in sequences if text[: min(ends)].endswith(each))] if ends else []
    folded = collect(run(told(pieces), sequences))
    shown = "".join(block.text for block in folded.choices[0].blocks if isinstance(block, Text))
    assert shown == (text[: min(places)] if places else text)
    assert folded.choices[0].finish == ("stop" if places else "length")
    assert (folded.usage is not None and folded.usage.estimated) == bool(places)
    assert (folded.choices[0].stop_sequence in sequences) == bool(places)


@given(pieces=st.lists(st.text("ab\n.é", max_size=5), max_size=8), sequences=SEQUENCES)
def test_both_modes_agree(pieces: list[str], sequences: list[str]) -> None:
    folded = collect(run(told(pieces), sequences))
    plain = stopped(collect(told(pieces)), sequences)
    assert folded.choices == plain.choices
    assert plain.usage == Usage(1, 2)


@given(pieces=st.lists(st.text("ab", min_size=1, max_size=5), max_size=8), sequences=SEQUENCES)
def test_only_what_may_begin_a_match_is_held_back(pieces: list[str], sequences: list[str]) -> None:
    machine, said, shown = StopSequences(sequences, Spent(0)), "", ""
    machine.feed(Opened(0, Text("")))
    for piece in pieces:
        said += piece
        shown += "".join(out.text for out in machine.feed(TextDelta(0, piece)) if isinstance(out, TextDelta))
        if machine.over:
            return
        held = said[len(shown) :]
        assert said.startswith(shown)
        assert not held or any(sequence.startswith(held) and sequence != held for sequence in sequences)


def test_the_match_that_is_complete_first_counts() -> None:
    assert first_match("one two three", ["three", "two"]) == (4, "two")
    assert first_match("aab", ["ab", "aab"]) == (0, "aab")
    assert first_match("abcd", ["abcd", "bc"]) == (1, "bc")
    assert first_match("nothing", ["x"]) is None


@pytest.mark.parametrize("pieces", [["abcd"], ["ab", "cd"], ["a", "b", "c", "d"], ["abc", "d"]])
def test_overlapping_sequences_end_at_one_place_however_the_pieces_come(pieces: list[str]) -> None:
    folded = collect(run(told(pieces), ["abcd", "bc"]))
    assert folded.choices == stopped(collect(told(["abcd"])), ["abcd", "bc"]).choices
    assert folded.choices[0].blocks == [Text("a")]
    assert folded.choices[0].stop_sequence == "bc"


@pytest.mark.parametrize(
    ("text", "sequence", "length"),
    [("ab", "bc", 1), ("abab", "ababc", 4), ("aaa", "aab", 2), ("xyz", "a", 0), ("", "ab", 0), ("ab", "ab", 0)],
)
def test_the_beginning_of_a_match(text: str, sequence: str, length: int) -> None:
    assert beginning(text, sequence) == length


def test_after_the_match_nothing_comes_and_all_that_is_open_is_closed() -> None:
    machine = StopSequences(["END"], Spent(7))
    events: list[Event] = [
        Started("id", "m"),
        Opened(0, Thinking("")),
        ThinkingDelta(0, "hm hm hm"),
        Opened(1, Text("")),
        Opened(2, ToolCall("c", "f", "")),
        Opened(3, Text("xE")),
        TextDelta(1, "so E"),
        TextDelta(1, "ND and more"),
    ]
    out = [found for event in events for found in machine.feed(event)]
    assert machine.over
    assert machine.feed(ArgumentsDelta(2, "{}")) == []
    assert machine.feed(Finished("tool_calls")) == []
    usage = Usage(input=7, output=4, reasoning=2, estimated=True)
    assert out[3:6] == [Opened(1, Text("")), Opened(2, ToolCall("c", "f", "")), Opened(3, Text(""))]
    assert out[6:] == [
        TextDelta(3, "x"),
        TextDelta(1, "so "),
        TextDelta(3, "E"),
        *(Closed(index) for index in range(4)),
        Metered(usage),
        Finished("stop", stop_sequence="END"),
    ]


def test_a_failure_lets_go_of_what_was_held() -> None:
    assert run([Opened(0, Text("")), TextDelta(0, "E"), Failed("x")], ["END"])[1:] == [TextDelta(0, "E"), Failed("x")]


def test_what_waits_for_a_long_sequence_is_kept_as_one_piece() -> None:
    """A thousand pieces that are walked at each new one would be quadratic."""
    pieces: list[Event] = [TextDelta(0, "a") for _ in range(1000)]
    out = run([Opened(0, Text("")), *pieces, Finished("stop")], ["a" * 1000 + "b"])
    assert out[1:] == [TextDelta(0, "a" * 1000), Finished("stop")]


def test_usage_that_the_provider_told_stands() -> None:
    events: list[Event] = [Opened(0, Text("")), Metered(Usage(100, 50)), TextDelta(0, "a#b")]
    assert run(events, ["#"])[-2] == Metered(Usage(100, 50))
    events[1] = Metered(Usage(100, 1, cached=4))
    events[2] = TextDelta(0, "eight by#")
    assert run(events, ["#"])[-2] == Metered(Usage(100, 2, cached=4, estimated=True))


def logprobs(*tokens: str) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": -0.1} for token in tokens]


def test_log_probabilities_go_with_their_tokens() -> None:
    text = Text("one two", logprobs=logprobs("one", " ", "two"))
    plain = stopped(Response("i", "m", [Choice([text], "length", "max")]), ["wo"])
    assert plain.choices == [Choice([Text("one t", logprobs=logprobs("one", " "))], "stop", None, "wo")]
    events: list[Event] = [Opened(0, replace(text, text="", logprobs=None)), TextDelta(0, "one two", text.logprobs)]
    assert run(events, ["wo"])[1] == TextDelta(0, "one t", logprobs("one", " "))


def test_only_the_choice_that_matches_is_cut() -> None:
    whole, cut = (
        Choice([Text("abc")], "stop", index=0),
        Choice([Thinking("x;y"), Text("a;b"), Text("c")], "length", index=1),
    )
    assert stopped(Response("i", "m", [whole, cut]), [";"]).choices == [
        whole,
        Choice([Thinking("x;y"), Text("a")], "stop", stop_sequence=";", index=1),
    ]
