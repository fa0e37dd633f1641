import pytest

from polyglot_cloud.headers import downward, loss_list, query_upward, upward
from polyglot_cloud.neutral import Loss

SECRETS = ["authorization", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"]


@pytest.mark.parametrize(
    "name", [*SECRETS, "host", "accept-encoding", "content-length", "transfer-encoding", "connection", "te"]
)
@pytest.mark.parametrize("same_dialect", [True, False])
def test_secrets_and_the_connections_own_headers_stay_here(name: str, same_dialect: bool) -> None:
    assert upward([(name.encode(), b"x")], same_dialect=same_dialect) == {}


@pytest.mark.parametrize(
    "name",
    ["origin", "referer", "sec-fetch-site", "x-forwarded-for", "forwarded", "x-polyglot-tenant", "x-run-id", "x-agent"],
)
def test_who_the_client_is_stays_here(name: str) -> None:
    assert upward([(name.encode(), b"x")], same_dialect=True) == {}


def test_vendor_headers_go_up_in_the_same_dialect_only() -> None:
    headers = [
        (b"anthropic-beta", b"a"),
        (b"user-agent", b"claude-cli"),
        (b"traceparent", b"00-1"),
        (b"anthropic-beta", b"b"),
    ]
    assert upward(headers, same_dialect=True) == {
        "anthropic-beta": "a, b",
        "user-agent": "claude-cli",
        "traceparent": "00-1",
    }
    assert upward(headers, same_dialect=False) == {"traceparent": "00-1"}


def test_what_connection_names_is_hop_by_hop() -> None:
    headers = [
        (b"x-private", b"1"),
        (b"connection", b"close, X-Private"),
        (b"x-public", b"2"),
        (b"connection", b"X-More"),
    ]
    assert upward(headers, same_dialect=True) == {"x-public": "2"}


def test_rate_limits_and_request_ids_come_down_and_nothing_of_the_hosts_own() -> None:
    headers = {
        "x-ratelimit-remaining-tokens": "5", "anthropic-ratelimit-tokens-reset": "t", "request-id": "r", "retry-after": "3",
        "x-polyglot-sandbox": "openai", "set-cookie": "s", "server": "cloudflare", "transfer-encoding": "chunked", "x-internal": "1",
    }  # fmt: skip
    assert sorted(downward(headers)) == [
        "anthropic-ratelimit-tokens-reset", "request-id", "retry-after", "x-polyglot-sandbox", "x-ratelimit-remaining-tokens",
        "x-request-id",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["x-request-id", "x-ratelimit-limit-tokens"])
@pytest.mark.parametrize("value", ["a" * 5000, "a\x01b", "a\r\nset-cookie: x"])
def test_what_no_client_could_take_does_not_come_down(name: str, value: str) -> None:
    assert downward({name: value}) == {}


def test_white_space_around_a_value_is_not_sent() -> None:
    assert upward([(b"x-foo", b" a  \t")], same_dialect=True) == {"x-foo": "a"}


def test_a_long_list_of_losses_stays_a_header() -> None:
    many = [Loss(f"/messages/{number}/name", "dropped", "") for number in range(1000)]
    assert loss_list(many) == "/messages/*/name"
    words = [Loss(f"/{'x' * 50}{number}", "dropped", "") for number in range(1000)]
    assert len(loss_list(words)) < 2100
    assert loss_list(words).endswith(" more")


@pytest.mark.parametrize(
    ("query", "sent"),
    [("key=mine", ""), ("alt=sse&key=mine", "alt=sse"), ("%6Bey=mine&beta=true", "beta=true"), ("a=b&a=c", "a=b&a=c")],
)
def test_credentials_in_a_query_stay_here(query: str, sent: str) -> None:
    assert query_upward(query) == sent


def test_losses_in_a_header_value() -> None:
    losses = [
        Loss("/seed", "dropped", ""),
        Loss("/temperature", "approximated", ""),
        Loss("/seed", "dropped", ""),
        Loss("/x\r\nset-cookie: ü", "dropped", ""),
    ]
    assert loss_list(losses) == "/seed, /temperature (approximated), /x??set-cookie: ?"
