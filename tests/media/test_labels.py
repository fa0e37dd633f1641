import base64

import pytest

from media.world import PDF, PNG
from polyglot_cloud.media.fetching import Fetched, NotFetched
from polyglot_cloud.media.labels import KINDS, Kind, labelled
from polyglot_cloud.neutral import Audio, File, Image, Inline

WAV = b"RIFF\x24\0\0\0WAVEfmt "
NAMED: list[tuple[Kind, bytes, str, str]] = [
    # kind, bytes, the server's word, ours
    (Image, PNG, "image/png", "image/png"),
    (Image, PNG, "image/jpeg", "image/png"),
    (Image, PNG, "text/html", "image/png"),
    (Image, PNG, "", "image/png"),
    (Image, b"\xff\xd8\xff\xe0", "application/octet-stream", "image/jpeg"),
    (Image, b"GIF89a", "image/png", "image/gif"),
    (Image, b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", "image/webp"),
    (Image, b"\0\0\0\x18ftypheic", "binary/octet-stream", "image/heic"),
    (File, PDF, "application/pdf", "application/pdf"),
    (File, PDF, "text/plain", "application/pdf"),
    (File, PNG, "application/pdf", "image/png"),
    (File, b"a,b\n", "text/csv", "text/csv"),
    (File, b"{}", "application/json", "text/plain"),
    (File, "é".encode(), "", "text/plain"),
    (File, b"\xef\xbb\xbfa", "text/markdown", "text/markdown"),
    (File, b"a", "text/x;base64,", "text/plain"),
    (File, b"a", "application/pdf", "text/plain"),
    (Audio, WAV, "text/plain", "audio/wav"),
    (Audio, b"ID3\x04", "", "audio/mp3"),
    (Audio, b"\xff\xfb\x90", "", "audio/mp3"),
    (Audio, b"OggS", "", "audio/ogg"),
    (Audio, b"fLaC", "", "audio/flac"),
]


@pytest.mark.parametrize(("kind", "data", "word", "ours"), NAMED)
def test_the_bytes_decide(kind: Kind, data: bytes, word: str, ours: str) -> None:
    assert labelled(kind, Fetched(data, word)) == Inline(ours, base64.b64encode(data).decode())


@pytest.mark.parametrize(
    ("kind", "data", "word", "reason"),
    [
        (Image, b"<!doctype html>", "text/html", "a web page"),
        (Image, b"<!doctype html>", "image/png", "no JPEG"),
        (Image, b"<svg/>", "image/svg+xml", "no JPEG"),
        (Image, b"", "image/png", "no JPEG"),
        (Image, PDF, "application/pdf", "a PDF, which is sent as a file"),
        (File, b"PK\x03\x04\xff", "application/zip", "neither PDF nor text"),
        (File, b"a\0b", "text/plain", "neither PDF nor text"),
        (File, b"\xe9", "text/plain", "neither PDF nor text"),
        (Audio, b"RIFF\0\0\0\0WEBP", "audio/wav", "no WAV"),
        (Audio, PNG, "audio/mp3", "no WAV"),
    ],
)
def test_what_is_none_of_its_kind(kind: Kind, data: bytes, word: str, reason: str) -> None:
    with pytest.raises(NotFetched, match=reason) as raised:
        labelled(kind, Fetched(data, word))
    assert raised.value.code == f"unsupported_{KINDS[kind]}_type"
