from typing import Any

import pytest

from polyglot_cloud.sandbox import shapes
from polyglot_cloud.sandbox.shapes import (
    Fault,
    check,
    each,
    either,
    flag,
    mapping,
    number,
    obj,
    opt,
    tagged,
    text,
    whole,
    word,
)

PART = tagged(
    "type", {"text": obj({"type!": text(), "text!": text(1)}), "image": obj({"type!": text(), "url!": text()})}
)


@pytest.mark.parametrize(
    ("shape", "value", "path", "kind"),
    [
        (text(), 1, (), "type"),
        (text(2), "a", (), "short"),
        (text(most=1), "ab", (), "long"),
        (text(pattern="^a"), "b", (), "pattern"),
        (whole(), 1.0, (), "type"),
        (whole(), True, (), "type"),
        (number(), True, (), "type"),
        (number(1), 0, (), "least"),
        (number(most=1), 1.5, (), "most"),
        (flag, 1, (), "type"),
        (word("a", "b"), "c", (), "choice"),
        (word("a"), 1, (), "type"),
        (each(whole()), {}, (), "type"),
        (each(whole(), 1), [], (), "short"),
        (each(whole(), 0, 1), [1, 2], (), "long"),
        (each(whole()), [1, "a"], (1,), "type"),
        (mapping(whole()), [], (), "type"),
        (mapping(whole(), 1), {"a": 1, "b": 2}, (), "long"),
        (mapping(whole()), {"a": "b"}, ("a",), "type"),
        (obj({"a!": text()}), [], (), "type"),
        (obj({"a!": text()}), {}, ("a",), "missing"),
        (obj({"a": text()}), {"b": 1}, ("b",), "unknown"),
        (obj({"a": text()}), {"a": 1}, ("a",), "type"),
        (obj({"a": text()}, open=True), {"b": 1, "a": 1}, ("a",), "type"),
        (either(text(), each(PART)), 5, (), "type"),
        (either(text(), each(PART)), [{"type": "text"}], (0, "text"), "missing"),
        (PART, "x", (), "type"),
        (PART, {}, ("type",), "missing"),
        (PART, {"type": "video"}, ("type",), "tag"),
        (PART, {"type": ["text"]}, ("type",), "tag"),
        (PART, {"type": "text", "text": ""}, ("text",), "short"),
        (tagged("type", {"a": obj({"type!": text()})}, spelt=True), {"type": "a", "b": 1}, ("a", "b"), "unknown"),
        (opt(text()), 1, (), "type"),
        (shapes.nothing, 0, (), "type"),
    ],
)  # fmt: skip
def test_faults(shape: shapes.Shape, value: Any, path: shapes.Path, kind: str) -> None:
    fault = check(shape, value)
    assert isinstance(fault, Fault)
    assert (fault.path, fault.kind) == (path, kind)


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (shapes.anything, object()),
        (opt(text()), None),
        (number(0, 2), 2),
        (whole(), 5),
        (obj({"a": text()}, open=True), {"b": 1}),
        (tagged("type", {"message": obj({"type": text()})}, otherwise="message"), {}),
        (either(text(), each(PART)), [{"type": "image", "url": "u"}]),
        (shapes.nothing, None),
    ],
)
def test_good_values(shape: shapes.Shape, value: Any) -> None:
    assert check(shape, value) is None
