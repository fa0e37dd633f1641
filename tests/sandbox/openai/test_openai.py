import base64
import struct
from typing import Any

import pytest

from polyglot_cloud.sandbox.openai import wire
from sandbox.kit import Asker, cloud, user


@pytest.fixture
def openai() -> Asker:
    return cloud("openai")


def test_models(openai: Asker) -> None:
    rows = {row["id"]: row for row in openai.get("/models").json["data"]}
    assert rows["gpt-4o"]["shutdown_date"] == "2027-01-14"
    assert rows["gpt-6.1-sol"]["shutdown_date"] is None
    assert "gpt-4-turbo" not in rows
    assert openai.get("/models/gpt-4o").json == rows["gpt-4o"]
    assert openai.get("/models/nobody").json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("key", "code"),
    [("", None), ("Bearer wrong-key-of-mine", "invalid_api_key"), ("Basic sandbox-openai-key", "invalid_api_key")],
)
def test_keys(openai: Asker, key: str, code: str | None) -> None:
    answer = openai.get("/models", authorization=key)
    assert (answer.status, answer.json["error"]["code"]) == (401, code)
    assert "wrong-key-of-mine" not in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/files", 404), ("PUT", "/chat/completions", 405)]
)
def test_paths(openai: Asker, method: str, path: str, status: int) -> None:
    assert openai.ask(method, path, b"{}").status == status


@pytest.mark.parametrize("body", [b"{", b'{"model": NaN}', b"\xff", b"[]", b"[" * 100_000])
def test_bodies_that_are_no_json_object(openai: Asker, body: bytes) -> None:
    answer = openai.post("/chat/completions", body)
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")


def embed(openai: Asker, given: Any, **more: Any) -> Any:
    return openai.post("/embeddings", {"model": "text-embedding-3-small", "input": given, **more})


@pytest.mark.parametrize(("given", "count"), [("a b", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2]], 2)])
def test_embeddings(openai: Asker, given: Any, count: int) -> None:
    body = embed(openai, given, dimensions=8).json
    assert [len(row["embedding"]) for row in body["data"]] == [8] * count
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 0


def test_base64_is_little_endian_float32(openai: Asker) -> None:
    plain = embed(openai, "hello", dimensions=4).json["data"][0]["embedding"]
    packed = embed(openai, "hello", dimensions=4, encoding_format="base64").json["data"][0]["embedding"]
    assert struct.unpack("<4f", base64.b64decode(packed)) == pytest.approx(plain)


def test_like_texts_are_near(openai: Asker) -> None:
    rows = embed(openai, ["a grey cat sleeps", "the grey cat sleeps", "quarterly tax report"]).json["data"]
    first, near, far = (row["embedding"] for row in rows)
    assert dot(first, first) == pytest.approx(1)
    assert dot(first, near) > dot(first, far) + 0.3


def dot(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "gpt-4o", "input": "x"}, 404),
        ({"model": "text-embedding-3-small", "input": ""}, 400),
        ({"model": "text-embedding-3-small", "input": []}, 400),
        ({"model": "text-embedding-3-small", "input": "x", "dimensions": 4000}, 400),
        ({"model": "text-embedding-ada-002", "input": "x", "dimensions": 8}, 400),
        ({"model": "text-embedding-3-small", "input": "word " * 8000}, 400),
        ({"model": "text-embedding-3-small", "input": "x", "encoding_format": "hex"}, 400),
    ],
)
def test_embeddings_refused(openai: Asker, body: dict[str, Any], status: int) -> None:
    assert openai.post("/embeddings", body).status == status


@pytest.mark.parametrize(
    ("mark", "status", "code"),
    [
        ("429", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("401", 401, "invalid_api_key"),
        ("400", 400, "invalid_value"),
        ("418", 418, "invalid_value"),
        ("500", 500, None),
        ("503", 503, "slow_down"),
        ("529", 529, None),
    ],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_errors_on_demand(openai: Asker, path: str, mark: str, status: int, code: str | None) -> None:
    field = {"messages": user(f"[[sandbox:{mark}]]")} if path.startswith("/chat") else {"input": f"[[sandbox:{mark}]]"}
    answer = openai.post(path, {"model": "gpt-5.5", **field})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_retry_after(openai: Asker) -> None:
    asked = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user("[[sandbox:429 retry-after=7]]")})
    assert asked.headers["retry-after"] == "7"
    usual = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user("[[sandbox:429]]")})
    assert usual.headers["retry-after-ms"] == "50"
    money = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user("[[sandbox:quota]]")})
    assert "retry-after" not in money.headers


def test_a_failure_that_passes(openai: Asker) -> None:
    body = {"model": "gpt-4o", "messages": user("[[sandbox:503 times=2]] Hello")}
    assert [openai.post("/chat/completions", body).status for _ in range(4)] == [503, 503, 200, 200]


@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_replies_that_are_no_vendors(openai: Asker, path: str) -> None:
    for mark, status, beginning in (("html", 502, b"<!DOCTYPE"), ("malformed", 200, b'{"id"')):
        text = f"[[sandbox:{mark}]]"
        field: dict[str, Any] = {"messages": user(text)} if path.startswith("/chat") else {"input": text}
        answer = openai.post(path, {"model": "gpt-4o", **field})
        assert (answer.status, answer.body.startswith(beginning)) == (status, True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0059, "6ms"), (0.0, "0ms"), (12.5, "12.5s"), (360, "6m0s"), (61, "1m1s")]
)
def test_go_durations(seconds: float, text: str) -> None:
    assert wire.go_duration(seconds) == text
