"""OpenAI Chat Completions: what most clients speak, and many hosts (OpenAI's API reference and openai 3.54.0's types, read 2026-11-22)."""

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.dialects.openai_chat.bulk import bulk
from polyglot_cloud.dialects.openai_chat.failure import read_error, write_break, write_error
from polyglot_cloud.dialects.openai_chat.lid import LID
from polyglot_cloud.dialects.openai_chat.parts import DIALECT_NAME, takes_url
from polyglot_cloud.dialects.openai_chat.peek import READS, peek
from polyglot_cloud.dialects.openai_chat.reader import Reader
from polyglot_cloud.dialects.openai_chat.request import read_request, write_request
from polyglot_cloud.dialects.openai_chat.response import read_response, write_response
from polyglot_cloud.dialects.openai_chat.usage import METER, is_mere_content, is_mere_run, read_usage
from polyglot_cloud.dialects.openai_chat.writer import Writer

__all__ = ["DIALECT"]


def _path(model: str, stream: bool) -> str:  # the body carries both
    return "chat/completions"


DIALECT = Dialect(
    name=DIALECT_NAME,
    peek=peek,
    path=_path,
    read_request=read_request,
    write_request=write_request,
    read_response=read_response,
    write_response=write_response,
    read_usage=read_usage,
    read_error=read_error,
    write_error=write_error,
    write_break=write_break,
    reader=Reader,
    writer=Writer,
    reads=READS,
    meter=METER,
    is_mere_content=is_mere_content,
    is_mere_run=is_mere_run,
    bulk=bulk,
    takes_url=takes_url,
    lid=LID,
)
