import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.transport.heads import joined, request_head
from polyglot_cloud.transport.origins import Origin, place

texts = st.text(st.characters(codec="latin-1"), max_size=20)


def test_a_head() -> None:
    given_headers = {"Host": "evil", "content-length": "99", "Transfer-Encoding": "chunked", "X-A": "1", "x-empty": ""}
    assert request_head("POST", "/a?b", "h.example", given_headers, 3) == (
        b"POST /a?b HTTP/1.1\r\nhost: h.example\r\nX-A: 1\r\nx-empty: \r\naccept-encoding: identity\r\ncontent-length: 3\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "size", "said"), [("GET", 0, False), ("GET", 1, True), ("POST", 0, True), ("DELETE", 0, False)]
)
def test_a_length_is_said_where_it_means_something(method: str, size: int, said: bool) -> None:
    assert (b"content-length" in request_head(method, "/", "h", {}, size)) is said


def test_an_encoding_that_was_asked_for_is_asked_for() -> None:
    head = request_head("GET", "/", "h", {"accept-encoding": "gzip"}, 0)
    assert head == b"GET / HTTP/1.1\r\nhost: h\r\naccept-encoding: gzip\r\n\r\n"


@given(name=texts, value=texts, target=texts)
def test_no_text_writes_a_line_of_its_own(name: str, value: str, target: str) -> None:
    try:
        head = request_head("GET", target, "h", {name: value}, 0)
    except httpx.LocalProtocolError:
        return
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
    assert head.count(b"\r\n") - 4 <= 1  # the request, host, accept-encoding, the empty line; and perhaps this one
    assert b"\0" not in head


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\nX: y", "G\N{LATIN SMALL LETTER E WITH ACUTE}T"])
def test_a_method_is_one_word(method: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        request_head(method, "/", "h", {}, 0)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_the_name_of_a_header_is_one_word(name: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        request_head("GET", "/", "h", {name: "x"}, 0)


@pytest.mark.parametrize("value", ["\N{EURO SIGN}", "a\r", "\n", "\0", "\x1b[0m", "\x7f"])
def test_a_value_is_latin_1_without_control_characters(value: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        request_head("GET", "/", "h", {"x": value}, 0)


def test_tabs_are_allowed() -> None:
    assert b"x: a\tb\r\n" in request_head("GET", "/", "h", {"x": "a\tb"}, 0)


def test_lines_are_joined_by_name() -> None:
    assert joined([(b"A", b"1 "), (b"b", b"\xe9\t"), (b"a", b"2")]) == {"a": "1, 2", "b": "\xe9"}


@pytest.mark.parametrize(
    ("url", "origin", "authority", "target"),
    [
        ("https://api.example/v1/x?y=1", Origin("https", "api.example", 443), "api.example", "/v1/x?y=1"),
        ("http://127.0.0.1:80", Origin("http", "127.0.0.1", 80), "127.0.0.1", "/"),
        ("http://[::1]:8080/a", Origin("http", "::1", 8080), "[::1]:8080", "/a"),
        ("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/\N{LATIN SMALL LETTER E WITH ACUTE} x",
         Origin("https", "xn--bcher-kva.example", 443), "xn--bcher-kva.example", "/%C3%A9%20x"),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart_as_httpx_does(url: str, origin: Origin, authority: str, target: str) -> None:
    assert place(url) == (origin, authority, target)
    request = httpx.Request("GET", url)
    assert (request.headers["host"], request.url.raw_path.decode()) == (authority, target)


@pytest.mark.parametrize("url", ["http://h:99999/", "http://h:x/", "http://h/\n", "http://" + "h" * 70_000])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(httpx.InvalidURL):
        place(url)


@pytest.mark.parametrize("url", ["", "/x", "http:///x", "ftp://h/", "ws://h/"])
def test_what_nobody_here_reaches(url: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        place(url)
