"""OpenAI's Responses API, which xAI speaks too (POST responses).

Source: the types of openai 3.54.0 and xAI's OpenAPI document, 2026-11-22. The halves that face a provider are here; a client that speaks
Responses is passed through to providers that do.
"""

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.dialects.openai_responses.fault import read_error, write_break, write_error
from polyglot_cloud.dialects.openai_responses.lid import COUNTER, LID
from polyglot_cloud.dialects.openai_responses.peek import READS, path, peek
from polyglot_cloud.dialects.openai_responses.request import write_request
from polyglot_cloud.dialects.openai_responses.response import read_response
from polyglot_cloud.dialects.openai_responses.stream import Reader, is_mere_content, is_mere_run
from polyglot_cloud.dialects.openai_responses.usage import read_usage

DIALECT = Dialect(
    name="openai_responses",
    peek=peek,
    path=path,
    read_request=None,
    write_request=write_request,
    read_response=read_response,
    write_response=None,
    read_usage=read_usage,
    read_error=read_error,
    write_error=write_error,
    write_break=write_break,
    is_mere_content=is_mere_content,
    is_mere_run=is_mere_run,
    reader=Reader,
    writer=None,
    reads=READS,
    lid=LID,
    counter=COUNTER,
)
