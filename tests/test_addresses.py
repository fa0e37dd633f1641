from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hostile import CLOSED, REFUSED
from polyglot_cloud.addresses import Address, Allowed, is_public, may_fetch, read_place

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
    "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2606:4700::1", "2a00:1450:4001:80b::200e", "2001:200::1", "64:ff9b::808:808", "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_hosts_of_the_public_internet(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", CLOSED)
def test_addresses_that_are_no_public_host(text: str) -> None:
    assert not is_public(ip_address(text))


@given(st.ip_addresses())
def test_the_standard_library_never_finds_us_too_open(found: Address) -> None:
    if is_public(found):
        inner = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        assert (inner or found).is_global
        assert not (inner or found).is_multicast


@given(st.ip_addresses(v=4))
def test_wrapping_an_ipv4_address_opens_nothing(found: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert is_public(IPv6Address(int(IPv6Address(prefix)) | int(found))) is is_public(found)
    assert not is_public(IPv6Address(int(found)))
    assert not is_public(IPv6Address((0x2002 << 112) | (int(found) << 80) | 1))
    assert not is_public(IPv6Address((0x20010000 << 96) | (~int(found) & 0xFFFFFFFF)))


# --- URLs ---

READ = [
    ("https://example.com", "https://example.com/"),
    ("http://example.com/", "http://example.com/"),
    ("HTTPS://Example.COM:443/A?b=C#d", "https://example.com/A?b=C"),
    ("http://example.com.:80/a", "http://example.com/a"),
    ("https://example.com:8443/", "https://example.com:8443/"),
    ("http://example.com:443/", "http://example.com:443/"),
    ("https://example.com:/a", "https://example.com/a"),
    (" https://example.com/a b ", "https://example.com/a%20b"),
    ("https://example.com/ä?ö=ü%20", "https://example.com/%C3%A4?%C3%B6=%C3%BC%20"),
    ("https://example.com?x=1", "https://example.com/?x=1"),
    ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
    ("https://my_bucket.example/", "https://my_bucket.example/"),
    ("https://1.2.3.4/", "https://1.2.3.4/"),
    ("https://[2A00:0:0::1]:8443/", "https://[2a00::1]:8443/"),
    ("http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"),
    ("http://127.0.0.1/", "http://127.0.0.1/"),
    ("http://127。0。0。1/", "http://127.0.0.1/"),
    ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "read"), READ)
def test_a_url_is_read(url: str, read: str) -> None:
    place = read_place(url)
    assert place.url == read
    assert read_place(place.url) == place


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_a_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_place(url)


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_what_is_read_is_one_host_in_ascii(url: str) -> None:
    try:
        place = read_place(url)
    except ValueError:
        return
    assert place.url.isascii()
    assert not set("@\\ \r\n\t") & set(place.authority)
    assert read_place(place.url) == place


def test_the_address_takes_the_place_of_the_host_and_the_header_keeps_its_name() -> None:
    place = read_place("https://example.com/a?b")
    assert place.authority == "example.com"
    assert place.at(ip_address("1.2.3.4")) == "https://1.2.3.4:443/a?b"
    assert place.at(ip_address("2a00::1")) == "https://[2a00::1]:443/a?b"
    assert read_place("http://example.com:8080/").authority == "example.com:8080"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/c", "https://example.com/c"),
        ("c?d", "https://example.com/a/c?d"),
        ("//other.example/c", "https://other.example/c"),
        ("https://other.example:8443/c", "https://other.example:8443/c"),
        ("https://127.0.0.1/", "https://127.0.0.1/"),
    ],
)
def test_a_redirect_is_followed_to(location: str, url: str) -> None:
    assert read_place("https://example.com/a/b").followed(location).url == url


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://example.com/", "from https to http"),
        ("file:///etc/passwd", "must begin"),
        ("ftp://example.com/", "must begin"),
        ("gopher://example.com/", "must begin"),
        ("data:image/png;base64,aaaa", "must begin"),
        ("//user@example.com/", "user name"),
        ("//[::1", "cannot be read"),
        ("//2130706433/", "number"),
    ],
)
def test_a_redirect_is_refused_to(location: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_place("https://example.com/a").followed(location)


# --- what may be fetched ---


def fetchable(url: str, *found: str, allowed: tuple[str, ...] = ()) -> bool:
    return may_fetch(read_place(url), [ip_address(text) for text in found], Allowed.of(allowed))


def test_a_host_is_as_open_as_the_most_closed_of_its_addresses() -> None:
    assert fetchable("https://a.example/", "1.1.1.1", "2606:4700::1")
    assert not fetchable("https://a.example/", "1.1.1.1", "10.0.0.1")
    assert not fetchable("https://a.example/", "127.0.0.1", "1.1.1.1")
    assert not fetchable("https://a.example/")


@pytest.mark.parametrize(
    ("port", "free"),
    [(80, True), (443, True), (1024, True), (8080, True), (65535, True), (0, False), (22, False), (25, False), (1023, False)],
)  # fmt: skip
def test_ports(port: int, free: bool) -> None:
    assert fetchable(f"http://a.example:{port}/", "1.1.1.1") is free
    assert fetchable(f"http://a.example:{port}/", "10.0.0.1", allowed=("a.example",))


def test_what_the_operator_opened() -> None:
    assert fetchable("http://10.1.2.3/", "10.1.2.3", allowed=("10.0.0.0/8",))
    assert fetchable("http://[::1]:8/", "::1", allowed=("::1",))
    assert fetchable("http://a.example/", "::ffff:10.1.2.3", allowed=("10.1.2.3",))
    assert fetchable("http://A.example./", "fd12::1", "127.0.0.1", "1.1.1.1", allowed=("a.Example",))
    assert not fetchable("http://b.a.example/", "10.0.0.1", allowed=("a.example",))
    assert not fetchable("http://a.example/", "10.1.2.3", "192.168.0.1", allowed=("10.0.0.0/8",))


@pytest.mark.parametrize(
    "found",
    [
        "169.254.169.254", "0.0.0.0", "224.0.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fe80::1", "fd00:ec2::254",
        "fd20:ce::254",
    ],
)  # fmt: skip
def test_an_allowed_name_does_not_open_what_holds_a_machines_credentials(found: str) -> None:
    assert not fetchable("http://a.example/", found, allowed=("a.example",))
    assert fetchable("http://a.example/", found, allowed=(found,))


@pytest.mark.parametrize("member", ["10.0.0.1/8", "10.0.0.0/33", "*", "a b", "https://a.example", "10.1", "", "a/b"])
def test_what_is_no_host_or_network_cannot_be_allowed(member: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Allowed.of([member])
