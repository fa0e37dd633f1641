"""POST generate over real sockets, on each port."""

import json

import httpx
import pytest

from end_to_end.conftest import PROVIDERS, Gateway


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/{provider}", "/v1/{provider}/v1"])
def test_plain_is_the_default(gateway: Gateway, provider: str, prefix: str) -> None:
    url = f"{gateway.root(provider)}{prefix.format(provider=provider)}/generate"
    value = httpx.post(url, json={"prompt": "Say hello."}).json()
    assert value["response"]
    assert value["done"] is True
    assert value["eval_count"] > 0
    assert value["total_duration"] > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_streamed_it_is_a_line_a_piece(gateway: Gateway, provider: str) -> None:
    url = f"{gateway.root(provider)}/generate"
    plain = httpx.post(url, json={"prompt": "Tell me of the sea.", "options": {"num_predict": 500}}).json()
    with httpx.stream(
        "POST", url, json={"prompt": "Tell me of the sea.", "stream": True, "options": {"num_predict": 500}}
    ) as reply:
        assert reply.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in reply.iter_lines()]
    assert "".join(line["response"] for line in lines) == plain["response"]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["eval_count"] == plain["eval_count"]
