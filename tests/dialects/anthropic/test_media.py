import base64

import pytest

from dialects.anthropic.bodies import lost, request, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Block, File, FileId, Image, Inline, Url
from polyglot_cloud.rows import Quirks

HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    "image/gif": b"GIF89a\x01\x00\x01\x00\x00\x00",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sent(block: Block, quirks: Quirks | None = None) -> Body:
    content: list[Body] = write(request(block), quirks or Quirks()).body["messages"][0]["content"]
    return content[0]


@pytest.mark.parametrize("true_type", HEADS)
@pytest.mark.parametrize("label", ["image/png", "image/jpeg", "application/octet-stream"])
def test_trap_09_label_is_corrected_by_magic_bytes(true_type: str, label: str) -> None:
    data = b64(HEADS[true_type])
    assert sent(Image(Inline(label, data))) == {
        "type": "image",
        "source": {"type": "base64", "media_type": true_type, "data": data},
    }


@pytest.mark.parametrize("head", [b"BM\x00\x00\x00\x00", b"RIFF\x24\x00\x00\x00WAVE", b"%PDF-1.7", b"", b"<svg"])
def test_trap_09_other_images_are_refused(head: bytes) -> None:
    with pytest.raises(Unsupported, match="image/webp") as caught:
        sent(Image(Inline("image/png", b64(head))))
    assert caught.value.param == "messages"


def test_trap_09_a_models_own_list_of_types_counts() -> None:
    with pytest.raises(Unsupported, match=r"none of image/png,"):
        sent(Image(Inline("image/gif", b64(HEADS["image/gif"]))), Quirks(image_types=("image/png",)))


@pytest.mark.parametrize("data", ["!!!!", "abc", "ä"])
def test_data_that_is_no_base64_is_a_bad_request(data: str) -> None:
    with pytest.raises(BadRequest) as caught:
        sent(Image(Inline("image/png", data)))
    assert type(caught.value) is BadRequest


@pytest.mark.parametrize(
    ("block", "source"),
    [
        (Image(Url("https://example.org/a.png")), {"type": "url", "url": "https://example.org/a.png"}),
        (Image(FileId("file_1")), {"type": "file", "file_id": "file_1"}),
        (File(Url("https://example.org/a.pdf")), {"type": "url", "url": "https://example.org/a.pdf"}),
        (File(FileId("file_1")), {"type": "file", "file_id": "file_1"}),
    ],
)
def test_references_are_passed_on(block: Block, source: Body) -> None:
    assert sent(block) == {"type": "image" if isinstance(block, Image) else "document", "source": source}


@pytest.mark.parametrize(("detail", "losses"), [(None, []), ("auto", []), ("low", [("/messages/0", "dropped")])])
def test_trap_09_detail_is_lost(detail: str | None, losses: list[tuple[str, str]]) -> None:
    assert lost(write(request(Image(Url("https://example.org/a.png"), detail)))) == losses


@pytest.mark.parametrize("label", ["application/pdf", "application/octet-stream", "text/plain"])
def test_trap_10_pdf_is_a_base64_document(label: str) -> None:
    data = b64(b"%PDF-1.7 x")
    assert sent(File(Inline(label, data), "a.pdf")) == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": data},
        "title": "a.pdf",
    }


@pytest.mark.parametrize("label", ["text/plain", "text/markdown; charset=utf-8", "Application/JSON"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_trap_10_text_files_become_text(label: str, start: bytes) -> None:
    assert sent(File(Inline(label, b64(start + "grüezi".encode())))) == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "grüezi"},
    }


def test_trap_10_text_must_be_utf_8() -> None:
    with pytest.raises(BadRequest, match="UTF-8") as caught:
        sent(File(Inline("text/plain", b64("grüezi".encode("latin-1")))))
    assert type(caught.value) is BadRequest


@pytest.mark.parametrize("label", ["application/zip", "audio/wav", ""])
def test_trap_10_other_files_are_refused(label: str) -> None:
    with pytest.raises(Unsupported, match="PDF and text"):
        sent(File(Inline(label, b64(b"PK\x03\x04"))))
