import base64
from typing import Any

import pytest

from dialects.gemini.support import PNG, body, destination, request, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Audio, Block, File, FileId, Image, Inline, Message, Url


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def part(block: Block, **quirks: Any) -> dict[str, Any]:
    (found,) = body(request(Message("user", [block])), destination(**quirks))["contents"][0]["parts"]
    assert isinstance(found, dict)
    return found


HEADS = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    (b"GIF87a", "image/gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"\x00\x00\x00\x18ftypheic", "image/heic"),
    (b"\x00\x00\x00\x18ftypmif1", "image/heif"),
    (b"\x00\x00\x00\x18ftypmp42", "image/bmp"),
    (b"RIFF\x00\x00\x00\x00WAVE", "image/bmp"),
    (b"BM", "image/bmp"),
    (b"", "image/bmp"),
]


@pytest.mark.parametrize(("head", "media_type"), HEADS)
def test_trap_09_the_bytes_decide_what_an_image_is(head: bytes, media_type: str) -> None:
    data = encoded(head + b"." * 40 if head else b"")
    assert part(Image(Inline("image/bmp; charset=x", data))) == {"inlineData": {"mimeType": media_type, "data": data}}


@pytest.mark.parametrize(
    ("named", "data", "media_type"),
    [
        ("application/octet-stream", b"%PDF-1.7 ...", "application/pdf"),
        ("text/markdown", b"# Title", "text/plain"),
        ("application/json", b"{}", "text/plain"),
        ("TEXT/CSV;charset=utf-8", b"a,b", "text/plain"),
        ("application/rtf", b"{\\rtf1", "application/rtf"),
    ],
)
def test_trap_10_files(named: str, data: bytes, media_type: str) -> None:
    assert part(File(Inline(named, encoded(data)))) == {"inlineData": {"mimeType": media_type, "data": encoded(data)}}


def test_trap_10_audio_keeps_its_name() -> None:
    assert part(Audio(Inline("audio/mp3", "SUQz"))) == {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}}


@pytest.mark.parametrize("uri", ["https://files.example/v1beta/files/abc", "gs://bucket/a.pdf"])
def test_a_file_of_gemini_is_a_uri(uri: str) -> None:
    assert part(File(FileId(uri))) == {"fileData": {"fileUri": uri}}


def test_trap_10_a_file_of_another_cloud_is_refused() -> None:
    with pytest.raises(Unsupported, match="not one of Gemini's") as raised:
        write(request(Message("user", [File(FileId("file-abc123"))])))
    assert raised.value.param == "messages"


@pytest.mark.parametrize(
    "block",
    [
        Image(Url("https://a.example/b.png")),
        File(Url("https://a.example/b.pdf")),
        Audio(Url("https://a.example/b.mp3")),
    ],
)
def test_trap_09_urls_are_refused_with_the_way_out(block: Block) -> None:
    with pytest.raises(Unsupported, match=r"inline only.*data URL") as raised:
        write(request(Message("user", [block])))
    assert raised.value.param == "messages"


def test_a_type_that_the_model_does_not_take_is_refused_by_what_the_bytes_are() -> None:
    types = ("image/jpeg", "image/webp")
    with pytest.raises(Unsupported, match="image/jpeg, image/webp; this one is image/png"):
        write(request(Message("user", [Image(Inline("image/jpeg", PNG))])), destination(image_types=types))
    assert part(File(Inline("image/png", PNG)), image_types=types)["inlineData"]["mimeType"] == "image/png"
    assert part(Image(Inline("image/png", PNG)), image_types=("image/png",))["inlineData"]["data"] == PNG


@pytest.mark.parametrize("data", ["no base64!", "Zß", "abc"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(Unsupported, match="not valid base64"):
        write(request(Message("user", [Image(Inline("image/png", data))])))
