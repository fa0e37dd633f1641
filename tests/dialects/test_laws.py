"""The laws of translation, for every dialect and every fixture. A new case or dialect only has to be put where `cases` finds it."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects import cases
from dialects.cases import Case, each_case
from polyglot_cloud import wire
from polyglot_cloud.dialects import Dialect, Written
from polyglot_cloud.errors import GatewayError, Unsupported
from polyglot_cloud.neutral import (
    Block,
    Event,
    Failed,
    Finished,
    Loss,
    ReplyContext,
    Request,
    Response,
    Started,
    Text,
    Thinking,
    ToolCall,
    collect,
)
from polyglot_cloud.rows import Destination, Quirks
from polyglot_cloud.sse import Decoder

CONTEXT = ReplyContext(
    provider="there", model="asked-for", created=1_795_305_600, id="chatcmpl-ours", include_usage=True
)
DIALECTS = cases.dialects()
# the halves that exist: a new one joins by itself
READ_REQUESTS = [name for name, dialect in DIALECTS.items() if dialect.read_request]
WRITE_REQUESTS = [name for name, dialect in DIALECTS.items() if dialect.write_request]
READ_REPLIES = [name for name, dialect in DIALECTS.items() if dialect.read_response]
WRITE_REPLIES = [name for name, dialect in DIALECTS.items() if dialect.write_response]
WRITE_STREAMS = [name for name, dialect in DIALECTS.items() if dialect.writer]
CHECKED = [name for name in WRITE_STREAMS if importlib.util.find_spec(f"dialects.{name}.grammar")]


def both(*halves: list[str]) -> list[str]:
    return [name for name in DIALECTS if all(name in half for half in halves)]


def across(file: str, sources: Iterable[str], targets: Iterable[str]) -> pytest.MarkDecorator:
    """Every case of the sources against every target."""
    return pytest.mark.parametrize(
        ("case", "name"),
        [
            pytest.param(case, name, id=f"{case.dialect}-{case.name}-as-{name}")
            for case in cases.cases(file, names=sources)
            for name in targets
        ],
    )


def destination(model: str) -> Destination:
    return Destination(provider="there", model=model, quirks=Quirks())


def written(dialect: Dialect, events: list[Event]) -> tuple[bytes, list[Loss]]:
    assert dialect.writer
    writer = dialect.writer(CONTEXT)
    data = b"".join(writer.feed(event) for event in events) + writer.close()
    return data, writer.losses


def settled(response: Response) -> Response:
    """A call without arguments is written with the empty object: the same call."""
    for choice in response.choices:
        for block in choice.blocks:
            if isinstance(block, ToolCall) and block.kind == "function" and not block.arguments:
                block.arguments = "{}"
    return response


def signed(response: Response) -> Response:
    """State goes out with the name of whose it is."""
    for choice in response.choices:
        for block in choice.blocks:
            if block.state is not None:
                block.state = replace(block.state, provider=CONTEXT.provider, model=CONTEXT.model)
    return response


# --- 2: what was read and written reads the same ---


@each_case("request.json", names=both(READ_REQUESTS, WRITE_REQUESTS))
def test_law_2_a_request_survives_its_own_dialect(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    assert dialect.read_request
    assert dialect.write_request
    request = dialect.read_request(case.json("request"))
    result = dialect.write_request(request, destination(request.model))
    again = dialect.read_request(wire.decode(wire.encode(result.body)))
    if not result.losses:
        assert replace(again, include_usage=request.include_usage, stream=request.stream) == request


# --- 3: both modes tell the same ---


@each_case("response.json", "stream.sse", names=READ_REPLIES, twins=True)
def test_law_3_a_stream_folds_into_its_plain_twin(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    assert dialect.read_response
    plain = dialect.read_response(case.json("response"))
    folded = collect(cases.read_stream(dialect, case.stream))
    if folded.id != plain.id:
        folded.id, folded.created = plain.id, plain.created
    assert settled(folded) == settled(plain)


# --- 4: what was written reads the same ---


@each_case("stream.sse", names=WRITE_STREAMS)
def test_law_4_a_stream_survives_its_own_dialect(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    events = cases.read_stream(dialect, case.stream)
    data, losses = written(dialect, events)
    if not losses:
        again = collect(cases.read_stream(dialect, data))
        assert signed(settled(again)) == signed(settled(collect(events)))


@each_case("response.json", names=both(READ_REPLIES, WRITE_REPLIES))
def test_law_4_a_reply_survives_its_own_dialect(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    assert dialect.read_response
    assert dialect.write_response
    response = dialect.read_response(case.json("response"))
    again = dialect.read_response(wire.decode(wire.encode(dialect.write_response(response, CONTEXT).body)))
    assert signed(settled(again)) == signed(settled(response))


@across("stream.sse", DIALECTS, WRITE_STREAMS)
def test_law_4_every_dialect_tells_what_another_said(case: Case, name: str) -> None:
    """Across dialects the words, the calls, the reason and the bill are the same; how they are divided into blocks may differ."""
    events = cases.read_stream(DIALECTS[case.dialect], case.stream)
    data, losses = written(DIALECTS[name], events)
    again, told = collect(cases.read_stream(DIALECTS[name], data)), collect(events)
    assert (again.choices[0].finish is None) == (told.choices[0].finish is None)
    if not losses and told.choices[0].finish is not None:
        assert said(again) == said(told)


def said(response: Response) -> dict[str, Any]:
    choice = settled(response).choices[0]
    usage = response.usage
    return {
        "text": _joined(choice.blocks, Text),
        "thinking": _joined(choice.blocks, Thinking).replace("\n", ""),
        "calls": [(block.kind, block.name, block.arguments) for block in choice.blocks if isinstance(block, ToolCall)],
        "finish": choice.finish,
        "usage": usage and (usage.input, usage.output, usage.cached),
    }


def _joined(blocks: list[Block], kind: type[Text] | type[Thinking]) -> str:
    return "".join(block.text for block in blocks if isinstance(block, kind))


# --- 5: how the bytes arrive does not matter ---


@each_case("stream.sse")
def test_law_5_every_cut_in_two_gives_the_same_records(case: Case) -> None:
    """A reader sees records only, so that the same records give the same events."""
    whole, data = cases.records(case.stream), case.stream
    step = 1 + len(data) ** 2 // 1_000_000  # long streams at fewer places: byte by byte, below, has every cut
    for place in range(0, len(data), step):
        decoder = Decoder()
        found = [*decoder.feed(data[:place]), *decoder.feed(data[place:]), *decoder.close()]
        assert found == whole, f"cut at byte {place}"


@each_case("stream.sse")
def test_law_5_byte_by_byte_gives_the_same_events(case: Case) -> None:
    dialect, data = DIALECTS[case.dialect], case.stream
    single = (data[place : place + 1] for place in range(len(data)))
    assert cases.read_pieces(dialect, single) == cases.read_stream(dialect, data)


@each_case("stream.sse")
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_law_5_any_split_gives_the_same_events(case: Case, draw: st.DataObject) -> None:
    dialect, data = DIALECTS[case.dialect], case.stream
    places = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=20)))
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert cases.read_pieces(dialect, pieces) == cases.read_stream(dialect, data)


# --- 6: a cut stream is never told as a whole one ---


@each_case("stream.sse")
def test_law_6_a_cut_stream_is_a_failure(case: Case) -> None:
    """A reader may call a stream whole without its very last records (some hosts leave the end mark out), but never with less said."""
    dialect = DIALECTS[case.dialect]
    found = cases.records(case.stream)
    whole = collect(cases.read_records(dialect, found))
    for count in range(len(found) + 1):
        events = cases.read_records(dialect, found[:count])
        assert_one_end(events)
        if isinstance(events[-1], Finished):
            assert collect(events).choices == whole.choices, f"cut after {count} records"
        else:
            assert collect(events).choices[0].finish is None
    assert isinstance(cases.read_records(dialect, found[: len(found) // 2])[-1], Failed)
    assert isinstance(cases.read_records(dialect, [])[-1], Failed)


@each_case("stream.sse")
def test_law_6_only_a_stream_that_failed_says_so(case: Case) -> None:
    end = cases.read_stream(DIALECTS[case.dialect], case.stream)[-1]
    if case.origin.get("fails"):
        assert isinstance(end, Failed)
    if case.origin.get("twins") and case.has("response.json"):
        assert isinstance(end, Finished)


def assert_one_end(events: list[Event]) -> None:
    assert sum(isinstance(event, Finished | Failed) for event in events) == 1
    assert isinstance(events[-1], Finished | Failed)
    assert not any(isinstance(event, Started) for event in events[1:])


@each_case("stream.sse", names=WRITE_STREAMS)
def test_law_6_a_writer_whose_events_stop_does_not_tell_success(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    events = cases.read_stream(dialect, case.stream)
    for count in range(len(events) - 1):  # the last event is the end
        data, _ = written(dialect, events[:count])
        assert isinstance(cases.read_stream(dialect, data)[-1], Failed), f"cut after {count} events"


# --- 7: what is given is not changed ---


@across("request.json", READ_REQUESTS, WRITE_REQUESTS)
def test_law_7_requests_are_read_and_written_purely(case: Case, name: str) -> None:
    """The same call can be asked of a second target after the first."""
    source, target = DIALECTS[case.dialect], DIALECTS[name]
    assert source.read_request
    assert target.write_request
    body = case.json("request")
    request = source.read_request(body)
    assert body == case.json("request")
    kept = deepcopy(request)
    first = _outcome(target.write_request, request)
    assert request == kept
    assert _outcome(target.write_request, request) == first
    source.peek(body, target.path("m", request.stream))
    assert body == case.json("request")


def _outcome(write: Callable[[Request, Destination], Written], request: Request) -> Any:
    try:
        return write(request, destination("m"))
    except Unsupported as error:
        return error.message, error.param


@each_case("response.json", names=READ_REPLIES)
def test_law_7_replies_are_read_and_written_purely(case: Case) -> None:
    dialect, body = DIALECTS[case.dialect], case.json("response")
    assert dialect.read_response
    try:
        response = dialect.read_response(body)
    except GatewayError:  # a reply that failed, or none at all
        assert body == case.json("response")
        return
    assert body == case.json("response")
    for name in WRITE_REPLIES:
        write, kept = DIALECTS[name].write_response, deepcopy(response)
        assert write
        write(kept, CONTEXT)
        assert kept == response, name


@across("stream.sse", DIALECTS, WRITE_STREAMS)
def test_law_7_a_writer_leaves_its_events_alone(case: Case, name: str) -> None:
    events = cases.read_stream(DIALECTS[case.dialect], case.stream)
    kept = deepcopy(events)
    written(DIALECTS[name], events)
    assert events == kept


# --- 8: what is written keeps the grammar of its dialect ---


@across("stream.sse", DIALECTS, CHECKED)
def test_law_8_a_writer_keeps_the_grammar(case: Case, name: str) -> None:
    """`tests/dialects/<dialect>/grammar.py` has `check(bytes)`, which knows nothing of our code and raises AssertionError."""
    data, _ = written(DIALECTS[name], cases.read_stream(DIALECTS[case.dialect], case.stream))
    importlib.import_module(f"dialects.{name}.grammar").check(data)
