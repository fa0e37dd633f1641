import base64

import pytest

from polyglot_cloud.media_types import head, sniff


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\x89PNG", None),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\xff\xd8", None),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"GIF90a", None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypheix", "image/heic"),
        (b"\x00\x00\x00\x18ftypmif1", "image/heif"),
        (b"\x00\x00\x00\x18ftypmp42", None),
        (b"\x00\x00\x00\x18freeheic", None),
        (b"%PDF-1.7", "application/pdf"),
        (b" %PDF-1.7", None),
        (b"BM", None),
        (b"", None),
    ],
)
def test_sniff(beginning: bytes, media_type: str | None) -> None:
    assert sniff(beginning) == media_type
    assert sniff(beginning + b"\x00" * 40) == media_type


@pytest.mark.parametrize("data", [b"", b"a", b"%PDF-1.7", bytes(range(200))])
def test_the_head_is_the_beginning_of_what_was_encoded(data: bytes) -> None:
    assert head(base64.b64encode(data).decode()) == data[:24]


@pytest.mark.parametrize("data", ["no base64!", "Zß", "abc", "\x00"])
def test_no_base64_has_no_head(data: str) -> None:
    with pytest.raises(ValueError):  # binascii words it, each version in its own way
        head(data)
