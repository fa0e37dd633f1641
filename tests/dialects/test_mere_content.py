"""What a pass-through does not decode: told by every fixture and recording against the reader, which decodes everything."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dialects import cases
from dialects.cases import FIXTURES, Case, each_case
from polyglot_cloud.call import Outcome
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.neutral import Failed, Finished, Metered, is_content
from polyglot_cloud.sse import Record, encode
from polyglot_cloud.translate import PassThrough

DIALECTS = cases.dialects()


@each_case("stream.sse")
def test_nothing_that_tells_more_than_content_is_skipped(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    reader = dialect.reader()
    for record in cases.records(case.stream):
        events = reader.feed(record)
        if dialect.is_mere_content(record):
            assert not [event for event in events if isinstance(event, Finished | Failed)]
            told = [event for event in events if isinstance(event, Metered)]
            assert not told or case.dialect == "gemini"  # where every piece has it, and the last one counts


@each_case("stream.sse")
def test_the_outcome_is_that_of_a_reader_that_decodes_everything(case: Case) -> None:
    dialect = DIALECTS[case.dialect]
    records = cases.records(case.stream)
    for count in range(len(records) + 1):
        skipping = outcome(dialect, records[:count])
        whole = outcome(dialect, records[:count], skip=False)
        assert (skipping.state, skipping.usage, skipping.model) == (whole.state, whole.usage, whole.model), count


def outcome(dialect: Dialect, records: list[Record], *, skip: bool = True, together: int = 1) -> Outcome:
    found = Outcome()
    if not skip:
        dialect = replace(dialect, is_mere_content=lambda record: False, is_mere_run=lambda piece: False)
    machine = PassThrough(dialect, None, found)
    pieces = [b"".join(record.raw for record in records[at : at + together]) for at in range(0, len(records), together)]
    fed = b"".join(map(machine.feed, pieces))
    assert b"".join(pieces) in {fed, fed + machine.close()}
    return found


@each_case("stream.sse")
@pytest.mark.parametrize("together", [2, 3, 7, 1000])
def test_records_that_come_together_are_told_from_others(case: Case, together: int) -> None:
    dialect, records = DIALECTS[case.dialect], cases.records(case.stream)
    for at in range(0, len(records), together):
        run = records[at : at + together]
        if dialect.is_mere_run(b"".join(record.raw for record in run)):
            assert all(map(dialect.is_mere_content, run))
    one, many = outcome(dialect, records), outcome(dialect, records, together=together)
    assert (one.state, one.usage, one.model) == (many.state, many.usage, many.model)


@pytest.mark.parametrize("name", ["openai_chat", "anthropic", "openai_responses"])
def test_a_run_is_known_as_one_and_no_part_of_it_is_overlooked(name: str) -> None:
    dialect = DIALECTS[name]
    text = next(record for record in cases.records((FIXTURES / name / RUNS[name]).read_bytes()) if RUN[name](record))
    assert dialect.is_mere_run(text.raw)
    assert dialect.is_mere_run(text.raw * 5)
    for other in (b"data: [DONE]\n\n", b": ping\n\n", b'event: error\ndata: {"error":{}}\n\n', text.raw[:-1], b"x"):
        for piece in (text.raw + other, other + text.raw, text.raw + other + text.raw):
            assert not dialect.is_mere_run(piece), piece


RUNS = {
    "openai_chat": "sandbox_openai_text/stream.sse",
    "anthropic": "sandbox_anthropic_text/stream.sse",
    "openai_responses": "sandbox_openai_text/stream.sse",
}
RUN: dict[str, Callable[[Record], bool]] = {
    "openai_chat": lambda record: b'"content":"' in record.data and b'"finish_reason":null' in record.data,
    "anthropic": lambda record: record.event == "content_block_delta",
    "openai_responses": lambda record: record.event == "response.output_text.delta",
}
"""A piece of text in the fixture of each."""


def test_most_of_a_stream_is_skipped() -> None:
    for name, case in (("openai_chat", "sandbox_openai_text"), ("anthropic", "sandbox_anthropic_text")):
        records = cases.records((FIXTURES / name / case / "stream.sse").read_bytes())
        skipped = [record for record in records if DIALECTS[name].is_mere_content(record)]
        assert len(skipped) >= len(records) - 5


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":{"prompt_tokens":1}}',
        b'{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage": {"prompt_tokens":1}}',
        b'{"choices":[],"usage":{"prompt_tokens":1}}',
        b'{"error":{"message":"x"},"finish_reason":null}',
        b"[DONE]",
        b"",
        b'"finish_reason":null',
    ],
)
def test_a_chunk_that_tells_more_is_looked_at(data: bytes) -> None:
    assert not DIALECTS["openai_chat"].is_mere_content(Record("", data, encode(data)))
    piece = encode(b'{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}')
    assert DIALECTS["openai_chat"].is_mere_run(piece)
    for run in (encode(data), piece + encode(data), encode(data) + piece):
        assert not DIALECTS["openai_chat"].is_mere_run(run)


def test_text_cannot_feign_an_end() -> None:
    chunk = (
        b'{"choices":[{"index":0,"delta":{"content":"\\"usage\\":{\\"error\\""},"finish_reason":null}],"usage":null}'
    )
    assert DIALECTS["openai_chat"].is_mere_content(Record("", chunk, encode(chunk)))
    reader = DIALECTS["openai_chat"].reader()
    assert any(is_content(event) for event in reader.feed(Record("", chunk, encode(chunk))))
