"""What a file is, by its first bytes: the type, and for an image its size. Broken ones are told from whole ones."""

import base64
import binascii
import re
import struct
from dataclasses import dataclass

_ARTICLES = {
    "image/png": "a PNG image",
    "image/jpeg": "a JPEG image",
    "image/gif": "a GIF image",
    "image/webp": "a WebP image",
}
_DATA_URL = re.compile(r"^data:([\w.+-]+/[\w.+-]+)?((?:;[\w.-]+=[^;,]*)*)(;base64)?,(.*)$", re.DOTALL)
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Medium:
    """A file. `type` is what its bytes say, "" where they say nothing known; `whole` is False for a torn image."""

    type: str
    size: int
    width: int = 0
    height: int = 0
    pages: int = 0
    whole: bool = True
    text: str = ""

    @property
    def told(self) -> str:
        """In words."""
        if self.type in _ARTICLES:
            return f"{_ARTICLES[self.type]} of {self.width}x{self.height} pixels"
        if self.type == "application/pdf":
            return f"a PDF of {self.pages} page{'' if self.pages == 1 else 's'}"
        if self.type.startswith("audio/"):
            return f"{self.size} bytes of {self.type.removeprefix('audio/').upper()} audio"
        if self.text:
            beginning = " ".join(self.text.split())[:80]
            return f'a text of {self.size} bytes that begins "{beginning}"'
        return f"a file of {self.size} bytes"


def decode(data: str) -> bytes | None:
    """Standard base64, with or without padding faults forgiven: none. None where it is not base64."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def data_url(url: str) -> tuple[str, bytes | None] | None:
    """The declared type and the bytes of a `data:` URL in base64; None where it is no such URL."""
    match = _DATA_URL.match(url)
    if not match or not match[3]:
        return None
    return match[1] or "text/plain", decode(match[4])


def inspect(data: bytes) -> Medium:
    """What the bytes are."""
    for start, reader in _READERS:
        if data.startswith(start):
            found = reader(data)
            if found:
                return found
    try:
        return Medium("text/plain", len(data), text=data.decode("utf-8"))
    except UnicodeDecodeError:
        return Medium("", len(data), whole=False)


def _png(data: bytes) -> Medium:
    whole = len(data) >= 33 and data[12:16] == b"IHDR" and b"IEND" in data[-16:]
    width, height = struct.unpack(">II", data[16:24]) if len(data) >= 24 else (0, 0)
    return Medium("image/png", len(data), width, height, whole=whole)


def _gif(data: bytes) -> Medium:
    width, height = struct.unpack("<HH", data[6:10]) if len(data) >= 10 else (0, 0)
    return Medium("image/gif", len(data), width, height, whole=len(data) >= 14 and data.rstrip(b"\0").endswith(b";"))


def _jpeg(data: bytes) -> Medium:
    """Walks the segments to the one that tells the size."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Medium("image/jpeg", len(data), width, height)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return Medium("image/jpeg", len(data), whole=False)


def _riff(data: bytes) -> Medium | None:
    if data[8:12] == b"WAVE":
        return Medium("audio/wav", len(data))
    if data[8:12] != b"WEBP":
        return None
    whole = len(data) >= 30 and len(data) >= int.from_bytes(data[4:8], "little") + 8
    width, height = _webp_size(data) if whole else (0, 0)
    return Medium("image/webp", len(data), width, height, whole=whole)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _pdf(data: bytes) -> Medium:
    pages = len(re.findall(rb"/Type\s*/Page(?!s)", data))
    return Medium("application/pdf", len(data), pages=max(1, pages), whole=b"%%EOF" in data[-1024:])


def _mp3(data: bytes) -> Medium:
    return Medium("audio/mp3", len(data))


_READERS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"GIF8", _gif),
    (b"RIFF", _riff),
    (b"%PDF-", _pdf),
    (b"ID3", _mp3),
    (b"\xff\xfb", _mp3),
    (b"\xff\xf3", _mp3),
)
