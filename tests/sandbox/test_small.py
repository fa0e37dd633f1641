"""The smallest rooms: tokens, pieces, seals, caches, stores, vectors, triggers, strict schemas, paths of imports."""

import ast
import base64
from pathlib import Path
from typing import Any

import pytest

import polyglot_cloud.sandbox
from polyglot_cloud.catalog import load
from polyglot_cloud.sandbox import cache, grammar, models, pieces, seal, store, tokens, triggers
from polyglot_cloud.sandbox.gemini import proto
from polyglot_cloud.sandbox.openai import strict
from sandbox.kit import PERSON


def test_nothing_of_ours_is_imported() -> None:
    room = Path(polyglot_cloud.sandbox.__file__).parent
    for file in room.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith("polyglot_cloud") or name.startswith("polyglot_cloud.sandbox"), (
                    f"{file.name} imports {name}"
                )
                assert name.split(".")[0] not in {"starlette", "httpx", "pydantic", "openai", "anthropic", "google"}, (
                    f"{file.name} imports {name}"
                )


@pytest.mark.parametrize(
    ("value", "weight"),
    [
        ("", 0),
        ("abcde", 2),
        ("日本", 2),
        (["abcd", {"text": "abcd"}], 2),
        ({"type": "text", "id": "x" * 99}, 0),
        ({"data": "x" * 9999}, tokens.IMAGE),
        ("data:image/png;base64,xx", tokens.IMAGE),
        (b"x", tokens.IMAGE),
        (None, 0),
        (5, 1),
        ({"data": 5}, 1),
    ],
)
def test_weights(value: Any, weight: int) -> None:
    assert tokens.weigh(value) == weight


def test_weighing_bears_any_depth() -> None:
    value: Any = "abcd"
    for _ in range(50_000):
        value = [{"a": value}]
    assert tokens.weigh(value) == 1


def test_clipping_keeps_characters_whole() -> None:
    assert tokens.clip("日本語", 1) == "日"
    assert tokens.clip("abc", 5) == "abc"


@pytest.mark.parametrize("text", ["", " ", "one", "one two three four five ", "a\n\nb  c", "   leading"])
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces.text_pieces(text)) == text
    assert "".join(pieces.argument_pieces(text)) == text


def test_seals() -> None:
    sealed = seal.seal("gemini", {"m": "x"})
    assert seal.unseal("gemini", sealed) == {"m": "x"}
    assert seal.unseal("openai", sealed) is None
    assert seal.unseal("gemini", "!") is None
    raw = base64.b64decode(sealed)
    for place in range(len(raw)):
        altered = base64.b64encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]).decode()
        assert seal.unseal("gemini", altered) is None


def test_prefixes_age_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    prefixes = cache.Prefixes(lambda: now[0])
    prefixes.keep("a", 5)
    assert prefixes.seen("a")
    now[0] = 6
    assert not prefixes.seen("a")
    monkeypatch.setattr(cache, "_REMEMBERED", 2)
    for key in "bcd":
        prefixes.keep(key, 5)
    assert [prefixes.seen(key) for key in "bcd"] == [False, True, True]


def test_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST", 2)
    kept = store.Store()
    for name in "abc":
        kept.keep([], {"id": name, "output": [{"id": f"item_{name}"}]})
    assert [kept.history(name) for name in "abc"] == [None, *([{"id": f"item_{name}", "kept": True}] for name in "bc")]
    assert kept.item("item_a") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[sandbox:429 retry-after=2]]", {"429": triggers.Trigger((), {"retry-after": "2"})}),
        (
            "a [[sandbox:slow 3]] b [[sandbox:cut 5]]",
            {"slow": triggers.Trigger(("3",)), "cut": triggers.Trigger(("5",))},
        ),
        ("[[sandbox:hang ]]", {"hang": triggers.Trigger()}),
        ("[[sandbox]] [sandbox:x]", {}),
    ],
)
def test_marks(text: str, found: triggers.Triggers) -> None:
    assert triggers.find(text) == found


def test_marks_are_taken_out_of_the_text() -> None:
    assert triggers.without("Hello [[sandbox:slow 3]] there") == "Hello  there"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("[[sandbox:slow 1.5]]", "wait", 1.5),
        ("[[sandbox:slow]]", "wait", 3.0),
        ("[[sandbox:slow long]]", "wait", 3.0),
        ("[[sandbox:gap 20]]", "gap", 0.02),
        ("[[sandbox:cut 2]]", "cut", 2),
        ("[[sandbox:clean-cut]]", "clean_cut", 1),
        ("[[sandbox:error-event 0]]", "error_after", 0),
        ("[[sandbox:hang 4]]", "hang_after", 4),
        ("[[sandbox:hang]]", "wait", 3600.0),
        ("[[sandbox:split 7]]", "split", 7),
        ("hello", "wait", 0.0),
    ],
)
def test_deliveries(text: str, field: str, value: Any) -> None:
    assert getattr(triggers.delivery(triggers.find(text)), field) == value


def test_failures() -> None:
    memory = triggers.Memory()
    assert triggers.failure("[[sandbox:600]]", memory) is None
    assert triggers.failure("[[sandbox:slow 1]]", memory) is None
    assert triggers.failure("[[sandbox:500 times=often]]", memory) == triggers.Failure(500)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_REMEMBERED", 1)
    memory = triggers.Memory()
    trigger = triggers.Trigger((), {"times": "1"})
    assert [memory.spent("a", trigger), memory.spent("b", trigger), memory.spent("a", trigger)] == [False, False, False]


_FIELDS: Any = PERSON["properties"]


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        (PERSON, None),
        (
            {**PERSON, "$defs": {"y": True, "z": {"type": "array", "items": {"anyOf": [True, {"type": "string"}]}}}},
            None,
        ),
        ("x", "/ is not valid"),
        ({"type": "string"}, "got 'type: \"string\"'"),
        ({**PERSON, "anyOf": [{}]}, "'anyOf' is not permitted at the top level"),
        ({**PERSON, "oneOf": [{}]}, "'oneOf' is not permitted"),
        ({**PERSON, "required": ["name"]}, "Missing 'age'."),
        (
            {**PERSON, "properties": {**_FIELDS, "age": {"type": "object", "properties": {}}}},
            "In context=('properties', 'age'), 'additionalProperties'",
        ),
        (
            {**PERSON, "$defs": {"x": {"type": "array", "items": {"type": "object"}}}},
            "In context=('$defs', 'x', 'items')",
        ),
        (
            {**PERSON, "$defs": {"x": {"anyOf": [{"type": "object"}, True]}, "y": True}},
            "In context=('$defs', 'x', 'anyOf', '0')",
        ),
    ],
)
def test_strict_schemas(schema: Any, part: str | None) -> None:
    told = strict.problem(schema)
    assert told is None if part is None else told is not None and part in told


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int32", True), ("int32", 1.5), ("int32", 2**31), ("float", "warm"), ("bytes", 5), ("float", [])],
)
def test_scalars_that_are_none(kind: str, value: Any) -> None:
    reader = proto.Reader()
    reader.read(kind, value, "a")
    assert len(reader.violations) == 1


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (PERSON, None),
        (True, None),
        ("x", "/ is not valid"),
        ({"properties": {"a": {"type": "text"}}}, "/properties/a/type is not valid"),
        ({"required": "a"}, "/required is not valid"),
        ({"anyOf": []}, "/anyOf is not valid"),
    ],
)
def test_what_is_a_json_schema(schema: Any, told: str | None) -> None:
    assert grammar.problem(schema) == told


def test_a_schema_may_not_be_bottomless() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"not": schema}
    assert grammar.problem(schema)


@pytest.mark.parametrize(
    ("provider", "known"),
    [
        ("openai", models.OPENAI | models.OPENAI_ALIASES),
        ("anthropic", models.CLAUDE | models.CLAUDE_ALIASES),
        ("gemini", models.GEMINI | models.GEMINI_ALIASES),
        ("grok", models.GROK | models.GROK_ALIASES),
    ],
)
def test_every_name_in_service_is_known(provider: str, known: dict[str, Any]) -> None:
    rows = [row for row in load().rows if (row.provider, row.kind) == (provider, "chat") and row.status != "retired"]
    assert rows
    assert {name for row in rows for name in (row.id, *row.aliases)} - known.keys() == set()
