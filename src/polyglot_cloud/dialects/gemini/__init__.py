"""The dialect `gemini`: Google's generateContent, as the Gemini API speaks it (v1beta, read 2026-11-22 from google-genai 3.4.0).

The halves for a Gemini upstream are here. Those for a Gemini client whose call goes to another cloud are not: such a call is refused.
"""

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.dialects.gemini.address import CONFIG, path, peek
from polyglot_cloud.dialects.gemini.errors import read_error, write_break, write_error
from polyglot_cloud.dialects.gemini.lid import COUNTER, LID
from polyglot_cloud.dialects.gemini.media import takes_url
from polyglot_cloud.dialects.gemini.request import write_request
from polyglot_cloud.dialects.gemini.response import read_response
from polyglot_cloud.dialects.gemini.stream import StreamReader, is_mere_content
from polyglot_cloud.dialects.gemini.usage import read_usage

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="gemini",
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
    reader=StreamReader,
    writer=None,
    reads=CONFIG,
    comments=False,  # google-genai 3.4.0 takes each line that does not begin with "data: " for a part of an error
    unframed=True,
    takes_url=takes_url,
    lid=LID,
    counter=COUNTER,
)
