import pytest

from polyglot_cloud.transport import Proxies

HTTPS = ("https", "api.example.com", 443)


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ({"https_proxy": "http://p:3128", "HTTPS_PROXY": "http://q"}, "http://p:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://q"}, "http://q"),
        ({"HTTPS_PROXY": " p:3128 "}, "http://p:3128"),
        ({"HTTP_PROXY": "http://p"}, None),
        ({"ALL_PROXY": "socks5://p"}, "socks5://p"),
        ({"ALL_PROXY": "http://p", "HTTPS_PROXY": "http://q"}, "http://q"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
    ],
)
def test_which_proxy_the_environment_names(environ: dict[str, str], proxy: str | None) -> None:
    assert Proxies.of(environ).proxy(*HTTPS) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("API.Example.com", "api.example.COM", 443, True),
        ("example.com", "api.example.com", 443, True),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        (".example.com", "example.com", 443, True),
        ("ample.com", "api.example.com", 443, False),
        ("other.com, example.com", "api.example.com", 443, True),
        ("other.com example.com", "api.example.com", 443, True),
        ("example.com:443", "api.example.com", 443, True),
        ("example.com:8443", "api.example.com", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:443", "10.1.2.3", 443, True),
        ("2001:db8::1", "2001:db8::1", 443, True),
        ("[2001:db8::1]:443", "2001:db8::1", 443, True),
        ("2001:db8::/32", "2001:db8::7", 443, True),
        ("example.com", "10.1.2.3", 443, False),
        ("10.0.0.0/8", "api.example.com", 443, False),
        (",, ,", "api.example.com", 443, False),
        ("", "localhost", 80, True),
        ("", "127.0.0.9", 80, True),
        ("", "::1", 80, True),
    ],
)
def test_what_is_reached_without_one(no_proxy: str, host: str, port: int, direct: bool) -> None:
    proxies = Proxies.of({"ALL_PROXY": "http://p", "NO_PROXY": no_proxy})
    assert (proxies.proxy("https", host, port) is None) is direct
