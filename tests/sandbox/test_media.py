import struct

import pytest

from polyglot_cloud.sandbox import media
from sandbox.kit import png

JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 3, 5) + b"\x01\x01\x11\x00" + b"\xff\xd9"


def webp(chunk: bytes) -> bytes:
    body = b"WEBP" + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body


VP8X = webp(b"VP8X" + b"\x0a\0\0\0" + b"\0\0\0\0" + b"\x06\0\0" + b"\x08\0\0")
VP8L = webp(b"VP8L" + b"\x0a\0\0\0" + b"\x2f" + struct.pack("<I", 6 | 8 << 14) + b"\0" * 5)
VP8 = webp(b"VP8 " + b"\x0a\0\0\0" + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 7, 9))


@pytest.mark.parametrize(
    ("data", "kind", "told", "whole"),
    [
        (png(3, 4), "image/png", "a PNG image of 3x4 pixels", True),
        (png(3, 4)[:-9], "image/png", "a PNG image of 3x4 pixels", False),
        (png()[:20], "image/png", "a PNG image of 0x0 pixels", False),
        (JPEG, "image/jpeg", "a JPEG image of 5x3 pixels", True),
        (JPEG[:8], "image/jpeg", "a JPEG image of 0x0 pixels", False),
        (b"GIF89a\x05\0\x06\0\0\0\0;", "image/gif", "a GIF image of 5x6 pixels", True),
        (b"GIF89a", "image/gif", "a GIF image of 0x0 pixels", False),
        (VP8X, "image/webp", "a WebP image of 7x9 pixels", True),
        (VP8L, "image/webp", "a WebP image of 7x9 pixels", True),
        (VP8, "image/webp", "a WebP image of 7x9 pixels", True),
        (VP8[:20], "image/webp", "a WebP image of 0x0 pixels", False),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "16 bytes of WAV audio", True),
        (b"ID3\x04", "audio/mp3", "4 bytes of MP3 audio", True),
        (b"%PDF-1.4 /Type /Page /Type /Pages /Type/Page %%EOF", "application/pdf", "a PDF of 2 pages", True),
        (b"%PDF-1.4", "application/pdf", "a PDF of 1 page", False),
        (b"Once upon a time", "text/plain", 'a text of 16 bytes that begins "Once upon a time"', True),
        (b"RIFF\0\0\0\0AVI ", "text/plain", None, True),
        (b"\x80\x81", "", "a file of 2 bytes", False),
        (b"", "text/plain", "a file of 0 bytes", True),
    ],
)
def test_files(data: bytes, kind: str, told: str | None, whole: bool) -> None:
    found = media.inspect(data)
    assert (found.type, found.whole) == (kind, whole)
    assert told is None or found.told == told


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:text/plain;base64,aGk=", ("text/plain", b"hi")),
        ("data:text/plain;charset=utf-8;base64,aGk=", ("text/plain", b"hi")),
        ("data:;base64,aGk=", ("text/plain", b"hi")),
        ("data:image/png;base64,!", ("image/png", None)),
        ("data:text/plain,hi", None),
        ("https://example.com", None),
    ],
)
def test_data_urls(url: str, found: tuple[str, bytes | None] | None) -> None:
    assert media.data_url(url) == found
