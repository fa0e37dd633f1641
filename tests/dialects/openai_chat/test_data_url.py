import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.dialects.openai_chat import data_url
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Inline

PLAIN = base64.b64encode(b"\xfb\xff\xfe?>").decode()  # + and / in it


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        (f"data:image/png;base64,{PLAIN}", "image/png"),
        (f"DATA:Image/PNG;BASE64,{PLAIN}", "image/png"),
        (f"data:image/png;charset=utf-8;base64,{PLAIN}", "image/png"),
        (f"  data: image/png ; base64,{PLAIN}", "image/png"),
        (f"data:;base64,{PLAIN}", "text/plain"),
        (f"data:image/png;base64,{PLAIN[:4]}\r\n {PLAIN[4:]}\n", "image/png"),
        (f"data:image/png;base64,{PLAIN.rstrip('=')}", "image/png"),
        (f"data:image/png;base64,{PLAIN.replace('+', '-').replace('/', '_')}", "image/png"),
        (f"data:image/png;base64,{PLAIN.replace('+', '%2B').replace('/', '%2f').replace('=', '%3D')}", "image/png"),
    ],
)
def test_every_spelling_is_the_same_image(url: str, media_type: str) -> None:
    assert data_url.is_data_url(url)
    assert data_url.parse(url, "x") == Inline(media_type, PLAIN)


def test_a_data_url_may_be_plain_text() -> None:
    found = data_url.parse("data:text/plain,Gr%C3%BC%C3%9Fe", "x")
    assert base64.b64decode(found.data).decode() == "Grüße"


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64",
        "image/png;base64,AAAA",
        "data:x;base64,A",
        "data:x;base64,A!AA",
        "data:x;base64,é",
        "data:x;base64,AA=A",
    ],
)
def test_broken_ones_are_refused(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        data_url.parse(url, "messages[0].content[1].image_url.url")
    assert caught.value.param == "messages[0].content[1].image_url.url"


@given(st.binary(max_size=100))
def test_what_is_composed_is_parsed_again(data: bytes) -> None:
    source = Inline("application/pdf", base64.b64encode(data).decode())
    assert data_url.parse(data_url.compose(source), "x") == source


def test_clean_data_is_shared_not_copied() -> None:
    data = "QUJD" * 1000
    assert data_url.standard(data, "x") is data
