from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import parts
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Audio, Block, File, FileId, Image, Inline, Mark, Opaque, Refusal, Text, Thinking, Url

PDF = "JVBERi0xLjQK"


def image(**members: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": members}


def file(**members: Any) -> dict[str, Any]:
    return {"type": "file", "file": members}


BOTH_WAYS: list[tuple[dict[str, Any], Block]] = [
    ({"type": "text", "text": "x"}, Text("x")),
    ({"type": "refusal", "refusal": "no"}, Refusal("no")),
    (image(url="https://x/y.png", detail="original"), Image(Url("https://x/y.png"), "original")),
    (image(url="data:image/png;base64,QUJD"), Image(Inline("image/png", "QUJD"))),
    ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, Audio(Inline("audio/wav", "QUJD"))),
    ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}, Audio(Inline("audio/mp3", "QUJD"))),
    (file(file_id="file-1"), File(FileId("file-1"))),
    (
        file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf"),
        File(Inline("application/pdf", PDF), "a.pdf"),
    ),
]
KINDS = ("text", "refusal", "image_url", "input_audio", "file")


@pytest.mark.parametrize(("part", "block"), BOTH_WAYS)
def test_parts_are_read_and_written(part: dict[str, Any], block: Block) -> None:
    assert parts.read_part(part, "messages[0].content[0]", KINDS) == block
    assert parts.write_part(block) == part


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (image(url="http://x/y.png"), Image(Url("http://x/y.png"))),
        (image(url="data:;base64,QUJD"), Image(Inline("image/png", "QUJD"))),
        (file(file_data=PDF, filename="a.pdf"), File(Inline("application/pdf", PDF), "a.pdf")),
        (file(file_data=f"data:;base64,{PDF}", filename="a.pdf"), File(Inline("application/pdf", PDF), "a.pdf")),
        (file(file_data="data:text/plain,hi"), File(Inline("text/plain", "aGk="))),
        (file(file_id="file-1", filename="a.pdf"), File(FileId("file-1"), "a.pdf")),
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("x", mark=Mark("1h")),
        ),
        ({"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("x", mark=Mark())),
    ],
)
def test_other_spellings(part: dict[str, Any], block: Block) -> None:
    assert parts.read_part(part, "messages[0].content[0]", KINDS) == block


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({}, ".type"),
        ({"type": "video"}, ".type"),
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": 3}, ".text"),
        ({"type": "image_url"}, ".image_url"),
        ({"type": "image_url", "image_url": "https://x"}, ".image_url"),
        (image(), ".image_url.url"),
        (image(url="gs://bucket/x.png"), ".image_url.url"),
        (image(url="file:///etc/passwd"), ".image_url.url"),
        (image(url="data:image/png;base64,%%%"), ".image_url.url"),
        (image(url="https://x", detail="best"), ".image_url.detail"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD"}}, ".input_audio.format"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "ogg"}}, ".input_audio.format"),
        ({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}, ".input_audio.data"),
        (file(), ".file.file_data"),
        (file(file_data=PDF), ".file.file_data"),
        (file(file_data=PDF, filename="a"), ".file.file_data"),
        (file(file_data="?", filename="a.pdf"), ".file.file_data"),
        ({"type": "text", "text": "x", "cache_control": "yes"}, ".cache_control"),
        ({"type": "text", "text": "x", "cache_control": {"ttl": 5}}, ".cache_control.ttl"),
    ],
)
def test_what_is_refused(part: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parts.read_part(part, "messages[0].content[0]", KINDS)
    assert caught.value.param == f"messages[0].content[0]{param}"


@pytest.mark.parametrize(
    "block",
    [
        Image(FileId("f")),
        File(Url("https://x/a.pdf")),
        Audio(Url("https://x/a.wav")),
        Audio(Inline("audio/ogg", "QUJD")),
        Thinking("x"),
        Opaque("anthropic", {}),
    ],
)
def test_what_chat_has_no_part_for(block: Block) -> None:
    with pytest.raises(Unsupported) as caught:
        parts.write_part(block)
    assert caught.value.param == "messages"


def test_a_block_of_our_own_goes_back_as_it_came() -> None:
    raw = {"type": "image_url", "image_url": {"url": "https://x"}}
    assert parts.write_part(Opaque("openai_chat", raw)) is raw
