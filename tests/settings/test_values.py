from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.settings import values

READ: list[tuple[Callable[[Any], object], Any, object]] = [
    (values.usd, "10", 10_000_000_000),
    (values.usd, 10, 10_000_000_000),
    (values.usd, " 0.1 ", 100_000_000),
    (values.usd, Decimal("1E+1"), 10_000_000_000),
    (values.usd, "999999999.999999999", 999_999_999_999_999_999),
    (values.zone, " Europe/Berlin ", "Europe/Berlin"),
    (values.size, "33554432", 33554432),
    (values.size, 10, 10),
    (values.size, "32MiB", 32 * 1024**2),
    (values.size, " 10 MB ", 10_000_000),
    (values.size, "512k", 512 * 1024),
    (values.size, "1GiB", 1024**3),
    (values.size, "1.5KiB", 1536),
    (values.size, "7B", 7),
    (values.seconds, "10", 10.0),
    (values.seconds, "0", 0.0),
    (values.seconds, 2.5, 2.5),
    (values.seconds, "10s", 10.0),
    (values.seconds, "500ms", 0.5),
    (values.seconds, "2m", 120.0),
    (values.seconds, "24h", 86400.0),
    (values.some_seconds, "0.1", 0.1),
    (values.interval, "3m", 180.0),
    (values.interval, "100ms", 0.1),
    (values.service, "HTTP://Localhost:6103/", "http://localhost:6103"),
    (values.services, "http://a:1, http://a:1/, https://b", ("http://a:1", "https://b")),
    (values.models, "local/a/b:c, local/a/b:c", ("local/a/b:c",)),
    (values.tenant, " acme ", "acme"),
    (values.port, "0", 0),
    (values.port, " 8100 ", 8100),
    (values.port, 65535, 65535),
    (values.host, "127.0.0.1", "127.0.0.1"),
    (values.host, "[::1]", "::1"),
    (values.host, "FE80::1%eth0", "fe80::1%eth0"),
    (values.host, "Gate.Example", "gate.example"),
    (values.host, "my_box", "my_box"),
    (values.hosts, "a.example, B.example,, a.example", ("a.example", "b.example")),
    (values.hosts, '["a.example", "::1", ""]', ("a.example", "::1")),
    (values.hosts, ("a.example",), ("a.example",)),
    (values.hosts, "[]", ()),
    (
        values.networks,
        "Files.internal, 10.1.2.3,10.0.0.0/8, fd00::/8",
        ("files.internal", "10.1.2.3", "10.0.0.0/8", "fd00::/8"),
    ),
    (values.networks, "", ()),
    (values.origins, "http://localhost:3000,HTTPS://App.example/", ("http://localhost:3000", "https://app.example")),
    (values.origins, "https://app.example:443, http://app.example:80", ("https://app.example", "http://app.example")),
    (values.origins, "http://[::1]:3000", ("http://[::1]:3000",)),
    (values.origins, "chrome-extension://abcdef", ("chrome-extension://abcdef",)),
    (values.aliases, '{"fast": "gemini/low"}', {"fast": "gemini/low"}),
    (values.aliases, {"a": "b/c/d"}, {"a": "b/c/d"}),
    (values.path, " a/b ", Path("a/b")),
    (values.path, Path("a"), Path("a")),
]


@pytest.mark.parametrize(("reader", "text", "expected"), READ)
def test_values_in_the_spellings_people_use(reader: Callable[[Any], object], text: Any, expected: object) -> None:
    assert reader(text) == expected


REFUSED: list[tuple[Callable[[Any], object], Any, str]] = [
    (values.size, "32 apples", "must be a size"),
    (values.size, "-1", "must be a size"),
    (values.size, "1e3", "must be a size"),
    (values.size, "nan", "must be a size"),
    (values.size, "0", "from 1 byte"),
    (values.size, "2000GiB", "1024 GiB"),
    (values.seconds, "soon", "must be a time"),
    (values.seconds, "-1", "must be a time"),
    (values.seconds, "inf", "must be a time"),
    (values.seconds, "25h", "at most one day"),
    (values.some_seconds, "0", "more than zero"),
    (values.some_seconds, "0ms", "more than zero"),
    (values.interval, "0", "from 100ms to 3m"),
    (values.interval, "181", "from 100ms to 3m"),
    (values.service, "127.0.0.1:6103", "must be an address such as"),
    (values.service, "http://h:1/path", "must be an address such as"),
    (values.service, "ftp://h:1", "must be an address such as"),
    (values.service, "http://user@h:1", "must be an address such as"),
    (values.service, "http://h:65536", "must be an address such as"),
    (values.service, "http://", "must be an address such as"),
    (values.services, "http://a:1, b", "must be an address such as"),
    (values.models, "gpt-5.5", "must be models such as"),
    (values.models, "openai/", "must be models such as"),
    (values.models, "/gpt-5.5", "must be models such as"),
    (values.models, "openai/gpt 5", "must be models such as"),
    (values.tenant, "Acme Inc", "must"),
    (values.port, "65536", "must be a port"),
    (values.port, "-1", "must be a port"),
    (values.port, "81o0", "must be a port"),
    (values.port, "8100.0", "must be a port"),
    (values.port, "٨١٠٠", "must be a port"),
    (values.host, "http://h", "without scheme"),
    (values.host, "h:80", "without scheme"),
    (values.host, "a b", "without scheme"),
    (values.host, "", "without scheme"),
    (values.host, "*", "without scheme"),
    (values.host, "127.1", "a whole address"),
    (values.host, "8100", "a whole address"),
    (values.hosts, "a.example,*", "must name each host"),
    (values.hosts, "[1]", "list of texts"),
    (values.networks, "10.0.0.1/8", "must be host names, addresses or networks"),
    (values.networks, "https://files.internal", "must be host names, addresses or networks"),
    (values.networks, "*", "must be host names, addresses or networks"),
    (values.networks, "10.1", "must be host names, addresses or networks"),
    (values.usd, 0.1, "must be an amount"),
    (values.usd, True, "must be an amount"),
    (values.usd, "", "must be an amount"),
    (values.usd, Decimal("nan"), "must be an amount"),
    (values.usd, "0.0", "must be more than zero"),
    (values.zone, "", "must be a time zone"),
    (values.zone, "/etc/localtime", "must be a time zone"),
    (values.zone, "Europe", "must be a time zone"),
    (values.hosts, "[", "must be a list"),
    (values.hosts, "a b", "without scheme"),
    (values.origins, "*", "any web page spend"),
    (values.origins, "null", "any web page spend"),
    (values.origins, "app.example", "must be origins"),
    (values.origins, "http://app.example/path", "must be origins"),
    (values.origins, "http://user@app.example", "must be origins"),
    (values.origins, "http://app.example:x", "must be origins"),
    (values.origins, "http://app.example:0", "must be origins"),
    (values.origins, "http://", "must be origins"),
    (values.aliases, "{", "must be a JSON object"),
    (values.aliases, "[]", "must be a JSON object"),
    (values.aliases, '{"a": 1}', "each target"),
    (values.aliases, '{"a": "gpt"}', "each target"),
    (values.aliases, '{"a": "/gpt"}', "each target"),
    (values.aliases, '{"a": "openai/"}', "each target"),
    (values.aliases, '{"high": "openai/low"}', "an alias is one word"),
    (values.aliases, '{"": "openai/low"}', "an alias is one word"),
    (values.aliases, '{"a b": "openai/low"}', "an alias is one word"),
    (values.path, "~nobody-of-this-name/x", "home directory"),
]


@pytest.mark.parametrize(("reader", "text", "reason"), REFUSED)
def test_other_values_are_refused_with_what_would_do(reader: Callable[[Any], object], text: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        reader(text)


@given(st.integers(1, 10**18 - 1))
def test_an_amount_as_it_is_shown_is_read_again(nano: int) -> None:
    assert values.usd(values.shown_usd(nano)) == nano


@pytest.mark.parametrize(
    ("nano", "text"), [(10**9, "1.00"), (10_500_000_000, "10.50"), (1, "0.000000001"), (10**8, "0.10")]
)
def test_amounts_have_two_decimals_at_least(nano: int, text: str) -> None:
    assert values.shown_usd(nano) == text
