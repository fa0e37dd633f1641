"""What bytes are, told by how they begin: clients name media types carelessly, and vendors refuse a wrong name."""

import base64

_HEAD = 32
"""Characters of base64 that are enough: 24 bytes."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
}
"""The major brand of an ISO base media file (ISO/IEC 23008-12, annex B)."""


def sniff(head: bytes) -> str | None:
    """The media type of a PNG, JPEG, GIF, WebP, HEIC or HEIF image or of a PDF; 12 bytes are enough. None: none of these.

    >>> sniff(b"%PDF-1.7")
    'application/pdf'
    """
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def head(data: str) -> bytes:
    """The first bytes of standard base64, at most 24. Raises ValueError where these are no base64."""
    return base64.b64decode(data[:_HEAD], validate=True)
