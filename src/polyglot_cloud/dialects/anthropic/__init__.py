"""Anthropic Messages. Requests are written and replies read; Anthropic clients reach Anthropic by pass-through only."""

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.dialects.anthropic.faults import read_error, write_break, write_error
from polyglot_cloud.dialects.anthropic.lid import COUNTER, LID
from polyglot_cloud.dialects.anthropic.media import takes_url
from polyglot_cloud.dialects.anthropic.peek import path, peek
from polyglot_cloud.dialects.anthropic.request import write_request
from polyglot_cloud.dialects.anthropic.response import read_response
from polyglot_cloud.dialects.anthropic.stream import Reader, is_mere_content, is_mere_run
from polyglot_cloud.dialects.anthropic.usage import read_usage

DIALECT = Dialect(
    name="anthropic",
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
    reads=("model", "stream", "max_tokens"),
    takes_url=takes_url,
    lid=LID,
    counter=COUNTER,
)
