import pytest

from polyglot_cloud.hosts import in_url, is_loopback, is_wildcard, named_by


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.3.4", "::1", "0:0:0:0:0:0:0:1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "x.localhost", "LOCALHOST", "127.1", "2130706433",
        "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.example", "::ffff:127.0.0.1", "::1%lo", "[::1]",
    ],
)  # fmt: skip
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(("host", "wild"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("any", False)])
def test_wildcard(host: str, wild: bool) -> None:
    assert is_wildcard(host) is wild


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8101", "localhost"),
        ("localhost.:8101", "localhost"),
        ("127.0.0.1:", "127.0.0.1"),
        ("[::1]:8101", "::1"),
        ("[FE80::1]", "fe80::1"),
        ("my_host-1.example:1", "my_host-1.example"),
        # malformed
        ("", None),
        (".", None),
        (":80", None),
        ("::1", None),
        ("[::1", None),
        ("[127.0.0.1]", None),
        ("[:::]", None),
        ("localhost:8x", None),
        ("localhost:123456", None),
        ("localhost:80:80", None),
        ("user@localhost", None),
        ("localhost, evil.example", None),
        (" localhost", None),
        ("localhost\n", None),
        ("localhost/x", None),
        ("loc%61lhost", None),
        ("ⅼocalhost", None),
    ],
)
def test_the_host_of_an_authority(authority: str, host: str | None) -> None:
    assert named_by(authority) == host


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert in_url("::1") == "[::1]"
    assert in_url("127.0.0.1") == "127.0.0.1"
