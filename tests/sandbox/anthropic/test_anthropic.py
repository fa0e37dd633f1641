import pytest

from polyglot_cloud.sandbox.anthropic import wire
from polyglot_cloud.sandbox.shapes import Fault
from sandbox.kit import Asker, cloud


@pytest.fixture
def anthropic() -> Asker:
    return cloud("anthropic")


def test_models(anthropic: Asker) -> None:
    body = anthropic.get("/models").json
    rows = {row["id"]: row for row in body["data"]}
    assert rows["claude-sonnet-4-5-20250929"]["lifecycle"] == "deprecated"
    assert rows["claude-sonnet-4-5-20250929"]["retires_at"] == "2026-11-30T00:00:00Z"
    assert rows["claude-opus-4-5-20251101"]["display_name"] == "Claude Opus 4.5"
    kinds = rows["claude-sonnet-5-5"]["capabilities"]["thinking"]["types"]
    assert [kind for kind, told in kinds.items() if told["supported"]] == ["adaptive", "between_tools"]
    assert anthropic.get("/models/claude-haiku-4-5").json["id"] == "claude-haiku-4-5-20251001"
    assert anthropic.get("/models/nobody").json["error"]["type"] == "not_found_error"
    assert {row["lifecycle"] for row in anthropic.get("/models?lifecycle=active").json["data"]} == {"active"}


def test_pages(anthropic: Asker) -> None:
    whole = [row["id"] for row in anthropic.get("/models?limit=1000").json["data"]]
    first = anthropic.get("/models?limit=5").json
    assert (first["first_id"], first["last_id"], first["has_more"]) == (whole[0], whole[4], True)
    second = anthropic.get(f"/models?limit=5&after_id={first['last_id']}").json
    assert [row["id"] for row in second["data"]] == whole[5:10]
    back = anthropic.get(f"/models?limit=3&before_id={whole[5]}").json
    assert ([row["id"] for row in back["data"]], back["has_more"]) == (whole[2:5], True)
    end = anthropic.get(f"/models?after_id={whole[-1]}").json
    assert (end["data"], end["first_id"], end["has_more"]) == ([], None, False)


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "after_id=nobody"])
def test_bad_pages(anthropic: Asker, query: str) -> None:
    assert anthropic.get(f"/models?{query}").status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x_api_key": ""}, 401),
        ({"x_api_key": "wrong"}, 401),
        ({"x_api_key": "", "authorization": f"Bearer {wire.KEY}"}, 200),
        ({"x_api_key": "wrong", "authorization": f"Bearer {wire.KEY}"}, 401),
        ({"x_api_key": "", "authorization": "Basic x"}, 401),
    ],
)
def test_keys(anthropic: Asker, headers: dict[str, str], status: int) -> None:
    answer = anthropic.get("/models", **headers)
    assert answer.status == status
    if status == 401:
        assert answer.json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/messages", 405), ("POST", "/complete", 404), ("GET", "/messages", 405)],
)
def test_paths(anthropic: Asker, method: str, path: str, status: int) -> None:
    assert anthropic.ask(method, path, b"{}").status == status


@pytest.mark.parametrize("body", [b"{", b'{"max_tokens": Infinity}', b"\xff", b"[]"])
def test_bodies_that_are_no_json_object(anthropic: Asker, body: bytes) -> None:
    assert anthropic.post("/messages", body).status == 400


def test_a_model_nobody_knows(anthropic: Asker) -> None:
    answer = anthropic.post(
        "/messages", {"model": "claude-3-opus", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    )
    assert (answer.status, answer.json["error"]) == (
        404,
        {"type": "not_found_error", "message": "model: claude-3-opus"},
    )


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(("a",), "long", 2, "abc"), "a: String should have at most 2 characters"),
        (Fault(("a",), "short", 1, ""), "a: String should have at least 1 character"),
        (Fault(("a",), "most", 2, 3), "a: Input should be less than or equal to 2"),
        (Fault((), "type", "object", 3), "Input should be a valid dictionary"),
    ],
)
def test_words_of_faults(fault: Fault, text: str) -> None:
    assert wire.explain(fault) == text
