import pytest

from polyglot_cloud.settings.urls import BadUrl, Listeners, is_loopback, normalise

NORMALISED = [
    ("https://h.example", "https://h.example/v1"),
    ("https://h.example/", "https://h.example/v1"),
    ("https://h.example/v1", "https://h.example/v1"),
    ("https://h.example/v1///", "https://h.example/v1"),
    ("  https://h.example/v1\n", "https://h.example/v1"),
    ("https://h.example/v1beta", "https://h.example/v1beta"),
    ("https://h.example/v1alpha2", "https://h.example/v1alpha2"),
    ("https://h.example/v2", "https://h.example/v2"),
    ("http://h:1/openai", "http://h:1/openai/v1"),
    ("http://h:1/openai/v1", "http://h:1/openai/v1"),
    ("https://h.example/v1/account/openai", "https://h.example/v1/account/openai"),
    ("https://h.example/v1beta/openai/", "https://h.example/v1beta/openai"),
    ("https://h.example/vault", "https://h.example/vault/v1"),
    ("https://h.example/v1x", "https://h.example/v1x/v1"),
    ("HTTPS://H.Example:8443/V", "https://h.example:8443/V/v1"),
    ("https://h.example.:443", "https://h.example:443/v1"),
    ("http://[::1]:9000", "http://[::1]:9000/v1"),
]


@pytest.mark.parametrize(("text", "expected"), NORMALISED)
def test_the_version_is_appended_where_none_stands(text: str, expected: str) -> None:
    assert normalise(text, "https://api.example/v1").text == expected


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("https://api.example/v1beta", "https://h.example/p/v1beta"),
        ("https://api.example/x/v1beta/", "https://h.example/p/v1beta"),
        ("https://api.example/api", "https://h.example/p"),
        ("https://api.example", "https://h.example/p"),
        ("", "https://h.example/p"),
    ],
)
def test_the_version_is_the_defaults(default: str, expected: str) -> None:
    assert normalise("https://h.example/p", default).text == expected


@pytest.mark.parametrize(("text", "expected"), NORMALISED)
def test_normalising_twice_changes_nothing(text: str, expected: str) -> None:
    assert normalise(expected, "https://api.example/v1").text == expected


REFUSED = [
    ("", "visible ASCII"),
    ("h.example/v1", "must begin with https"),
    ("localhost:8080", "must begin with https"),
    ("ftp://h.example", "must begin with https"),
    ("file:///etc/passwd", "must begin with https"),
    ("https://", "names no host"),
    ("https:///v1", "names no host"),
    ("https://.", "names no host"),
    ("https://user:hunter2@h.example", "user or password"),
    ("https://hunter2@h.example", "user or password"),
    ("https://@h.example", "user or password"),
    ("https://h.example/?hunter2=1", "query"),
    ("https://h.example?", "query"),
    ("https://h.example/#hunter2", "fragment"),
    ("https://h.example:hunter2", "cannot be read"),
    ("https://h.example:99999", "cannot be read"),
    ("https://h.example:0", "port 0"),
    ("https://[::1", "cannot be read"),
    ("https://h.exa mple", "visible ASCII"),
    ("https://h.example\r\nx", "visible ASCII"),
    ("https://h\\evil.example", "backslashes"),
    ("https://hé.example", "visible ASCII"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_base_url_is_refused_without_being_repeated(text: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason) as refusal:
        normalise(text, "https://api.example/v1")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("https://h.example", False),
        ("http://h.example", True),
        ("http://192.168.1.4:8080", True),
        ("http://localhost:8080", False),
        ("http://127.8.8.8", False),
        ("http://[::1]", False),
    ],
)
def test_plain_http_is_in_the_clear_unless_it_stays_here(text: str, clear: bool) -> None:
    assert normalise(text).is_in_the_clear is clear


LOOPBACK = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "api.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "127.0.0.1",
    "127.255.1.2",
    "127.1",
    "2130706433",
    "0x7f.1",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_in_every_spelling(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["h.example", "localhost.example", "128.0.0.1", "::2", "10.0.0.1", "0.0.0.0", "é"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


LISTENERS = Listeners.of(("192.168.1.4", "Gate.Example.", "[fd00::1]", "box"), (8100, 443))


@pytest.mark.parametrize(
    "text",
    [
        *(f"http://{host if ':' not in host else f'[{host}]'}:8100/v1" for host in LOOPBACK),
        "http://0.0.0.0:8100",
        "http://[::]:8100",
        "http://192.168.1.4:8100",
        "http://GATE.example:8100/v1/anthropic",
        "http://[FD00::1]:8100",
        "http://box.:8100",
        "https://gate.example",
    ],
)
def test_our_own_listeners_are_known(text: str) -> None:
    assert LISTENERS.own(normalise(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8200",
        "http://192.168.1.5:8100",
        "https://api.example",
        "http://gate.example",
        "http://notbox:8100",
    ],
)
def test_other_listeners_are_not_ours(text: str) -> None:
    assert not LISTENERS.own(normalise(text))
