"""What a pass-through does not decode: told by every fixture and recording against the reader, which decodes everything."""

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


def outcome(dialect: Dialect, records: list[Record], *, skip: bool = True) -> Outcome:
    found = Outcome()
    machine = PassThrough(dialect if skip else replace(dialect, is_mere_content=lambda record: False), None, found)
    for record in records:
        machine.feed(record.raw)
    machine.close()
    return found


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


def test_text_cannot_feign_an_end() -> None:
    chunk = (
        b'{"choices":[{"index":0,"delta":{"content":"\\"usage\\":{\\"error\\""},"finish_reason":null}],"usage":null}'
    )
    assert DIALECTS["openai_chat"].is_mere_content(Record("", chunk, encode(chunk)))
    reader = DIALECTS["openai_chat"].reader()
    assert any(is_content(event) for event in reader.feed(Record("", chunk, encode(chunk))))
